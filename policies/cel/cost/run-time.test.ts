// SPDX-License-Identifier: Apache-2.0
// What Kubernetes 1.36.3 charged for these expressions, asked of its own code. `self` is dynamic.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile, isBudgetError, isCelError, isEffortError, parseJson } from '../index.ts';
import type { Value } from '../index.ts';

const self = parseJson('{"i": 7, "n": null, "l": [1], "s": "a", "b": true, "mm": {"a": 1}, "dur": "1h"}');

type Outcome = { readonly cost: number; readonly message: string | undefined };

const run = (expression: string, remaining = 1_000_000, object: Value = self): Outcome => {
  const compiled = compile(expression, { variables: ['self'] });
  assert.ok(compiled.ok, expression);
  const budget = { remaining };
  const result = compiled.program.evaluate({ self: object }, budget);
  return { cost: remaining - budget.remaining, message: isCelError(result) ? result.message : undefined };
};

const rows: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  'a chain costs 1, and 1 for each step': [
    ['self.i', 2],
    ['self.mm.a', 3],
    ['self.mm[self.s]', 4],
    ['self.l[self.i - 7]', 6],
    ['[1, 2][0]', 2],
    ['self.l.map(x, x)[0]', 18],
    ['self.missing', 2],
    ['self.l[self.missing]', 4],
  ],
  'a test costs its steps': [
    ['has(self.mm.a)', 2],
    ['has(self.mm.zz)', 2],
    ['has(self.?mm.zz)', 1],
    ['has((self.b ? self.mm : self.n).a)', 3],
  ],
  'an optional step costs 1 where something is there': [
    ['self.mm.?a', 3],
    ['self.mm.?zz', 2],
    ['self.?zz[?self.missing]', 1],
    ['self.l[?self.missing]', 3],
    ['self.mm.?a.orValue(1)', 3],
    ['self.mm.?zz.or(self.mm.?a)', 5],
  ],
  'a variable of optMap pays for its value when it is first read': [
    ['self.mm.?a.optMap(v, 1)', 5],
    ['self.mm.?a.optMap(v, v + v)', 12],
    ['self.mm.?zz.optMap(v, v)', 4],
    ['self.mm.?a.optMap(v, self.mm.?a.optMap(w, v + w))', 21],
    ['self.?mm.optMap(v, v.?a.optMap(w, w))', 15],
  ],
  'a conditional costs nothing, nor does a name as its branch': [
    ['self.b ? self.i : self.n', 3],
    ['self.b ? self.mm.a : 1', 4],
    ['(self.b ? self.mm : self.n).a', 4],
  ],
  'constants are free': [
    ['type(1)', 0],
    ['self.i in [1, 2]', 2],
    ['self.i in []', 0],
    ['self.missing in []', 0],
    ['self.i in [[1]]', 3],
    ["{'a': [1, 2]} == {}", 0],
    ['[1, 2, 3].map(x, 1)', 7],
  ],
  loops: [
    ['[1, 2].all(i, v, v > 0)', 11],
    ['[].all(x, true)', 1],
    ['self.l.exists(x, true)', 7],
    ['self.l.filter(x, false)', 3],
    ['self.l.exists_one(x, true)', 6],
    ['[1, 2].transformMap(i, v, self.missing)', 7],
    ['[1, 2].transformMapEntry(i, v, {i: self.missing})', 71],
    ['[1, 2, 3].filter(x, x == 1 ? self.missing : true)', 34],
    ["['b', 'a'].sortBy(x, x)", 48],
  ],
  'a failed argument is paid for, and the call where it was made': [
    ["self.missing.startsWith('a')", 3],
    ["self.missing.matches('a')", 2],
    ["self.missing.replace('a', 'b')", 2],
    ["self.missing.indexOf('a')", 2],
    ['self.s.indexOf(self.missing)', 4],
    ['[self.missing, self.i]', 12],
    ['size(self.missing)', 3],
  ],
  libraries: [
    ["'aaaaaaaaaaaaaaaaaaaaaaaa'.indexOf('a')", 2],
    ["ip('::1') != ip('::1')", 4],
    ["cidr('10.0.0.0/8').containsCIDR('10.0.0.0/9')", 5],
    ['format.dns1123Label().validate(self.s)', 11],
    ['sets.contains([1, 2], self.l)', 5],
    ['lists.range(5)', 16],
    ["'%s'.format([self.i])", 13],
  ],
};

for (const [name, cases] of Object.entries(rows))
  describe(name, () => {
    for (const [expression, cost] of cases) it(expression, () => assert.equal(run(expression).cost, cost));
  });

describe('the end of the budget', () => {
  const numbers: Value = { l: Array.from({ length: 1_000 }, (_, at) => at) };

  it('is where the cost first exceeds it', () => {
    const { cost } = run('self.l.all(x, x >= 0)', 1_000_000, numbers);
    assert.equal(run('self.l.all(x, x >= 0)', cost, numbers).message, undefined);
    assert.deepEqual(run('self.l.all(x, x >= 0)', cost - 1, numbers), { cost, message: 'operation cancelled: actual cost limit exceeded' });
  });

  it('tells what it had come to by then: one step of 1 too many, or a list of 10', () => {
    assert.equal(run('self.l.all(x, x >= 0)', 500, numbers).cost, 501);
    assert.equal(run('[self.i]', 5).cost, 12);
  });
});

describe('work that costs little', () => {
  const text = 'é'.repeat(1_000_000);
  const object: Value = {
    text,
    l: Array.from({ length: 10_000 }, (_, at) => at),
    keys: Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`k${at}`, `v${at}`])),
  };
  for (const expression of [
    'self.l.all(x, x in self.l)',
    'self.l.all(x, self.text.size() > 0)',
    "self.l.all(x, self.text.charAt(9) != '')",
    "self.l.all(x, self.text < self.text + 'b')",
    "self.l.all(x, '%s'.format([self.keys]) != '')",
    'self.l.all(x, dyn(self.keys) == {"a": 1} || self.keys == dyn(self.keys.transformMap(k, v, v)))',
    'self.l.all(x, self.l.min() == 0)',
    'self.l.all(x, self.l.map(y, y).flatten().size() > 0 && self.keys.transformMap(k, v, v).size() > 0)',
  ])
    it(`ends by its effort or its budget: ${expression}`, () => {
      const compiled = compile(`(${expression}) || true`, { variables: ['self'] });
      assert.ok(compiled.ok);
      const budget = { remaining: 1_000_000, effort: 10_000_000 };
      assert.ok(isBudgetError(compiled.program.evaluate({ self: object }, budget)));
      assert.ok(budget.effort > 5_000_000, `one evaluation took ${10_000_000 - budget.effort} of what several share`);
    });

  it('counts against what several evaluations share', () => {
    const compiled = compile("self.text.size() == 1000000 || self.text == ''", { variables: ['self'] });
    assert.ok(compiled.ok);
    const budget = { remaining: 1_000_000, effort: 1_200_000 };
    const results = Array.from({ length: 4 }, () => compiled.program.evaluate({ self: object }, budget));
    assert.deepEqual(results.slice(0, 2), [true, true]);
    assert.ok(results.slice(2).every(isEffortError));
  });
});
