// SPDX-License-Identifier: Apache-2.0
// Trust that is handed on, what it takes the seals from, and policies that never had any: what of it passes the guard.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeInventory } from '../../crds/inventory.ts';
import { encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { isRecord } from '../../crds/wire.ts';
import { marksOf } from '../../policies/currency/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { createEvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { loadTrustObject } from '../../policies/trust/load.ts';
import type { TrustSignature } from '../../policies/trust/load.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { seal } from '../../policies/trust/seal.ts';
import { NOW, keyed, trustBytes } from '../../policies/trust/test-trust.ts';
import type { TrustSpec } from '../../policies/trust/test-trust.ts';
import { inventoryOf } from '../../test/faults/webhook/sealed.ts';
import { ruleOn } from './rules.ts';
import { codeOf, viewOf } from './test-view.ts';
import type { GuardView, HeldDocument } from './view.ts';

const [ann, bob, mallory] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
type Pair = typeof ann;
const SOURCE = 'writ-system/policies';

type Sealed = { readonly metadata: { readonly name: string }; readonly spec: object; readonly signature: TrustSignature };

const specOf = (text: string): object => {
  const value: unknown = JSON.parse(text);
  assert.ok(isRecord(value) && isRecord(value['spec']));
  return value['spec'];
};
const version = (number: number, principals: TrustSpec['principals'], by: readonly Pair[], more: Partial<TrustSpec> = {}) => {
  const bytes = trustBytes({ principals, version: number, kinds: ['Policy', 'TrustPolicy'], ...more });
  return { document: bytes.toString(), bundles: by.map(({ privateKey }) => seal(bytes, privateKey)), digest: digestOf(bytes) };
};
const both = [keyed('ann', ann.publicKey), keyed('bob', bob.publicKey)];
const one = version(1, both, [ann]);
/** Ann is gone, and whoever begins may do so without a seal. */
const two = version(2, [keyed('bob', bob.publicKey)], [bob], { unsigned: 'Audit' });
const other = version(2, both, [ann]);
const foreign = version(2, [keyed('mallory', mallory.publicKey)], [mallory]);
const three = version(3, [keyed('bob', bob.publicKey)], [bob]);
const objectOf = (current: TrustSignature, ...chain: readonly TrustSignature[]): Sealed => ({
  metadata: { name: 'cluster' },
  spec: specOf(current.document),
  signature: { document: current.document, bundles: current.bundles ?? [], chain },
});
const trustOf = ({ signature }: Sealed): Trust => {
  const loaded = loadTrustObject(signature, { pinnedDigest: one.digest, at: NOW });
  assert.ok(loaded.ok);
  return loaded.trust;
};

const viewUnder = (trust: Trust | undefined, more: Partial<GuardView> = {}): GuardView => ({
  ...viewOf(trustOf(objectOf(one)), { pinnedTrustDigest: one.digest, evidence: createEvidenceMemory(), atMs: NOW }),
  trust,
  ...more,
});
const [first, second] = [viewUnder(trustOf(objectOf(one))), viewUnder(trustOf(objectOf(two, one)))];

const trusting = (before: object | undefined, after: object, view: GuardView): string =>
  codeOf(ruleOn({ kind: 'TrustPolicy', name: 'cluster', before: { ...before }, after: { ...after } }, view));

describe('the TrustPolicy at admission', () => {
  it('is followed by the version that those seal whom it names, with its chain', () => {
    assert.equal(trusting(objectOf(one), objectOf(two, one), first), 'pass');
    assert.equal(trusting(objectOf(one), objectOf(three, one, two), first), 'pass');
    assert.equal(trusting(objectOf(two, one), objectOf(three, one, two), second), 'pass');
  });

  it('is followed by none without its chain, without its seals or under the seal of a stranger', () => {
    assert.equal(trusting(objectOf(one), objectOf(two), first), 'TRUST_NOT_PINNED');
    assert.equal(trusting(objectOf(one), objectOf({ ...two, bundles: [] }, one), first), 'TRUST_CHAIN_SEALS_BEFORE');
    assert.equal(trusting(objectOf(one), objectOf(foreign, one), first), 'TRUST_CHAIN_SEALS_BEFORE');
    assert.equal(trusting(objectOf(one), objectOf(three, one), first), 'TRUST_CHAIN_VERSION');
  });

  it('never goes back, and never aside', () => {
    assert.equal(trusting(objectOf(two, one), objectOf(one), second), 'TRUST_ROLLBACK');
    assert.equal(trusting(objectOf(two, one), objectOf(other, one), second), 'TRUST_CHAIN_EQUIVOCATION');
    assert.equal(trusting(objectOf(two, one), objectOf(version(3, both, [ann]), one, other), second), 'TRUST_CHAIN_EQUIVOCATION');
  });

  it('keeps its chain', () => {
    assert.equal(trusting(objectOf(two, one), objectOf(two), second), 'TRUST_NOT_PINNED');
  });

  it('is none that the marks say is old, before a replica that starts', () => {
    const mark: Mark = { kind: 'TrustPolicy', name: 'cluster', version: 2, digest: two.digest };
    const starting = viewUnder(undefined, { told: () => marksOf([mark]) });
    assert.equal(trusting(undefined, objectOf(one), starting), 'TRUST_ROLLBACK');
    assert.equal(trusting(undefined, objectOf(two, one), starting), 'pass');
  });
});

const policy = (number: number, by?: Pair, more: object = {}): Sealed => {
  const spec = {
    version: number,
    matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }] },
    validations: [{ expression: 'false' }],
    ...more,
  };
  const document = JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: 'pinned' }, spec });
  const bundles = by === undefined ? [] : [seal(Buffer.from(document), by.privateKey)];
  return { metadata: { name: 'pinned' }, spec, signature: { document, bundles } };
};
const heldOf = ({ signature }: Sealed, number: number, more: Partial<HeldDocument> = {}): HeldDocument => ({
  kind: 'Policy',
  name: 'pinned',
  version: number,
  digest: digestOf(Buffer.from(signature.document)),
  retired: false,
  ...more,
});
const markOf = (sealed: Sealed, number: number): Mark => {
  const { kind, name, digest } = heldOf(sealed, number);
  return { kind, name, version: number, digest };
};
const writing = (before: object | undefined, after: object | undefined, view: GuardView): string =>
  codeOf(ruleOn({ kind: 'Policy', name: 'pinned', before: before && { ...before }, after: after && { ...after } }, view));
const bare = ({ metadata, spec }: Sealed): object => ({ metadata, spec });

describe('a Policy whose seals a newer trust policy has taken', () => {
  const byAnn = policy(1, ann);
  it('comes no more, and what it was enforced as stays', () => {
    assert.equal(writing(undefined, byAnn, first), 'pass');
    assert.equal(writing(undefined, byAnn, second), 'SEAL_UNKNOWN_KEY');
    const marked = { ...second, marks: marksOf([markOf(byAnn, 1)]) };
    assert.equal(writing(byAnn, undefined, marked), 'REMOVAL_UNSEALED');
    assert.equal(writing(byAnn, { ...byAnn, metadata: { name: 'pinned', labels: { team: 'a' } } }, marked), 'pass');
    assert.equal(writing(byAnn, policy(2, bob), marked), 'pass');
  });

  it('may be named by an inventory where it was enforced only, and raises no mark', () => {
    const withdrawn = { code: 'SEAL_UNKNOWN_KEY', message: 'of nobody' } as const;
    const held = (digest: string) => (digest === heldOf(byAnn, 1).digest ? heldOf(byAnn, 1, { withdrawn }) : undefined);
    const listed = {
      ...encodeInventory(
        inventoryOf(SOURCE, 'r', [
          { ...byAnn, apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', signature: { document: byAnn.signature.document, bundles: [] } },
        ]),
      ),
    };
    const naming = (view: GuardView): string =>
      codeOf(ruleOn({ kind: 'Inventory', name: 'writ-inventory-i', before: undefined, after: listed }, view));
    assert.equal(naming({ ...second, held }), 'INVENTORY_UNPROVEN');
    assert.equal(naming({ ...second, held, marks: marksOf([markOf(byAnn, 1)]) }), 'pass');
    const raising = { ...encodeMarks([markOf(byAnn, 1)]) };
    assert.equal(codeOf(ruleOn({ kind: 'Marks', name: 'm', before: undefined, after: raising }, { ...second, held })), 'MARK_UNPROVEN');
  });
});

describe('a Policy without any seal', () => {
  const [mine, later, sealed] = [policy(1), policy(2), policy(3, bob)];
  it('is refused where the trust policy does not let it take part', () => {
    assert.equal(writing(undefined, bare(mine), first), 'POLICY_UNSIGNED');
    assert.equal(writing(undefined, mine, first), 'SEAL_MISSING');
  });

  it('comes, changes and goes where it does', () => {
    const standing = () => ({ ...heldOf(mine, 1), unsigned: true as const, source: undefined, sequence: 0 });
    assert.equal(writing(undefined, bare(mine), second), 'pass');
    assert.equal(writing(undefined, mine, second), 'pass', 'as the operator writes it');
    assert.equal(writing(bare(mine), bare(later), second), 'pass');
    assert.equal(writing(bare(later), bare(mine), second), 'pass');
    assert.equal(writing(bare(mine), undefined, { ...second, standing }), 'pass');
    assert.equal(writing(bare(mine), sealed, { ...second, standing }), 'pass');
  });

  it('says in spec what its own document says', () => {
    assert.equal(writing(undefined, { ...mine, spec: later.spec }, second), 'SPEC_DIFFERS');
  });

  it('is one that compiles', () => {
    assert.equal(writing(undefined, bare(policy(1, undefined, { validations: [{ expression: 'no.such' }] })), second), 'POLICY_EXPRESSION');
  });

  it('never takes the place of one that has a seal, enforced already or not', () => {
    const marked = { ...second, marks: marksOf([markOf(sealed, 3)]) };
    assert.equal(writing(sealed, bare(policy(9)), marked), 'POLICY_UNSIGNED');
    assert.equal(writing(undefined, bare(policy(9)), marked), 'POLICY_UNSIGNED');
    assert.equal(writing(sealed, bare(policy(9)), second), 'POLICY_UNSIGNED');
  });

  it('raises no mark', () => {
    const held = () => heldOf(mine, 1, { unsigned: true });
    const after = { ...encodeMarks([markOf(mine, 1)]) };
    assert.equal(codeOf(ruleOn({ kind: 'Marks', name: 'm', before: undefined, after }, { ...second, held })), 'MARK_UNPROVEN');
  });
});

describe('the mark of the trust policy', () => {
  const mark = (number: number, digest: string, more: Partial<Mark> = {}): Mark => ({
    kind: 'TrustPolicy',
    name: 'cluster',
    version: number,
    digest,
    source: SOURCE,
    ...more,
  });
  const marking = (after: Mark, before?: Mark, view = second): string =>
    codeOf(
      ruleOn(
        {
          kind: 'Marks',
          name: 'm',
          before: before === undefined ? undefined : { ...encodeMarks([before]) },
          after: { ...encodeMarks([after]) },
        },
        view,
      ),
    );
  it('rises to the version in force and those before it, and never ends', () => {
    assert.equal(marking(mark(1, one.digest)), 'pass');
    assert.equal(marking(mark(2, two.digest), mark(1, one.digest)), 'pass');
    assert.equal(marking(mark(3, three.digest), mark(2, two.digest)), 'MARK_UNPROVEN');
    assert.equal(marking(mark(2, other.digest)), 'MARK_UNPROVEN');
    assert.equal(marking(mark(1, one.digest), mark(2, two.digest)), 'MARK_LOWERED');
    assert.equal(marking(mark(2, two.digest, { gone: true }), mark(2, two.digest)), 'MARK_UNPROVEN');
    assert.equal(marking(mark(2, two.digest, { name: 'other' })), 'MARK_UNPROVEN');
  });
});
