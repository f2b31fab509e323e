// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caretUnder } from './caret.ts';
import { temporaryFolder } from './spawn-writ.ts';

describe('writ eval', () => {
  it('tells value and cost', () => {
    using folder = temporaryFolder();
    assert.deepEqual(folder.writ(['eval', '1 + 1']), { code: 0, out: '2\ntype: int\ncost: 1\n', err: '' });
    const { out } = folder.writ([
      'eval',
      "[x, y, z, dyn(double(x)), dyn(b'a'), dyn(timestamp('2026-01-01T00:00:00Z'))]",
      '--var',
      'x=1',
      '--var',
      'y=a',
      '--var',
      'z={"k": [null]}',
    ]);
    assert.match(out, /^\[1, "a", \{"k": \[null\]\}, 1\.0, b"a", timestamp\("2026-01-01T00:00:00Z"\)\]\n/);
  });

  it('loses no digit in JSON', () => {
    using folder = temporaryFolder();
    const { code, out } = folder.writ(['eval', '[n, dyn(n + 1)]', '--var', 'n=9007199254740993', '--output', 'json']);
    assert.equal(code, 0);
    const { value, cost, expression } = JSON.parse(out);
    assert.deepEqual([value, expression], [['9007199254740993', '9007199254740994'], '[n, dyn(n + 1)]']);
    assert.equal(typeof cost, 'number');
  });

  it('has the variables of a policy with --object', () => {
    using folder = temporaryFolder();
    folder.write({
      'pod.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n',
      'old.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: old}\n',
      'params.yaml': 'max: 0777\n',
    });
    const { out } = folder.writ([
      'eval',
      '[workload.containers[0].image, request.operation, oldObject.metadata.name, namespaceObject.metadata.name, dyn(string(params.max)), tenant.name]',
      '--object',
      'pod.yaml',
      '--old-object',
      'old.yaml',
      '--params',
      'params.yaml',
      '--namespace',
      'team',
      '--tenant',
      'acme',
    ]);
    assert.match(out, /^\["i", "UPDATE", "old", "team", "511", "acme"\]\n/);
  });

  it('shows where it failed', () => {
    using folder = temporaryFolder();
    const { code, out, err } = folder.writ(['eval', 'o.a.b == 1', '--var', 'o={"a": {}}']);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /^error: no such key: b\n {2}o\.a\.b == 1\n {5}\^\ncost: \d+\n$/);
    assert.match(folder.writ(['eval', '1 + nothing']).err, /^error: undeclared reference to 'nothing'.*\n {2}1 \+ nothing\n {6}\^\n$/);
    const [issue] = JSON.parse(folder.writ(['eval', '1 +', '--output', 'json']).out).issues;
    assert.deepEqual([issue.line, issue.column, issue.offset], [1, 4, 3]);
  });

  it('is told how to be called', () => {
    using folder = temporaryFolder();
    assert.equal(folder.writ(['eval']).code, 2);
    assert.match(folder.writ(['eval', '1', '--var', 'x']).err, /write NAME=JSON/);
    assert.match(folder.writ(['eval', '1', '--old-object', 'x']).err, /--old-object needs --object/);
  });
});

describe('the caret', () => {
  for (const [name, source, offset, expected] of [
    ['under its character', 'a && b', 5, 'a && b\n     ^\n'],
    ['in its line', 'a &&\n  b\n&& c', 7, '  b\n  ^\n'],
    ['past the end', 'a', 9, 'a\n ^\n'],
    ['behind tabs', '\ta', 1, '\ta\n\t^\n'],
    ['under a wide character', '"😀" + x', 7, '"😀" + x\n      ^\n'],
  ] as const) {
    it(name, () => assert.equal(caretUnder(source, offset, ''), expected));
  }
  it('is never far out in a long line', () => {
    const [shown = '', caret = ''] = caretUnder(`${'x'.repeat(5_000)}!`, 5_000, '').split('\n');
    assert.ok(shown.length <= 140);
    assert.equal(shown[caret.indexOf('^')], '!');
  });
});
