// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compile, createSharing, isCelError, Memo, parseJson } from '../index.ts';
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
  '{"name": "a", "a": {"b": ["a", "b"], "a": null}, "containers": [{"name": "a"}, {"name": "b", "a": true}], "b": null}',
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

/** What sets of policies are made of: the same rest with other exceptions, and the rest by itself. */
const WHOLES: readonly ((rest: string) => string)[] = [
  ...['a', 'b', 'a name that is longer than the others'].map(
    (name) => (rest: string) => `object.containers.all(x, x.name == '${name}' || ${rest})`,
  ),
  (rest) => `object.containers.all(x, x.name != 'a' || ${rest})`,
  (rest) => `object.containers.exists(x, ${rest} && x.name == 'b')`,
  (rest) => `object.containers.filter(x, ${rest}).size() == 1`,
  (rest) => `object.containers.exists_one(x, ${rest})`,
  (rest) => `object.containers.all(i, x, i == 0 || ${rest})`,
  (rest) => `object.containers.map(x, x.name).all(x, x == 'a' || ${rest})`,
  (rest) => `object.a.all(x, ${rest}) || object.a.exists(x, ${rest})`,
  (rest) => `[{'name': 'c'}, object].exists(x, ${rest})`,
  (rest) => `optional.of(x).optMap(x, ${rest}).orValue(true)`,
  (rest) => `${rest} || x == 'b'`,
  ...['object.containers', '[object]', "[{'name': 'z'}, {'name': 'y'}]"].map(
    (list) => (rest: string) => `object.containers.exists(x, ${rest}) || ${list}.sortBy(e, e.name).map(e, e.name).join('') == 'ab'`,
  ),
  (rest) => rest,
];

test('what is remembered of the same variables says and costs what evaluating it says and costs', () => {
  const sharing = createSharing(['object']);
  let ran = 0;
  fc.assert(
    fc.property(bool, fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 900 }), (rest, steps, effort) => {
      const options = { variables: ['object', 'x'] };
      const pairs = WHOLES.flatMap((whole) => {
        const source = whole(rest);
        const [alone, shared] = [compile(source, options), compile(source, { ...options, sharing })];
        return alone.ok && shared.ok ? [{ source, alone: alone.program, shared: shared.program }] : [];
      });
      const memo = new Memo();
      for (const x of ['b', 'a', { name: 'a' }]) {
        for (const budget of [
          { remaining: 100_000, effort: 1_000_000 },
          { remaining: steps, effort: 1_000_000 },
          { remaining: 100_000, effort },
        ]) {
          for (const { source, alone, shared } of pairs) {
            const [one, other] = [{ ...budget }, { ...budget }];
            const bindings = { object: OBJECT, x };
            const [expected, found] = [alone.evaluate(bindings, one), shared.evaluate(bindings, other, memo)];
            assert.deepEqual(isCelError(found) ? found.message : found, isCelError(expected) ? expected.message : expected, source);
            assert.deepEqual(other, one, source);
            ran += 1;
          }
        }
      }
    }),
    { numRuns: 100 },
  );
  assert.ok(ran > 5_000, `${ran} evaluations`);
});

test('another memo knows nothing of the object before', () => {
  const sharing = createSharing(['object']);
  const sources = ['a', 'b', 'c'].map((name) => `object.list.all(e, e.name == '${name}' || (has(e.good) && e.good.size() > 0))`);
  const programs = sources.flatMap((source) => {
    const compiled = compile(source, { variables: ['object'], sharing });
    return compiled.ok ? [compiled.program] : [];
  });
  const judge = (text: string): readonly unknown[] => {
    const [memo, object] = [new Memo(), parseJson(text)];
    return programs.map((program) => program.evaluate({ object }, { remaining: 1_000 }, memo));
  };
  assert.deepEqual(judge('{"list": [{"name": "x", "good": "yes"}]}'), [true, true, true]);
  assert.deepEqual(judge('{"list": [{"name": "b"}]}'), [false, true, false]);
  assert.deepEqual(judge('{"list": [{"name": "x", "good": "yes"}]}'), [true, true, true]);
});

test('two memos at once keep their objects apart, whatever these hold', () => {
  const sharing = createSharing(['object']);
  const programs = ['1', 'null', "'t'"].flatMap((value) => {
    const compiled = compile(`dyn(object.a.b) == ${value}`, { variables: ['object'], sharing });
    return compiled.ok ? [compiled.program] : [];
  });
  const values = ['"t"', 'null', '1', 'true', '{}'];
  const expected = new Map([
    ['"t"', [false, false, true]],
    ['null', [false, true, false]],
    ['1', [true, false, false]],
  ]);
  for (const pair of values.flatMap((one) => values.map((other) => [one, other] as const))) {
    const objects = pair.map((value) => ({ memo: new Memo(), value, object: parseJson(`{"a": {"b": ${value}}}`) }));
    for (const [index, program] of programs.entries())
      for (const { memo, value, object } of objects)
        assert.equal(program.evaluate({ object }, { remaining: 100 }, memo), expected.get(value)?.[index] ?? false, pair.join());
  }
});
