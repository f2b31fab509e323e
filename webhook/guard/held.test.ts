// SPDX-License-Identifier: Apache-2.0
// What would hold Writ up without a word against a seal: ConfigMaps that can be written no more, or pass for what they are not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeInventory } from '../../crds/inventory.ts';
import { INVENTORY_LABEL, MARKS_LABEL } from '../../crds/kinds.ts';
import { encodeMarks } from '../../crds/marks.ts';
import { goingOf } from '../../kube/namespace.ts';
import type { Going } from '../../kube/namespace.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { inventoryOf } from '../../test/faults/webhook/sealed.ts';
import { SOURCE, enforced, markOf, one, said, two } from './test-guard.ts';
import type { Change } from './test-guard.ts';

const standing = encodeInventory(inventoryOf(SOURCE, 'r1', [two]));
const emptied = encodeInventory(inventoryOf(SOURCE, 'r1', []));
const marks = encodeMarks([markOf(two, 2)]);
const lower = encodeMarks([markOf(one, 1)]);
const deleted = { ...marks, metadata: { ...marks.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
const stuck = <T extends object>(configMap: T): T & { immutable: true } => ({ ...configMap, immutable: true });
const released = <T extends typeof deleted>(configMap: T): T => ({ ...configMap, metadata: { ...configMap.metadata, finalizers: [] } });
const labelled = <T extends typeof marks>(configMap: T, label: string): T => ({
  ...configMap,
  metadata: { ...configMap.metadata, labels: { ...configMap.metadata.labels, [label]: 'true' } },
});
const renamed = { ...standing, metadata: { ...standing.metadata, name: 'mine' } };

type Row = readonly [what: string, change: Pick<Change, 'before' | 'after'>, expected: string];
const table = (title: string, rows: readonly Row[], view = enforced): void => {
  void describe(title, () => {
    for (const [what, change, expected] of rows) {
      it(what, async () => assert.equal(await said({ ...change, resource: 'configmaps', name: 'x' }, view), expected));
    }
  });
};

table('an inventory', [
  ['may not be made unwritable', { before: standing, after: stuck(standing) }, 'LEDGER_HELD immutable'],
  ['may not come unwritable', { after: stuck(standing) }, 'LEDGER_HELD immutable'],
  ['may go once it is unwritable', { before: stuck(standing) }, 'pass'],
  ['drops no more while it is unwritable', { before: stuck(standing), after: stuck(emptied) }, 'REMOVAL_UNSEALED'],
  ['is nothing of another name', { after: renamed }, 'LEDGER_HELD metadata.labels'],
  ['is nothing without a name', { after: { ...renamed, metadata: { labels: renamed.metadata.labels } } }, 'LEDGER_HELD metadata.labels'],
  ['of another name may lose its label', { before: renamed, after: { metadata: { name: 'mine' } } }, 'pass'],
  ['is one also under the label of the marks', { before: labelled(standing, MARKS_LABEL), after: standing }, 'pass'],
  ['stays one under the label of the marks', { before: labelled(standing, MARKS_LABEL) }, 'REMOVAL_UNSEALED'],
]);

table('the marks', [
  ['may not be made unwritable', { before: marks, after: stuck(marks) }, 'LEDGER_HELD immutable'],
  ['may go once they are unwritable', { before: stuck(marks) }, 'pass'],
  ['may be let go once they are unwritable', { before: stuck(deleted), after: stuck(released(deleted)) }, 'pass'],
  ['fall no more while they are unwritable', { before: stuck(marks), after: stuck(lower) }, 'MARK_LOWERED data'],
  ['are no inventory', { before: marks, after: labelled(marks, INVENTORY_LABEL) }, 'LEDGER_HELD metadata.labels'],
  ['may lose the label of an inventory', { before: labelled(marks, INVENTORY_LABEL), after: marks }, 'pass'],
  [
    'do not fall under the label of an inventory',
    { before: labelled(marks, INVENTORY_LABEL), after: labelled(lower, INVENTORY_LABEL) },
    'MARK_LOWERED data',
  ],
]);

table(
  'while the namespace goes, the marks',
  [
    ['may go', { before: marks }, 'pass'],
    ['may be let go', { before: deleted, after: released(deleted) }, 'pass'],
    ['do not fall', { before: marks, after: lower }, 'MARK_LOWERED data'],
  ],
  { ...enforced, isLeaving: true },
);

describe('a namespace', () => {
  const metadata = { name: 'writ-system', deletionTimestamp: '2026-01-01T00:00:00Z' };
  const rows: readonly (readonly [namespace: (KubeObject & { readonly spec?: unknown }) | undefined, going: Going])[] = [
    [{ metadata: { name: 'writ-system' }, spec: { finalizers: ['kubernetes'] } }, 'no'],
    [{ metadata, spec: { finalizers: ['kubernetes'] } }, 'whole'],
    [{ metadata, spec: { finalizers: [] } }, 'stuck'],
    [{ metadata, spec: { finalizers: 'kubernetes' } }, 'stuck'],
    [{ metadata: { ...metadata, finalizers: ['kubernetes'] } }, 'stuck'],
    [undefined, 'no'],
  ];
  for (const [namespace, going] of rows) {
    it(`${JSON.stringify(namespace)} is going: ${going}`, () => assert.equal(goingOf(namespace), going));
  }
});
