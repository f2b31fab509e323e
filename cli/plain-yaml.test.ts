// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { isJsonObject } from '../policies/document/json.ts';
import type { JsonPath } from '../policies/document/json.ts';
import { readManifests } from './manifest.ts';
import { readPlainYaml } from './plain-yaml.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const itemPaths = (value: unknown, path: JsonPath = []): readonly JsonPath[] => {
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => [[...path, index], ...itemPaths(item, [...path, index])]);
  return isJsonObject(value) ? Object.entries(value).flatMap(([key, item]) => itemPaths(item, [...path, key])) : [];
};

/** The mark of a document is nothing plain, so behind it the library reads. */
const sameAsLibrary = (text: string): boolean => {
  const plain = readPlainYaml(text);
  if (plain === undefined) return false;
  const { documents, problems } = readManifests(`---\n${text}`, 'f');
  assert.deepEqual(problems, [], text);
  assert.equal(documents.length, 1, text);
  const [document] = documents;
  assert.deepEqual(plain.value, document?.value, text);
  // The order of keys too.
  assert.equal(inspect(plain.value, { depth: 50 }), inspect(document?.value, { depth: 50 }), text);
  const [own] = readManifests(text, 'f').documents;
  for (const path of itemPaths(plain.value)) {
    const place = document?.positionOf(path);
    assert.deepEqual(own?.positionOf(path), { ...place, line: (place?.line ?? 0) - 1 }, `${text}\n${JSON.stringify(path)}`);
  }
  return true;
};

const WORDS = [
  'a',
  'b c',
  'yes',
  'on',
  'null',
  '~',
  '1',
  '0777',
  '0x1f',
  '1e3',
  '-1',
  '- a',
  '1_0',
  '.5',
  'a: b',
  'a #b',
  'a#b',
  'http://x',
  'x:1',
  '',
  ' a',
  'a ',
  "it's",
  'say "x"',
  '{a}',
  '[a',
  'a, b',
  '*',
  '&a',
  '!x',
  '|',
  '>',
  '%a',
  '@a',
  '`a',
  '?a',
  '? a',
  ':a',
  '=',
  '<<',
  '__proto__',
  'constructor',
  'é',
  '😀',
  'a\nb',
  'a\tb',
  'a\\b',
  '2001-01-01',
  '12:30',
  'y',
  'N',
  '.inf',
  '99999999999999999999',
];
const words = fc.constantFrom(...WORDS);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    words,
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.constant(null),
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('tree'), { maxLength: 4 }),
  map: fc.dictionary(words, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
}));

const TOKENS = [
  'a: ',
  'b: ',
  'c:',
  '- ',
  '-',
  '\n',
  '\n',
  '\n  ',
  '\n  ',
  '\n    ',
  ' ',
  '{',
  '}',
  '[',
  ']',
  ', ',
  ',',
  'x',
  '1',
  '"q"',
  "'s'",
  '#',
  ' # c',
  ': ',
  ':',
  '|',
  '"',
  "'",
  'a: 1',
  '\n- ',
  '\n  - ',
  '{a: 1}',
  '[1, 2]',
  'yes',
];

describe('plain YAML', () => {
  it('is read as the library reads it: what the library writes', (t) => {
    let plain = 0;
    fc.assert(
      fc.property(fc.dictionary(words, tree, { maxKeys: 4, noNullPrototype: true }), fc.boolean(), fc.nat(3), (value, flow, width) => {
        const options = {
          collectionStyle: flow ? 'flow' : 'any',
          indentSeq: width % 2 === 0,
          lineWidth: 20 + 30 * width,
          version: '1.1',
        } as const;
        if (sameAsLibrary(stringify(value, options))) plain += 1;
      }),
      { numRuns: 5_000 },
    );
    t.diagnostic(`${plain} of 5000 were plain`);
    assert.ok(plain > 500);
  });

  it('is read as the library reads it: anything put together from its tokens', (t) => {
    let plain = 0;
    const token = fc.constantFrom(...TOKENS);
    fc.assert(
      fc.property(fc.array(token, { maxLength: 9 }), (tokens) => {
        if (sameAsLibrary(`k: ${tokens.join('')}`)) plain += 1;
        if (sameAsLibrary(`k:\n  ${tokens.join('')}`)) plain += 1;
      }),
      { numRuns: 15_000 },
    );
    t.diagnostic(`${plain} of 30000 were plain`);
    assert.ok(plain > 3_000);
  });

  it('is read as the library reads it: the manifests of this tree, whole and damaged', (t) => {
    const files = globSync(['docs/**/*.yaml', 'policies/**/*.yaml', 'deploy/**/*.yaml', 'test/**/*.yaml'], { cwd: root });
    const texts = files.map((file) => readFileSync(`${root}/${file}`, 'utf8')).filter((text) => text.length < 4_000);
    assert.ok(texts.length > 10);
    let plain = texts.filter(sameAsLibrary).length;
    t.diagnostic(`${plain} of ${texts.length} files are plain`);
    const cut = fc.record({
      text: fc.constantFrom(...texts),
      at: fc.nat(4_000),
      put: fc.constantFrom('', ' ', '\n', ': ', '-', '"', '{', ' #'),
    });
    fc.assert(
      fc.property(cut, fc.nat(3), ({ text, at, put }, remove) => {
        const index = at % text.length;
        if (sameAsLibrary(text.slice(0, index) + put + text.slice(index + remove))) plain += 1;
      }),
      { numRuns: 3_000 },
    );
  });

  it('is nothing that needs more than one look', () => {
    for (const text of ['', '\n', 'a', '- a', '[a]', '{a: 1}', 'a: &x 1', 'a: *x', 'a: !!str 1', 'a: |\n  b', 'a: b\n  c', 'a: 1\na: 2'])
      assert.equal(readPlainYaml(text), undefined, text);
    for (const text of [
      'a: 1\n---\nb: 2',
      '%YAML 1.1\n---\na: 1',
      'a:\t1',
      'a: 1\r\n',
      '\ufeffa: 1',
      '__proto__: 1',
      '<<: {a: 1}',
      'a: .nan',
    ])
      assert.equal(readPlainYaml(text), undefined, text);
    assert.equal(readPlainYaml(`a: ${'['.repeat(200)}${']'.repeat(200)}`), undefined);
  });
});
