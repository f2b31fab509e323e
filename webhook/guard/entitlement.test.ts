// SPDX-License-Identifier: Apache-2.0
// A TierCatalog or License passes the guard under the rules that a Policy meets, and so do inventories and marks that name one.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeInventory } from '../../crds/inventory.ts';
import { MARKS_FINALIZER, licenses, sealedKinds, tierCatalogs } from '../../crds/kinds.ts';
import { encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { marksOf } from '../../policies/currency/index.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import { catalogAt, digestOfObject, licenseAt, sealedEntitlement, trustFor } from '../../policies/entitlement/test-sealed.ts';
import type { SealedEntitlement } from '../../policies/entitlement/test-sealed.ts';
import { parseReview } from '../../policies/decide/request.ts';
import { judgeSealedObject } from '../../policies/sealed-object.ts';
import { NOW } from '../../policies/trust/test-trust.ts';
import { changeOf } from './change.ts';
import type { GuardedKind } from './change.ts';
import { ruleOn } from './rules.ts';
import { codeOf, viewOf } from './test-view.ts';
import type { GuardView } from './view.ts';

const SOURCE = 'writ-system/policies';
const trust = trustFor();
const [one, two, three] = [catalogAt(1), catalogAt(2), catalogAt(3)];
const [first, second] = [licenseAt(1), licenseAt(2)];
const all = [one, two, three, first, second];

const markOf = (object: SealedEntitlement, version: number): Mark => ({
  kind: object.kind,
  name: object.metadata.name,
  version,
  digest: digestOfObject(object),
  source: SOURCE,
});

/** Version 2 of the catalog and version 1 of the license are in force, by a commit. */
const view = viewOf(trust, {
  marks: marksOf([markOf(two, 2), markOf(first, 1)]),
  held: (digest) => {
    const found = all.find((object) => digestOfObject(object) === digest);
    const judged = found === undefined ? undefined : judgeSealedObject(found, trust, NOW);
    return judged?.ok === true ? judged.document : undefined;
  },
  standing: (kind, name) => {
    const found = [markOf(two, 2), markOf(first, 1)].find((mark) => mark.kind === kind && mark.name === name);
    return found === undefined ? undefined : { ...found, source: SOURCE, sequence: 0 };
  },
  atMs: NOW,
});

type Json = Readonly<Record<string, unknown>>;
const writing = (kind: GuardedKind, before: Json | undefined, after: Json | undefined, more: Partial<GuardView> = {}): string => {
  const name = new Map<GuardedKind, string>([
    ['TierCatalog', 'cluster'],
    ['Inventory', 'writ-inventory-acme'],
  ]).get(kind);

  return codeOf(ruleOn({ kind, name: name ?? 'acme', before, after }, { ...view, ...more }));
};

const setThatLists = (...files: readonly string[]): SetProof => ({
  source: SOURCE,
  sequence: 1,
  digest: 'sha256:set',
  files: new Map(files.map((file) => [file, 'sha256:x'])),
  signers: ['vendor'],
  mayDecide: () => true,
});

describe('a catalog at admission', () => {
  it('passes sealed and newer, and as it stands', () => {
    assert.equal(writing('TierCatalog', two, three), 'pass');
    assert.equal(writing('TierCatalog', undefined, two), 'pass');
    assert.equal(writing('TierCatalog', two, { ...two, metadata: { name: 'cluster', labels: { a: 'b' } } }), 'pass');
  });

  it('is refused when it is older, unsealed, of a stranger, or says otherwise in spec', () => {
    const tiers = [{ name: 'Free' }];
    assert.equal(writing('TierCatalog', two, one), 'POLICY_ROLLBACK');
    assert.equal(writing('TierCatalog', two, catalogAt(2, { title: 'other bytes' })), 'POLICY_EQUIVOCATION');
    assert.equal(writing('TierCatalog', two, { ...three, signature: undefined }), 'POLICY_UNSIGNED');
    const stranger = sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 3, tiers }, by: 'stranger' });
    assert.equal(writing('TierCatalog', two, stranger), 'SEAL_UNKNOWN_KEY');
    assert.equal(writing('TierCatalog', two, { ...two, spec: { ...two.spec, tiers } }), 'SPEC_DIFFERS');
    const bad = sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 3, tiers: [{ name: 'Free', defaults: { owners: [] } }] } });
    assert.equal(writing('TierCatalog', two, bad), 'CATALOG_INVALID');
  });

  it('stays while no seal ends it', () => {
    assert.equal(writing('TierCatalog', two, undefined), 'REMOVAL_UNSEALED');
    assert.equal(writing('TierCatalog', two, undefined, { setOf: () => setThatLists('tiers.yaml') }), 'REMOVAL_UNSEALED');
    assert.equal(writing('TierCatalog', two, undefined, { setOf: () => setThatLists('policies/a.yaml') }), 'pass');
    assert.equal(writing('License', first, undefined), 'REMOVAL_UNSEALED');
    assert.equal(writing('License', first, undefined, { setOf: () => setThatLists('licenses/acme.yaml') }), 'REMOVAL_UNSEALED');
    assert.equal(writing('License', first, undefined, { setOf: () => setThatLists('tiers.yaml') }), 'pass');
  });

  it('that never was in force may go', () => {
    assert.equal(writing('TierCatalog', two, undefined, { marks: new Map(), standing: () => undefined }), 'pass');
  });
});

describe('a license at admission', () => {
  it('passes sealed and newer, and not past its time or retired under the same version', () => {
    assert.equal(writing('License', first, second), 'pass');
    assert.equal(writing('License', second, first, { marks: marksOf([markOf(second, 2)]) }), 'POLICY_ROLLBACK');
    assert.equal(writing('License', first, licenseAt(2, { expires: '2026-05-31T00:00:00Z' })), 'POLICY_EXPIRED');
    assert.equal(writing('License', first, licenseAt(2, { retired: true })), 'pass');
  });
});

describe('inventories and marks', () => {
  const inventory = (...objects: readonly SealedEntitlement[]) =>
    encodeInventory({
      source: SOURCE,
      revision: 'r',
      documents: objects.map((object) => {
        const { group, version, plural } = object.kind === 'TierCatalog' ? tierCatalogs : licenses;
        return { group, version, plural, kind: object.kind, name: object.metadata.name, digest: digestOfObject(object) };
      }),
    });
  it('name only what is here and current, and drop only what may end', () => {
    assert.equal(writing('Inventory', inventory(two, first), inventory(three, first)), 'pass');
    assert.equal(writing('Inventory', inventory(two, first), inventory(one, first)), 'POLICY_ROLLBACK');
    assert.equal(writing('Inventory', inventory(two, first), inventory(catalogAt(9), first)), 'INVENTORY_UNPROVEN');
    assert.equal(writing('Inventory', inventory(two, first), inventory(first)), 'REMOVAL_UNSEALED');
    assert.equal(writing('Inventory', inventory(two, first), inventory(two)), 'REMOVAL_UNSEALED');
  });

  const marks = (...held: readonly Mark[]): Json => {
    const object = encodeMarks(held, 'writ-system');
    return { ...object, metadata: { ...object.metadata, finalizers: [MARKS_FINALIZER] } };
  };
  it('rise to what verifies, and never fall or vanish', () => {
    const before = marks(markOf(two, 2), markOf(first, 1));
    assert.equal(writing('Marks', before, marks(markOf(three, 3), markOf(first, 1))), 'pass');
    assert.equal(writing('Marks', before, marks(markOf(one, 1), markOf(first, 1))), 'MARK_LOWERED');
    assert.equal(writing('Marks', before, marks(markOf(two, 2))), 'MARK_LOWERED');
    assert.equal(writing('Marks', before, marks(markOf(catalogAt(9), 9), markOf(first, 1))), 'MARK_UNPROVEN');
    assert.equal(writing('Marks', before, marks({ ...markOf(two, 2), gone: true }, markOf(first, 1))), 'REMOVAL_UNSEALED');
  });
});

it('is asked about every kind that counts by its seals', () => {
  for (const { group, version, plural, kind } of sealedKinds) {
    const parsed = parseReview(
      JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: {
          uid: 'u',
          kind: { group, version, kind },
          resource: { group, version, resource: plural },
          name: 'x',
          operation: 'DELETE',
          userInfo: { username: 'admin' },
          object: null,
          oldObject: { metadata: { name: 'x' } },
        },
      }),
    );
    assert.ok(parsed.ok);
    assert.equal(changeOf(parsed.request, 'writ-system')?.kind, kind);
  }
});
