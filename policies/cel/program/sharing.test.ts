// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compile, createSharing, isCelError, parseJson } from '../index.ts';
import type { Program } from '../index.ts';

const field = fc.constantFrom('name', 'a', 'b', 'constructor', '__proto__', 'containers');
const { bool, value } = fc.letrec<{ bool: string; value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'expression' },
    fc.constantFrom('object', 'x', '1', '2', "'a'", "'b'", 'true', 'null', "['a', 'b']", "{'a': 1}", 'dyn(1.5)'),
    fc.tuple(tie('value'), field).map(([of, name]) => (name === '__proto__' ? `${of}['__proto__']` : `${of}.${name}`)),
    fc.tuple(tie('value'), tie('value')).map(([of, key]) => `${of}[?${key}].orValue(${key})`),
    fc.tuple(tie('bool'), tie('value'), tie('value')).map(([test_, yes, no]) => `(${test_} ? dyn(${yes}) : dyn(${no}))`),
    fc.tuple(tie('value'), tie('value')).map(([of, mapped]) => `dyn(${of}).map(x, ${mapped})`),
  ),
  bool: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'expression' },
    fc.tuple(tie('value'), tie('value')).map(([left, right]) => `dyn(${left}) == dyn(${right})`),
    fc.tuple(tie('value'), field).map(([of, name]) => `has(dyn(${of}).${name === '__proto__' ? 'a' : name})`),
    fc.tuple(tie('bool'), tie('bool')).map(([left, right]) => `(${left} && ${right})`),
    fc.tuple(tie('bool'), tie('bool')).map(([left, right]) => `(${left} || ${right})`),
    fc.tuple(tie('value'), tie('bool')).map(([of, each]) => `dyn(${of}).all(x, ${each})`),
    fc.tuple(tie('value'), tie('value')).map(([one, of]) => `(dyn(${one}) in dyn(${of}))`),
    tie('value').map((of) => `dyn(${of}).matches('^(a|b)$')`),
    tie('bool').map((inner) => `!${inner}`),
  ),
}));

const OBJECT = parseJson(
  '{"name": "a", "a": {"b": ["a", "b"], "a": 1}, "containers": [{"name": "a"}, {"name": "b", "a": true}], "b": null}',
);

const outcome = (program: Program, remaining: number): { readonly result: unknown; readonly left: number } => {
  const budget = { remaining };
  const result = program.evaluate({ object: OBJECT, x: 'b' }, budget);
  return { result: isCelError(result) ? `error: ${result.message}` : result, left: budget.remaining };
};

test('a program that shares says and costs what it says and costs alone', () => {
  const sharing = createSharing();
  let ran = 0;
  fc.assert(
    fc.property(fc.oneof(bool, value), fc.integer({ min: 1, max: 60 }), (source, steps) => {
      const options = { variables: ['object', 'x'] };
      const alone = compile(source, options);
      const shared = compile(source, { ...options, sharing });
      assert.equal(shared.ok, alone.ok);
      if (!alone.ok || !shared.ok) return;
      for (const remaining of [100_000, steps]) {
        assert.deepEqual(outcome(shared.program, remaining), outcome(alone.program, remaining), source);
      }
      ran += 1;
    }),
    { numRuns: 4_000 },
  );
  assert.ok(ran > 1_000, `${ran} expressions ran`);
});

test('what programs share knows no place, and the rest of a program does not count it as its own', () => {
  const sharing = createSharing();
  const evaluate = (source: string, shared: boolean): unknown => {
    const compiled = compile(source, { variables: ['object'], ...(shared ? { sharing } : {}) });
    assert.ok(compiled.ok, source);
    return compiled.program.evaluate({ object: OBJECT }, { remaining: 100 });
  };
  const alone = evaluate('1 == 2 || object.gone', false);
  const shared = evaluate('1 == 2 || object.gone', true);
  assert.ok(isCelError(alone) && isCelError(shared));
  assert.equal(alone.offset, 16);
  assert.equal(shared.offset, -1);
  assert.equal(shared.message, alone.message);
});
