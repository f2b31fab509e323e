// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Inventory } from '../../crds/inventory.ts';
import { policies, rulesets, tenants } from '../../crds/kinds.ts';
import { marksOf, noMarks } from '../../policies/currency/index.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { RecordedObject } from '../apply/plan.ts';
import { isForeign, keptFor, removals, setRefusal } from './removal.ts';
import type { RemovalInput } from './removal.ts';

const SOURCE = 'writ-system/policies';
const p: RecordedObject = { ...policies, resource: policies, name: 'p', digest: 'd3' };
const tenant: RecordedObject = { ...tenants, resource: tenants, name: 'acme', digest: 'd' };
const known = marksOf([
  { kind: 'Policy', name: 'p', version: 3, digest: 'd3', source: SOURCE },
  { kind: 'Set', name: SOURCE, version: 6, digest: 'set6' },
]);
const proof: SetProof = {
  source: SOURCE,
  sequence: 7,
  digest: 'set7',
  files: new Map([['policies/q.yaml', 'x']]),
  signers: ['ci'],
  mayDecide: () => true,
};
const withSet = (set: SetProof | undefined): RemovalInput['objects'] => ({
  desired: [],
  set: set === undefined ? undefined : { proof: set, bundles: [] },
  setProblem: undefined,
});
const input: RemovalInput = {
  source: SOURCE,
  objects: withSet(undefined),
  recorded: [p, tenant],
  leftovers: [],
  isUnsealed: () => false,
  tierOf: () => undefined,
  kept: [],
  own: noMarks,
  known,
};
const look = (change: Partial<RemovalInput>) => {
  const { ended, problems } = removals({ ...input, ...change });
  return [ended.map(({ name }) => name), problems.map(({ code, at }) => `${code} ${at?.file ?? ''}`)];
};
const REFUSED = [[], ['REMOVAL_UNSEALED policies/p.yaml']];

describe('a policy that a commit drops', () => {
  const retired = marksOf([{ kind: 'Policy', name: 'p', version: 3, digest: 'd3', gone: true }]);
  const told = marksOf([...retired.values(), { kind: 'Set', name: SOURCE, version: 6, digest: 'set6' }]);
  const rows: readonly [what: string, Partial<RemovalInput>, outcome: readonly (readonly string[])[]][] = [
    ['is refused without proof, its file named; a tenant is not sealed', {}, REFUSED],
    ['ends by a newer set seal', { objects: withSet(proof) }, [['p'], []]],
    ['does not end by the one that is applied', { objects: withSet({ ...proof, sequence: 6 }) }, REFUSED],
    [
      'ends by the one that is applied, where a leader before has marked that',
      { objects: withSet({ ...proof, sequence: 6 }), known: told },
      [['p'], []],
    ],
    [
      'does not end by that where it lists it, whatever is marked',
      { objects: withSet({ ...proof, sequence: 6, files: new Map([['policies/p.yaml', 'd3']]) }), known: told },
      REFUSED,
    ],
    ['does not end by one that lists it', { objects: withSet({ ...proof, files: new Map([['policies/p.yaml', 'd3']]) }) }, REFUSED],
    ['ends when a retired version was verified here', { own: retired, known: retired }, [['p'], []]],
    ['does not end because the object of marks says so', { known: retired }, REFUSED],
    ['stays while the source keeps it', { kept: [{ target: p, reason: 'kept', ours: true }] }, [[], []]],
    ['is refused also when somebody took its label', { kept: [{ target: p, reason: 'kept', ours: false }] }, REFUSED],
    ['is refused also when the inventory was made to forget it', { recorded: [], leftovers: [p] }, REFUSED],
    ['was never enforced, when a broken commit left it behind', { recorded: [], leftovers: [p], known: noMarks }, [[], []]],
    ['is refused when nothing is known of its version', { known: noMarks }, REFUSED],
  ];
  for (const [what, change, outcome] of rows) it(what, () => assert.deepEqual(look(change), outcome));

  it('asks no seal for the end of what never had one and no mark remembers', () => {
    const bare = { ...input, isUnsealed: () => true };
    assert.deepEqual(removals({ ...bare, known: new Map() }), { ended: [], problems: [] });
    assert.equal(removals({ ...input, known: new Map() }).problems.length > 0, true);
    assert.equal(removals(bare).problems.length > 0, true);
  });

  it('is of another source, or of none, where the marks say so: then it ends with no commit of this one', () => {
    for (const source of ['writ-system/other', undefined]) {
      const mark = { kind: 'Policy', name: 'p', version: 3, digest: 'd3', ...(source === undefined ? {} : { source }) };
      assert.equal(isForeign(p, { source: SOURCE, known: marksOf([mark]) }), true);
      assert.equal(isForeign(p, { source: SOURCE, known: marksOf([{ ...mark, gone: true }]) }), false);
    }
    assert.deepEqual(
      [isForeign(p, input), isForeign(tenant, input), isForeign(p, { source: SOURCE, known: noMarks })],
      [false, false, false],
    );
  });

  it('goes on while another source orders its bytes; a Tenant, while another source orders it at all', () => {
    const other = (...documents: readonly RecordedObject[]): readonly Inventory[] => [
      {
        source: 'writ-system/other',
        revision: 'r',
        documents: documents.map(({ resource: { group, version, plural }, kind, name, digest }) => ({
          group,
          version,
          plural,
          kind,
          name,
          digest,
        })),
      },
    ];
    const orders = 'the inventory of writ-system/other orders it too';
    const asked = (entry: RecordedObject, ...ordered: readonly RecordedObject[]) =>
      keptFor(entry, { source: SOURCE, known, inventories: other(...ordered) });
    assert.deepEqual([asked(p, p), asked(p, { ...p, digest: 'd2' })], [orders, undefined]);
    // Its label says whose it is, and anybody may have written that.
    assert.deepEqual([asked(tenant, tenant), asked({ ...tenant, digest: '' }, tenant), asked(tenant, p)], [orders, orders, undefined]);
  });

  it('of a publisher with a tier ends by those who may decide about that', () => {
    const ruleset: RecordedObject = { ...rulesets, resource: rulesets, name: 'r', digest: 'd1' };
    const objects = withSet({ ...proof, mayDecide: (kind, tier) => kind === 'Ruleset' && tier === 'Gold' });
    const marked = {
      recorded: [ruleset],
      objects,
      known: marksOf([{ kind: 'Ruleset', name: 'r', version: 1, digest: 'd1', source: SOURCE }]),
    };
    assert.deepEqual(look({ ...marked, tierOf: () => 'Gold' }), [['r'], []]);
    assert.deepEqual(look({ ...marked, tierOf: () => 'Silver' }), [[], ['REMOVAL_UNSEALED rulesets/r/ruleset.yaml']]);
  });

  it('is told with what is wrong with the seal', () => {
    const objects = { ...withSet(undefined), setProblem: { code: 'SEAL_EXPIRED' as const, message: 'the set of ci has expired' } };
    assert.match(removals({ ...input, objects }).problems[0]?.message ?? '', /SEAL_EXPIRED: the set of ci has expired/);
  });
});

describe('a set seal of a commit', () => {
  const code = (set: Partial<SetProof>) => setRefusal({ source: SOURCE, objects: withSet({ ...proof, ...set }), known })?.code;
  it('may not go back, nor say another thing under its sequence', () => {
    assert.deepEqual(
      [code({}), code({ sequence: 6, digest: 'set6' }), code({ sequence: 6 }), code({ sequence: 5 })],
      [undefined, undefined, 'SET_EQUIVOCATION', 'SET_ROLLBACK'],
    );
  });
});
