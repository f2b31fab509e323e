// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fitsRange, rangesMeet } from './range.ts';
import { unmetRequirements } from './requires.ts';
import type { InstalledRelease, Requirement } from './requires.ts';

const ruleset = (name: string, release: string | undefined, ...requires: readonly Requirement[]): InstalledRelease => ({
  name,
  release,
  retired: false,
  requires,
});

const told = (installed: readonly InstalledRelease[]): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries([...unmetRequirements(installed)].map(([name, problems]) => [name, problems.map(({ code }) => code)]));

describe('what a ruleset requires', () => {
  const rows: readonly (readonly [
    what: string,
    installed: readonly InstalledRelease[],
    unmet: Readonly<Record<string, readonly string[]>>,
  ])[] = [
    ['nothing', [ruleset('a', '1.0.0')], {}],
    ['is there', [ruleset('a', '1.0.0', { name: 'b', release: '>=1.2.0' }), ruleset('b', '1.2.0')], {}],
    ['is there in any release', [ruleset('a', '1.0.0', { name: 'b' }), ruleset('b', undefined)], {}],
    ['is not there', [ruleset('a', '1.0.0', { name: 'b' })], { a: ['RULESET_REQUIRES_MISSING'] }],
    ['has ended', [ruleset('a', '1.0.0', { name: 'b' }), { ...ruleset('b', '1.0.0'), retired: true }], { a: ['RULESET_REQUIRES_MISSING'] }],
    ['is older', [ruleset('a', '1.0.0', { name: 'b', release: '^1.2' }), ruleset('b', '1.1.9')], { a: ['RULESET_REQUIRES_RELEASE'] }],
    ['is newer', [ruleset('a', '1.0.0', { name: 'b', release: '^1.2' }), ruleset('b', '2.0.0')], { a: ['RULESET_REQUIRES_RELEASE'] }],
    ['says no release', [ruleset('a', '1.0.0', { name: 'b', release: '*' }), ruleset('b', undefined)], { a: ['RULESET_REQUIRES_RELEASE'] }],
    [
      'is a candidate of a release',
      [ruleset('a', '1.0.0', { name: 'b', release: '^1.2' }), ruleset('b', '1.3.0-rc.1')],
      { a: ['RULESET_REQUIRES_RELEASE'] },
    ],
    ['is no range', [ruleset('a', '1.0.0', { name: 'b', release: 'new' }), ruleset('b', '1.0.0')], { a: ['RULESET_REQUIRES_RANGE'] }],
    ['is itself', [ruleset('a', '1.0.0', { name: 'a' })], { a: ['RULESET_REQUIRES_CYCLE'] }],
    [
      'requires it',
      [ruleset('a', '1.0.0', { name: 'b' }), ruleset('b', '1.0.0', { name: 'a' }), ruleset('c', '1.0.0', { name: 'a' })],
      { a: ['RULESET_REQUIRES_CYCLE'], b: ['RULESET_REQUIRES_CYCLE'] },
    ],
    [
      'cannot be what another requires too',
      [ruleset('a', '1.0.0', { name: 'c', release: '^1' }), ruleset('b', '1.0.0', { name: 'c', release: '^2' }), ruleset('c', '2.1.0')],
      { a: ['RULESET_REQUIRES_CONFLICT'] },
    ],
    [
      'is not there and could not be for both',
      [ruleset('a', '1.0.0', { name: 'c', release: '<2' }), ruleset('b', '1.0.0', { name: 'c', release: '>=2' })],
      { a: ['RULESET_REQUIRES_CONFLICT'], b: ['RULESET_REQUIRES_CONFLICT'] },
    ],
    [
      'has a hostile name',
      [ruleset('__proto__', '1.0.0', { name: 'constructor' })],
      JSON.parse('{"__proto__": ["RULESET_REQUIRES_MISSING"]}'),
    ],
  ];
  for (const [what, installed, unmet] of rows) it(what, () => assert.deepEqual(told(installed), unmet));

  it('in a circle is told as the way round', () => {
    const round = [ruleset('a', '1.0.0', { name: 'b' }), ruleset('b', '1.0.0', { name: 'c' }), ruleset('c', '1.0.0', { name: 'a' })];
    assert.match(unmetRequirements(round).get('b')?.[0]?.message ?? '', /b → c → a → b$/);
  });

  it('is found in time among many', () => {
    const many = Array.from({ length: 3000 }, (_, index) => ruleset(`r${index}`, '1.0.0', { name: `r${index + 1}` }));
    assert.deepEqual(Object.keys(told(many)), ['r2999']);
    assert.equal(unmetRequirements([...many, ruleset('r3000', '1.0.0', { name: 'r0' })]).size, 3001);
  });

  it('never depends on the order, and adding what is missing in a fitting release makes it whole', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const range = fc.constantFrom(undefined, '^1.0.0', '^2.0.0', '*', '>=1.0.0 <1.5.0');
    const requirement = fc
      .record({ name, release: range })
      .map((one): Requirement => (one.release === undefined ? { name: one.name } : { name: one.name, release: one.release }));
    const one = fc.record({
      name,
      release: fc.constantFrom('1.0.0', '1.6.0', '2.0.0'),
      retired: fc.boolean(),
      requires: fc.array(requirement, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(one, { selector: (each) => each.name, maxLength: 4 }), (installed) => {
        const sorted = (list: readonly InstalledRelease[]): unknown =>
          Object.entries(told(list)).toSorted(([one], [other]) => (one < other ? -1 : 1));
        assert.deepEqual(sorted(installed), sorted(installed.toReversed()));
        for (const { name: who, requires } of installed) {
          const fits = requires.every((each) =>
            installed.some((other) => other.name === each.name && !other.retired && fitsRange(other.release, each.release)),
          );
          if (!fits) assert.ok(unmetRequirements(installed).has(who));
        }
      }),
      { numRuns: 500 },
    );
  });
});

it('ranges that cannot be read fit nothing, and are at odds with nothing', () => {
  for (const range of ['x'.repeat(200), '>=>', '1 || '.repeat(20) + '!', ''])
    assert.equal(fitsRange('1.0.0', range) && range !== '', false);
  assert.equal(fitsRange('not a release', '*'), false);
  assert.equal(rangesMeet('>=>', '^1'), true);
  assert.equal(rangesMeet('^1', '^2'), false);
});
