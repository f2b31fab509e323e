// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CelDouble, CelDuration, CelOptional, CelTimestamp, CelUint, compile, isCelError } from '../index.ts';
import type { Bindings } from '../index.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';

/** Variables of every type, and a value of each. */
const typed: Readonly<Record<string, Type>> = {
  i: types.INT,
  s: types.STRING,
  d: types.DOUBLE,
  u: types.UINT,
  t: types.BOOL,
  y: types.BYTES,
  ts: types.TIMESTAMP,
  du: types.DURATION,
  li: types.listOf(types.INT),
  ls: types.listOf(types.STRING),
  msi: types.mapOf(types.STRING, types.INT),
  oi: types.optionalOf(types.INT),
  st: types.structOf('writ.Test', { a: types.INT, b: types.listOf(types.STRING) }),
};
const bindings: Bindings = {
  i: 3,
  s: 'abc',
  d: new CelDouble(1.5),
  u: new CelUint(2n),
  t: true,
  y: new Uint8Array([1]),
  ts: new CelTimestamp(5n),
  du: new CelDuration(7n),
  li: [1, 2],
  ls: ['a', 'b'],
  msi: { a: 1, constructor: 2 },
  oi: new CelOptional(1),
  st: { a: 1, b: ['c'] },
  object: { a: [1, { b: null }], constructor: 'x' },
};

/** Expressions over the leaves, right or wrong. */
const over = (leaves: readonly string[]): fc.Arbitrary<string> =>
  fc.letrec<{ expression: string }>((tie) => {
    const e = tie('expression');
    const one = (names: readonly string[], text: (name: string, x: string) => string): fc.Arbitrary<string> =>
      fc.tuple(fc.constantFrom(...names), e).map(([name, x]) => text(name, x));
    const two = (names: readonly string[], text: (name: string, x: string, z: string) => string): fc.Arbitrary<string> =>
      fc.tuple(fc.constantFrom(...names), e, e).map(([name, x, z]) => text(name, x, z));
    return {
      expression: fc.oneof(
        { maxDepth: 3, depthSize: 'small' },
        { weight: 3, arbitrary: fc.constantFrom(...leaves) },
        two(['+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', 'in', '&&', '||'], (operator, x, z) => `(${x}) ${operator} (${z})`),
        one(['a', 'b', 'constructor'], (name, x) => `(${x}).${name}`),
        one(['a', 'b'], (name, x) => `has((${x}).${name})`),
        one(['a', 'b'], (name, x) => `(${x}).?${name}`),
        two(['[', '[?'], (open, x, z) => `(${x})${open}${z}]`),
        two(['t', 'i < 1'], (condition, x, z) => `${condition} ? (${x}) : (${z})`),
        two(['all', 'exists', 'exists_one', 'map', 'filter', 'optMap', 'optFlatMap'], (macro, x, z) => `(${x}).${macro}(v, ${z})`),
        two(['all', 'transformList', 'transformMap', 'transformMapEntry'], (macro, x, z) => `(${x}).${macro}(v, w, ${z})`),
        one(['size', 'string', 'int', 'double', 'type', 'bytes', 'uint', 'bool', 'optional.of', '!', '-'], (name, x) => `${name}(${x})`),
        one(['trim', 'lowerAscii', 'hasValue', 'value', 'join', 'first', 'getHours', 'size'], (name, x) => `(${x}).${name}()`),
        two(['startsWith', 'contains', 'split', 'orValue', 'or', 'charAt', 'indexOf'], (name, x, z) => `(${x}).${name}(${z})`),
        two([', '], (comma, x, z) => `[${x}${comma}${z}]`),
        two([': '], (colon, x, z) => `{${x}${colon}${z}}`),
      ),
    };
  }).expression;

/** Without dyn, and without null, which fits durations, optionals and structs but has none of their functions. */
const exact = [...Object.keys(typed), 'v', 'w', '1', '0', '1.5', '2u', "'a'", "b'x'", 'true', '[1]', "{'a': 1}", "duration('1s')"];
const anything = [...exact, 'object', 'object.a', 'null', '[]', '{}', 'int', 'optional.none()', 'nothing', 'st{}', 'dyn(1)', 'constructor'];

describe('checking', () => {
  it('is total: a typed program, or issues with places inside of the text', () => {
    fc.assert(
      fc.property(over(anything), fc.constantFrom('bool', 'any', 'string-or-null'), (source, result) => {
        const compiled = compile(source, { variables: { ...typed, object: types.DYN }, result });
        if (compiled.ok) return;
        assert.ok(compiled.issues.length > 0);
        for (const { line, column, offset, message } of compiled.issues)
          assert.ok(line === 1 && column >= 1 && offset >= 0 && offset < source.length && message !== '', source);
      }),
      { numRuns: 5_000 },
    );
  });

  it('leaves no call without an overload where nothing is dyn', (t) => {
    let programs = 0;
    fc.assert(
      fc.property(over(exact), (source) => {
        const compiled = compile(source, { variables: typed });
        if (!compiled.ok) return;
        programs++;
        const outcome = compiled.program.evaluate(bindings, { remaining: 100_000 });
        assert.ok(!isCelError(outcome) || !outcome.message.startsWith('no such overload'), source);
      }),
      { numRuns: 20_000 },
    );
    t.diagnostic(`${programs} of 20000 expressions hold`);
    assert.ok(programs > 1_000);
  });

  it('finds types that the values have', () => {
    const KINDS: Readonly<Record<string, RegExp>> = {
      int: /^int$/,
      bool: /^bool$/,
      string: /^string$/,
      double: /^double$/,
      uint: /^uint$/,
    };
    fc.assert(
      fc.property(over(exact), (source) => {
        const compiled = compile(source, { variables: typed });
        const wanted = compiled.ok ? KINDS[compiled.program.type.kind] : undefined;
        if (wanted === undefined) return;
        const named = compile(`string(type(${source}) == ${source.length > 0 && compiled.ok ? compiled.program.type.kind : 'int'})`, {
          variables: typed,
        });
        assert.ok(named.ok, source);
        const outcome = named.program.evaluate(bindings, { remaining: 100_000 });
        assert.ok(isCelError(outcome) || outcome === 'true', source);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('types that grow without bound', () => {
  const endsWithin = (ms: number, work: () => void): void => {
    const start = performance.now();
    work();
    assert.ok(performance.now() - start < ms, `took ${performance.now() - start} ms`);
  };

  for (const [name, source] of [
    ['maps of maps', `[1]${'.map(x, {x: x})'.repeat(40)}`],
    ['maps of maps, unknown', `[]${'.map(x, [{x: x}])'.repeat(40)}`],
    ['lists of lists', `${'['.repeat(200)}${']'.repeat(200)}${'.map(x, [x, x])'.repeat(240)}`],
    ['sums of empty lists', `[]${' + []'.repeat(240)}`],
    ['a long list of empty maps', `[${'{}, '.repeat(10_000)}{}]`],
  ] as const)
    it(`end: ${name}`, () => endsWithin(10_000, () => compile(source, { variables: [] })));

  it('are told, not thrown', () => {
    const compiled = compile(`[1]${'.map(x, {x: x})'.repeat(40)}`, { variables: [] });
    assert.ok(!compiled.ok);
    assert.deepEqual(
      compiled.issues.map(({ message }) => message),
      ['the types of the expression are too large to check'],
    );
  });
});

describe('declarations', () => {
  it('may have names that objects inherit', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      assert.ok(!compile(name, { variables: {} }).ok, name);
      assert.ok(!compile(`st.${name}`, { variables: typed }).ok, name);
      const variables = Object.fromEntries([[name, types.INT]]);
      const compiled = compile(`${name} + 1`, { variables });
      assert.ok(compiled.ok && compiled.program.type.kind === 'int', name);
      assert.equal(compiled.program.evaluate(Object.fromEntries([[name, 1]]), { remaining: 10 }), 2);
    }
  });

  it('without types are dyn', () => {
    const compiled = compile('a.b.c + 1', { variables: ['a'] });
    assert.ok(compiled.ok && compiled.program.type.kind === 'int');
    assert.ok(compile('a', { variables: ['a'] }).ok);
    assert.ok(!compile('a', { variables: ['a'], result: 'bool' }).ok);
  });
});
