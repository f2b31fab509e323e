// SPDX-License-Identifier: Apache-2.0
// Each rule of the guard, asked as the API server asks: what passes, what is refused, with which code and at which field.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeInventory } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { MARKS_FINALIZER } from '../../crds/kinds.ts';
import { encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { marksOf } from '../../policies/currency/index.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import { POD_RULES, inventoryOf, policyDigest } from '../../test/faults/webhook/sealed.ts';
import type { SealedPolicy } from '../../test/faults/webhook/sealed.ts';
import type { GuardView } from './view.ts';
import { SOURCE, sealer, stranger, trust, policyAt, one, two, three, markOf, enforced, nothing, said, standingOf } from './test-guard.ts';
import type { Change } from './test-guard.ts';

const table = (title: string, rows: readonly (readonly [what: string, change: Change, expected: string, view?: GuardView])[]): void => {
  void describe(title, () => {
    for (const [what, change, expected, view] of rows) it(what, async () => assert.equal(await said(change, view), expected));
  });
};

const edited = (policy: SealedPolicy, spec: object): object => ({ ...policy, spec: { ...policy.spec, ...spec } });
const { signature: _signature, ...unsealed } = three;
const rename = (policy: SealedPolicy, name: string): object => ({ ...policy, metadata: { name } });
const relabel = (policy: SealedPolicy, labels: Record<string, string>, more: object = {}): object => ({
  ...policy,
  metadata: { name: 'pinned', labels, ...more },
});

/** The same seals with other white space. */
const spelled = (policy: SealedPolicy, space: number | string): object => {
  const bundles = policy.signature.bundles.map((text) => {
    const bundle: unknown = JSON.parse(text);
    return JSON.stringify(bundle, undefined, space);
  });
  return { ...policy, signature: { ...policy.signature, bundles } };
};

table('a Policy that comes or changes', [
  ['passes sealed and newer', { before: two, after: three }, 'pass'],
  ['passes as it stands, put back after somebody deleted it', { after: two }, 'pass'],
  [
    'is refused when a bundle is laid out in another way than it is stored',
    { before: two, after: spelled(three, 1) },
    'SEAL_FORM signature.bundles[0]',
  ],
  ['is refused when a blank is added to a bundle that stands', { before: two, after: spelled(two, ' ') }, 'SEAL_FORM signature.bundles[0]'],
  [
    'passes in the form of before while only its labels change',
    { before: spelled(two, 1), after: { ...spelled(two, 1), metadata: { name: 'pinned', labels: { a: 'b' } } } },
    'pass',
  ],
  ['passes from the form of before to that of now', { before: spelled(two, 1), after: two }, 'pass'],
  ['is refused without a seal', { after: unsealed }, 'POLICY_UNSIGNED signature'],
  ['is refused when its seal is taken off', { before: two, after: { ...unsealed, spec: two.spec } }, 'POLICY_UNSIGNED signature'],
  ['is refused under the seal of a stranger', { before: two, after: policyAt(3, {}, stranger) }, 'SEAL_UNKNOWN_KEY'],
  ['is refused when its spec is edited', { before: two, after: edited(two, { enforcement: 'Audit' }) }, 'SPEC_DIFFERS spec.enforcement'],
  [
    'is refused when a rule is taken out of its spec',
    { before: two, after: edited(two, { validations: [] }) },
    'SPEC_DIFFERS spec.validations',
  ],
  [
    'is refused when its bytes are edited',
    { before: two, after: { ...two, signature: { ...two.signature, document: two.signature.document.replace('false', 'true') } } },
    'SEAL_DIGEST_MISMATCH',
  ],
  ['is refused under another name', { after: rename(three, 'other'), name: 'other' }, 'POLICY_NAME_MISMATCH'],
  ['is refused when it is older than what is enforced', { before: two, after: one }, 'POLICY_ROLLBACK spec.version'],
  ['is refused when it is older, after somebody deleted the newer', { after: one }, 'POLICY_ROLLBACK spec.version'],
  [
    'is refused as another document of the version that is enforced',
    { before: two, after: policyAt(2, { enforcement: 'Warn' }) },
    'POLICY_EQUIVOCATION spec.version',
  ],
  [
    'is refused when it was past its date when it came',
    { before: two, after: policyAt(3, { expires: '2025-12-31T00:00:00Z' }) },
    'POLICY_EXPIRED spec.expires',
  ],
  ['cannot be judged without a trust policy', { after: one }, 'TRUST_MISSING', nothing],
  [
    'is refused when it does not compile',
    { before: two, after: policyAt(3, { validations: [{ expression: 'no.such' }] }) },
    'POLICY_EXPRESSION spec.validations[0].expression',
  ],
]);

table('what is no input to a decision', [
  [
    'labels, annotations, finalizers and field ownership change freely',
    { before: two, after: relabel(two, { team: 'a' }, { annotations: { note: 'n' }, finalizers: ['a/b'], managedFields: [{}] }) },
    'pass',
  ],
  ['a source label comes and goes', { before: two, after: relabel(two, { 'writ.dev/source': 'a.b' }) }, 'pass'],
  ["status is nobody's business here", { before: two, after: unsealed, subResource: 'status' }, 'pass'],
  ['other kinds are not asked about', { before: two, after: unsealed, resource: 'gitsources' }, 'pass'],
]);

table('a Policy that goes', [
  ['is kept while it is enforced', { before: two }, 'REMOVAL_UNSEALED'],
  [
    'is kept while a mark of it stands, though nothing is held of it',
    { before: two },
    'REMOVAL_UNSEALED',
    { ...enforced, standing: () => undefined },
  ],
  ['goes where it never was enforced', { before: one }, 'pass', { ...enforced, marks: new Map(), standing: () => undefined }],
  ['goes where it was ended by seal', { before: two }, 'pass', { ...enforced, marks: marksOf([{ ...markOf(two, 2), gone: true }]) }],
  [
    'goes where the marks of the cluster say that it has ended, before a replica that never held it',
    { before: two },
    'pass',
    { ...enforced, standing: () => undefined, told: () => marksOf([{ ...markOf(two, 2), gone: true }]) },
  ],
  [
    'is kept whatever they say where it is enforced',
    { before: two },
    'REMOVAL_UNSEALED',
    { ...enforced, told: () => marksOf([{ ...markOf(two, 2), gone: true }]) },
  ],
  [
    'is kept where they say it of another version',
    { before: two },
    'REMOVAL_UNSEALED',
    { ...enforced, standing: () => undefined, told: () => marksOf([{ ...markOf(one, 1), gone: true }]) },
  ],
  [
    'goes where the set seal of its source lists it no more',
    { before: two },
    'pass',
    {
      ...enforced,
      setOf: () => ({ source: SOURCE, sequence: 7, digest: policyDigest(one), files: new Map(), signers: ['ci'], mayDecide: () => true }),
    },
  ],
  [
    'is kept where a newer set seal was in force since',
    { before: two },
    'REMOVAL_UNSEALED',
    {
      ...enforced,
      marks: marksOf([markOf(two, 2), { kind: 'Set', name: SOURCE, version: 8, digest: policyDigest(two) }]),
      setOf: () => ({ source: SOURCE, sequence: 7, digest: policyDigest(one), files: new Map(), signers: ['ci'], mayDecide: () => true }),
    },
  ],
  [
    'is kept where that seal is of another source',
    { before: two },
    'REMOVAL_UNSEALED',
    {
      ...enforced,
      setOf: () => ({
        source: 'writ-system/other',
        sequence: 7,
        digest: policyDigest(one),
        files: new Map(),
        signers: ['ci'],
        mayDecide: () => true,
      }),
    },
  ],
]);

const { trustPolicy } = sealer;
const trusting = (change: Change): Change => ({ name: 'cluster', resource: 'trustpolicies', ...change });
table('the TrustPolicy', [
  ['is believed at its pinned digest before anything else is known', trusting({ after: trustPolicy }), 'pass', nothing],
  ['is refused when it is another', trusting({ before: trustPolicy, after: stranger.trustPolicy }), 'TRUST_NOT_PINNED'],
  [
    'is refused without its document',
    trusting({ before: trustPolicy, after: { ...trustPolicy, signature: undefined } }),
    'TRUST_MISSING signature.document',
  ],
  [
    'is refused when its spec says otherwise',
    trusting({ before: trustPolicy, after: { ...trustPolicy, spec: { ...trustPolicy.spec, unsigned: 'Audit' } } }),
    'SPEC_DIFFERS spec.unsigned',
  ],
  ['never goes', trusting({ before: trustPolicy }), 'TRUST_KEPT'],
  [
    'is refused where it would be older than the one in force',
    trusting({ after: trustPolicy }),
    'TRUST_ROLLBACK spec.version',
    { ...enforced, trust: { ...trust, version: 9, digest: policyDigest(one) } },
  ],
  [
    'is refused under another name',
    trusting({ name: 'other', after: { ...trustPolicy, metadata: { name: 'other' } } }),
    'TRUST_INVALID metadata.name',
  ],
]);

const newSet: SetProof = {
  source: SOURCE,
  sequence: 7,
  digest: policyDigest(one),
  files: new Map(),
  signers: ['ci'],
  mayDecide: () => true,
};
const setMark = (version: number): Mark => ({ kind: 'Set', name: SOURCE, version, digest: policyDigest(two) });
const inventory = (documents: readonly SealedPolicy[], source = SOURCE): Inventory => inventoryOf(source, 'main@sha1:3', documents);
const config = (change: Change): Change => ({ resource: 'configmaps', ...change });
const other = sealer.policy('other', { version: 1, matchConstraints: POD_RULES, validations: [{ expression: 'false' }] });
const standing = encodeInventory(inventory([two]));
table('an inventory', [
  ['may name what is newer, here and verified', config({ before: standing, after: encodeInventory(inventory([three])) }), 'pass'],
  ['may not name what is not here', config({ before: standing, after: encodeInventory(inventory([two, other])) }), 'INVENTORY_UNPROVEN'],
  [
    'may not name an older document',
    config({ before: standing, after: encodeInventory(inventory([one])) }),
    'POLICY_ROLLBACK spec.version',
  ],
  ['may not drop what is enforced', config({ before: standing, after: encodeInventory(inventory([])) }), 'REMOVAL_UNSEALED'],
  [
    'may hand a document to another source',
    config({ before: standing, after: encodeInventory(inventory([])) }),
    'pass',
    { ...enforced, inventories: [inventory([two]), inventory([two], 'writ-system/other')] },
  ],
  [
    'may drop what is of another source, or of none: somebody wrote it in',
    config({ before: standing, after: encodeInventory(inventory([])) }),
    'pass',
    { ...enforced, standing: () => ({ ...standingOf(two, 2), source: undefined }) },
  ],
  [
    'may drop it also before a replica that starts',
    config({ before: standing, after: encodeInventory(inventory([])) }),
    'pass',
    { ...enforced, standing: () => undefined, marks: marksOf([{ ...markOf(two, 2), source: 'writ-system/other' }]) },
  ],
  [
    'may drop what the set seal that comes with it lists no more',
    config({ before: standing, after: encodeInventory(inventory([])) }),
    'pass',
    { ...enforced, setIn: () => newSet },
  ],
  [
    'may drop it also before a replica that starts, which has only the marks to go by',
    config({ before: standing, after: encodeInventory(inventory([])) }),
    'pass',
    {
      ...enforced,
      standing: () => undefined,
      marks: marksOf([
        { ...markOf(two, 2), source: SOURCE },
        { ...setMark(7), digest: newSet.digest },
      ]),
      told: () => marksOf([setMark(6)]),
      setIn: () => newSet,
    },
  ],
  [
    'may not drop it there by the set seal under which it came',
    config({ before: standing, after: encodeInventory(inventory([])) }),
    'REMOVAL_UNSEALED',
    {
      ...enforced,
      standing: () => undefined,
      marks: marksOf([
        { ...markOf(two, 2), source: SOURCE },
        { ...setMark(7), digest: newSet.digest },
      ]),
      told: () => marksOf([setMark(7)]),
      setIn: () => newSet,
    },
  ],
  [
    'may not bring back an older set seal',
    config({ before: standing, after: encodeInventory(inventory([two])) }),
    'SET_ROLLBACK',
    {
      ...enforced,
      setIn: () => newSet,
      marks: marksOf([markOf(two, 2), { kind: 'Set', name: SOURCE, version: 8, digest: policyDigest(two) }]),
    },
  ],
  [
    'may drop what was retired',
    config({ before: standing, after: encodeInventory(inventory([])) }),
    'pass',
    { ...enforced, standing: () => ({ ...standingOf(two, 2), retired: true }) },
  ],
  ['may not go while what it names is enforced', config({ before: standing }), 'REMOVAL_UNSEALED'],
  [
    'may not lose the label by which it is found',
    config({ before: standing, after: { ...standing, metadata: { name: standing.metadata.name } } }),
    'REMOVAL_UNSEALED',
  ],
  ['may not be damaged', config({ before: standing, after: { ...standing, data: {} } }), 'INVENTORY_INVALID data'],
  ['may be made whole again', config({ before: { ...standing, data: {} }, after: standing }), 'pass'],
  ['goes with the whole namespace', config({ before: standing }), 'pass', { ...enforced, isLeaving: true }],
]);

const marks = encodeMarks([markOf(two, 2)]);
const marked = (...listed: readonly Mark[]): object => encodeMarks(listed);
const deleted = { ...marks, metadata: { ...marks.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
table('the marks', [
  ['may rise to what is here and verified', config({ before: marks, after: marked(markOf(three, 3)) }), 'pass'],
  ['may not fall', config({ before: marks, after: marked(markOf(one, 1)) }), 'MARK_LOWERED data'],
  ['may not say another digest of the version', config({ before: marks, after: marked({ ...markOf(one, 2) }) }), 'MARK_LOWERED data'],
  ['may not be emptied', config({ before: marks, after: marked() }), 'MARK_LOWERED data'],
  ['may not rise to what nobody sealed', config({ before: marks, after: marked(markOf(one, 99)) }), 'MARK_UNPROVEN data'],
  ['may not say gone of what is enforced', config({ before: marks, after: marked({ ...markOf(two, 2), gone: true }) }), 'REMOVAL_UNSEALED'],
  [
    'may say the first time who orders it, whoever else this replica knows',
    config({ before: marked(), after: marked({ ...markOf(two, 2), source: SOURCE }) }),
    'pass',
    { ...enforced, standing: () => ({ ...standingOf(two, 2), source: 'writ-system/alpha' }) },
  ],
  [
    'may not say the first time who does not',
    config({ before: marked(), after: marked({ ...markOf(two, 2), source: 'writ-system/alpha' }) }),
    'MARK_UNPROVEN data',
  ],
  ['may say from which source a document comes', config({ before: marks, after: marked({ ...markOf(two, 2), source: SOURCE }) }), 'pass'],
  [
    'may not say another source, whose set seal could end it',
    config({ before: marked({ ...markOf(two, 2), source: SOURCE }), after: marked({ ...markOf(two, 2), source: 'writ-system/other' }) }),
    'MARK_UNPROVEN data',
  ],
  ['may not take gone back', config({ before: marked({ ...markOf(two, 2), gone: true }), after: marks }), 'MARK_LOWERED data'],
  [
    'may not speak of a set that nobody sealed',
    config({ before: marks, after: marked(markOf(two, 2), { kind: 'Set', name: SOURCE, version: 3, digest: policyDigest(one) }) }),
    'MARK_UNPROVEN data',
  ],
  ['may not be damaged', config({ before: marks, after: { ...marks, data: {} } }), 'MARK_LOWERED data'],
  ['may not be deleted', config({ before: marks }), 'MARK_LOWERED data'],
  [
    'may not lose the label by which they are found',
    config({ before: marks, after: { ...marks, metadata: { name: 'writ-marks' } } }),
    'MARK_LOWERED data',
  ],
  [
    'may not lose the finalizer that holds them',
    config({ before: deleted, after: { ...deleted, metadata: { ...deleted.metadata, finalizers: [] } } }),
    'MARK_LOWERED data',
  ],
  ['are written the first time', config({ after: marks }), 'pass'],
  ['may not be written the first time with what nobody sealed', config({ after: marked(markOf(one, 99)) }), 'MARK_UNPROVEN data'],
]);
assert.deepEqual(marks.metadata.finalizers, [MARKS_FINALIZER]);
