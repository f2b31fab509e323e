// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile } from './index.ts';
import type { Value } from './index.ts';

const variables = ['object'];
const items = (count: number): Value => Array.from({ length: count }, (_, index) => index);

describe('the effort', () => {
  const texts = (text: (index: number) => string, count = 10_000): Value => Array.from({ length: count }, (_, index) => text(index));
  const mixed = 'aB'.repeat(450_000);
  const versions = { l: texts((index) => `1.2.${index}`) };
  const times = { l: texts(() => '2024-01-01T00:00:00.5+02:00') };
  const addresses = { l: texts(() => '2001:db8:1:2:3:4:5:6') };
  const few = { t: texts((index) => `k${index}`, 2_000) };
  const inner = { l: texts((index) => `zz${index}`), s: 'abz'.repeat(1_000) };
  const cases: readonly (readonly [expression: string, object: Value])[] = [
    ["object.t.map(x, object.t.indexOf('zz'))", few],
    ["object.t.map(x, object.t.lastIndexOf('zz'))", few],
    ['object.t.map(x, object.t.indexOf(x))', { t: Array.from({ length: 400 }, (_, index) => ({ a: [{ b: [[], {}, ''] }], index })) }],
    ["object.t.map(x, 'zz' in object.t)", few],
    ['object.l.map(x, object.l == object.m)', { l: texts(() => 'k'), m: texts(() => 'k') }],
    ['object.s.lowerAscii().upperAscii().trim()', { s: mixed }],
    ['object.s.lowerAscii()', { s: `é${mixed}`.slice(0, 200_000) }],
    ['object.l.map(x, object.s.trim())', { l: texts(() => 'x'), s: `${' '.repeat(1_000)}x${' '.repeat(1_000)}` }],
    ['object.l.map(x, object.t + object.t)', { l: texts(() => 'x'), t: texts(() => 'x', 100) }],
    ['object.l.map(x, object.l.max())', { l: texts(() => 'k') }],
    ['object.l.map(x, object.s.indexOf(x))', inner],
    ['object.l.map(x, object.s.lastIndexOf(x))', { l: texts(() => `${'a'.repeat(20)}b`), s: 'a'.repeat(5_000) }],
    ['object.s.indexOf(object.p)', { s: 'a'.repeat(900_000), p: `aba${'a'.repeat(50_000)}` }],
    ['object.s.lastIndexOf(object.p)', { s: 'a'.repeat(900_000), p: `${'a'.repeat(50_000)}b` }],
    ['object.l.map(x, object.s.substring(1, 4000))', { l: texts(() => 'x'), s: 'é😀'.repeat(3_000) }],
    ["object.s.replace('a', 'bbbbbbbb')", { s: 'axyz'.repeat(100_000) }],
    ["object.l.map(x, x.replace('a', 'bb'))", { l: texts(() => 'aaxaa') }],
    ['object.l.map(x, quantity(x))', { l: texts((index) => `${index}.5Mi`) }],
    ['object.l.map(x, semver(x))', versions],
    ['object.l.map(x, timestamp(x).getDayOfYear())', times],
    ['object.l.map(x, string(timestamp(x)))', times],
    ['object.l.map(x, string(ip(x)))', addresses],
    ["object.l.map(x, cidr('2001:db8::/32').containsIP(x))", addresses],
    ["object.l.map(x, '%.1000f'.format([1.5]))", versions],
    ["object.l.map(x, '%e %x'.format([1.5, x]))", versions],
    ["object.l.map(x, x.findAll('[0-9]'))", versions],
  ];

  /** Microseconds of processor time that a unit of effort takes at best; undefined = nothing much was done. */
  const perUnit = (expression: string, object: Value): number | undefined => {
    const compiled = compile(expression, { variables });
    assert.ok(compiled.ok, JSON.stringify(compiled));
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 6; run++) {
      const budget = { remaining: 1_000_000, effort: 3_000_000 };
      const before = process.cpuUsage();
      compiled.program.evaluate({ object }, budget);
      const { user, system } = process.cpuUsage(before);
      const used = 3_000_000 - budget.effort;
      if (used < 500_000) return undefined;
      best = Math.min(best, (user + system) / used);
    }
    return best;
  };

  it('that is charged is the work that is done, by the measure of a plain loop', () => {
    const plain = (): number => perUnit('object.all(x, object.exists(y, y == 9999 - x))', items(10_000)) ?? 0;
    for (const [expression, object] of cases) {
      const measured = perUnit(expression, object) ?? 0;
      // Measured beside it: the load of the machine changes. What is charged far too little takes five times and more.
      assert.ok(measured < 2.5 * plain(), `${expression}: ${measured * 1_000} ns a unit, a loop ${plain() * 1_000}`);
    }
  });
});
