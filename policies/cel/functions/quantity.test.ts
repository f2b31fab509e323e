// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CelDouble, compile, isBudgetError, isCelError } from '../index.ts';
import type { Value } from '../index.ts';

/** The value, or the text of the error. */
const evaluate = (expression: string, bindings: Readonly<Record<string, Value>> = {}): unknown => {
  const compiled = compile(expression, { variables: Object.keys(bindings) });
  assert.ok(compiled.ok, JSON.stringify(compiled));
  const value = compiled.program.evaluate(bindings, { remaining: 1_000_000 });
  if (isCelError(value)) return `error: ${value.message}`;
  return value instanceof CelDouble ? value.value : value;
};

const FORM = "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const rows: readonly (readonly [string, unknown])[] = [
  ["quantity('1000m') == quantity('1')", true],
  ["quantity('1000m').isInteger()", false],
  ["quantity('1000m').asInteger()", 'error: cannot convert value to integer'],
  ["quantity('1k').asInteger()", 1000],
  ["quantity('1Gi').asInteger()", 1_073_741_824],
  ["quantity('200M') == quantity('0.2G')", true],
  ["quantity('1.5Gi').isInteger()", false],
  ["quantity('0.1').asApproximateFloat()", 0.1],
  ["sign(quantity('-5m'))", -1],
  ["quantity('5').add(7).compareTo(quantity('12'))", 0],
  ["quantity('5').sub(quantity('5.5')).compareTo(quantity('-500m'))", 0],
  ["quantity('9223372036854775807').add(1).isInteger()", false],
  ["quantity('9223372036854775807').add(1).isGreaterThan(quantity('9223372036854775807'))", true],
  ["quantity('1n').isLessThan(quantity('1u'))", true],
  ["quantity('0.1n') == quantity('1n')", true],
  ["quantity('100Ei') == quantity('9223372036854775807')", true],
  ["quantity('0').add(1) == quantity('1')", true],
  ["quantity('1') == quantity('0').add(1)", 'error: no such overload'],
  ["isQuantity('-')", true],
  ["isQuantity('.')", true],
  ["isQuantity('.Ei')", false],
  ["isQuantity('1 ')", false],
  ["quantity('x')", FORM],
  ["quantity('1K')", "error: unable to parse quantity's suffix"],
  ["quantity('.Ei')", 'error: unable to parse numeric part of quantity'],
];

describe('quantities', () => {
  for (const [expression, expected] of rows) it(expression, () => assert.deepEqual(evaluate(expression), expected));

  it('have no sign member, as in Kubernetes', () => assert.ok(!compile("quantity('1').sign()", { variables: [] }).ok));

  it('add, subtract and compare as rational numbers do', () => {
    const amount = fc.record({ mantissa: fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), decimals: fc.integer({ min: 0, max: 9 }) });
    const text = ({ mantissa, decimals }: { mantissa: bigint; decimals: number }): string => {
      const digits = (mantissa < 0n ? -mantissa : mantissa).toString().padStart(decimals + 1, '0');
      return `${mantissa < 0n ? '-' : ''}${digits.slice(0, digits.length - decimals)}.${digits.slice(digits.length - decimals)}`;
    };
    const nanos = ({ mantissa, decimals }: { mantissa: bigint; decimals: number }): bigint => mantissa * 10n ** BigInt(9 - decimals);
    const sign = (value: bigint): number => (value < 0n ? -1 : value > 0n ? 1 : 0);
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        const bindings = { a: text(a), b: text(b), sum: `${nanos(a) + nanos(b)}n`, difference: `${nanos(a) - nanos(b)}n` };
        assert.equal(evaluate('quantity(a).compareTo(quantity(b))', bindings), sign(nanos(a) - nanos(b)));
        assert.equal(evaluate('quantity(a).add(quantity(b)) == quantity(sum)', bindings), true);
        assert.equal(evaluate('quantity(a).sub(quantity(b)) == quantity(difference)', bindings), true);
      }),
      { numRuns: 150 },
    );
  });

  it('of any size end by the budget, not by the clock', () => {
    const far = { far: '1e2147483647', near: '1', long: '9'.repeat(1_000_000), zeros: `${'0'.repeat(500_000)}x` };
    assert.equal(evaluate('quantity(far).isGreaterThan(quantity(near))', far), true);
    for (const expression of [
      'quantity(far).add(quantity(near))',
      'quantity(long)',
      'isQuantity(long)',
      'quantity(long + "e2147483647")',
    ]) {
      const compiled = compile(expression, { variables: Object.keys(far) });
      assert.ok(compiled.ok);
      assert.ok(isBudgetError(compiled.program.evaluate(far, { remaining: 1_000_000 })), expression);
    }
    const start = performance.now();
    assert.equal(evaluate('isQuantity(zeros)', far), false);
    assert.ok(performance.now() - start < 250);
  });
});
