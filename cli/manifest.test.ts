// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readManifests } from './manifest.ts';

const values = (text: string): readonly unknown[] => readManifests(text, 'a.yaml').documents.map(({ value }) => value);
const problem = (text: string): string => {
  const [first] = readManifests(text, 'a.yaml').problems;
  return first === undefined ? 'none' : `${first.at?.line}:${first.at?.column} ${first.message}`;
};

describe('manifests', () => {
  it('reads several documents, leaving empty ones out', () => {
    assert.deepEqual(values('---\na: 1\n---\n---\nb: yes\n...\n'), [{ a: 1 }, { b: true }]);
  });

  it('resolves anchors and merge keys; what is given beside them wins', () => {
    assert.deepEqual(values('base: &b {x: 1, z: 2}\none: {<<: *b, z: 3}\ntwo: {<<: [{x: 9}, *b]}\n'), [
      { base: { x: 1, z: 2 }, one: { x: 1, z: 3 }, two: { x: 9, z: 2 } },
    ]);
  });

  it('keeps hostile keys as data', () => {
    const [value] = values('__proto__: {admin: true}\nconstructor: 1\n"1": a\n2: b\n');
    assert.ok(typeof value === 'object' && value !== null);
    assert.deepEqual(Object.keys(value), ['1', '2', '__proto__', 'constructor']);
    assert.equal('admin' in value, false);
  });

  it('unpacks a List, with the places of its items', () => {
    const { documents } = readManifests('kind: List\nitems:\n- kind: A\n- kind: B\n  spec: {x: abc}\n', 'a.yaml');
    assert.deepEqual(
      documents.map(({ value }) => value['kind']),
      ['A', 'B'],
    );
    assert.deepEqual(documents[1]?.positionOf(['spec', 'x']), { file: 'a.yaml', line: 5, column: 10 });
    assert.deepEqual(documents[1]?.positionIn(['spec', 'x'], 1), { file: 'a.yaml', line: 5, column: 14 });
    assert.notEqual(documents[0]?.digest, documents[1]?.digest);
  });

  for (const [name, text, expected] of [
    ['a key that is given twice', 'a: 1\na: 2\n', '2:1 the key a is given twice'],
    ['an alias of nothing', 'a: *b\n', /1:4 .*b/],
    ['an alias within its own anchor', 'a: &x [*x]\n', /1:8 .*x/],
    ['what has no JSON value', 'a: .inf\n', '1:4 .inf has no JSON value'],
    ['a list', '- a\n', '1:1 the document is no mapping'],
    ['broken YAML', 'a: [\n', /^\d+:\d+ /],
  ] as const) {
    it(`tells ${name} at its place`, () => {
      if (typeof expected === 'string') assert.equal(problem(text), expected);
      else assert.match(problem(text), expected);
    });
  }

  it('ends aliases that multiply', () => {
    const lines = Array.from({ length: 30 }, (_, index) =>
      index === 0
        ? 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
        : `a${index}: &a${index} [${Array(10)
            .fill(`*a${index - 1}`)
            .join(', ')}]`,
    );
    assert.match(problem(lines.join('\n')), /aliases written out|levels of nesting/);
  });

  it('ends nesting that is too deep', () => {
    assert.notEqual(problem(`a: ${'['.repeat(600)}${']'.repeat(600)}`), 'none');
    assert.notEqual(problem(`a: ${'['.repeat(100_000)}`), 'none');
  });
});
