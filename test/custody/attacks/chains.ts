// SPDX-License-Identifier: Apache-2.0
// Attacks on how trust is handed on: versions that are skipped, sealed by one side only, or of a chain that looks like the real one.
import assert from 'node:assert/strict';
import { digestOf } from '../../../policies/document/digest.ts';
import { loadTrustObject } from '../../../policies/trust/load.ts';
import type { TrustSignature } from '../../../policies/trust/load.ts';
import type { Trust } from '../../../policies/trust/index.ts';
import { seal } from '../../../policies/trust/seal.ts';
import { keyed } from '../../../policies/trust/test-trust.ts';
import { NOW, pairs } from './gate.ts';
import type { Attack, Control } from './gate.ts';

type Person = 'alice' | 'bob' | 'edward' | 'stranger';

/** The trust policy is sealed by all of these. */
const textOf = (version: number, who: readonly Person[], more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version,
      principals: who.map((name) => keyed(name, pairs[name].publicKey)),
      rules: [{ kinds: ['Policy', 'TrustPolicy'], allOf: [{ threshold: who.length, principals: who }] }],
      ...more,
    },
  });

type Link = { readonly document: string; readonly bundles: readonly string[] };
const sealedBy = (document: string, ...by: readonly Person[]): Link => ({
  document,
  bundles: by.map((name) => seal(Buffer.from(document), pairs[name].privateKey)),
});
const signatureOf = (current: Link, ...chain: readonly Link[]): TrustSignature => ({ ...current, chain });

const one = sealedBy(textOf(1, ['alice', 'bob']));
/** Bob goes, Edward comes. */
const second = textOf(2, ['alice', 'edward']);
const two = sealedBy(second, 'alice', 'bob', 'edward');
const third = textOf(3, ['alice', 'edward'], { unsigned: 'Audit' });
const three = sealedBy(third, 'alice', 'edward');
const pinnedDigest = digestOf(Buffer.from(one.document));
/** Another first version by the same names and one more key, which nobody pinned. */
const lookAlike = sealedBy(textOf(1, ['alice', 'bob', 'stranger']), 'alice', 'stranger');

const held = (signature: TrustSignature): Trust => {
  const loaded = loadTrustObject(signature, { pinnedDigest, at: NOW });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.trust;
};

const chain = (name: string, code: Attack['code'], signature: () => TrustSignature): Attack => ({
  name: `trust: ${name}`,
  code,
  attempt: () => ({ signature: signature(), pinnedDigest }),
});
const after = (name: string, code: Attack['code'], before: TrustSignature, next: TrustSignature): Attack => ({
  name: `trust: ${name}`,
  code,
  attempt: () => ({ signature: next, pinnedDigest, held: held(before) }),
});

export const chainAttacks: readonly Attack[] = [
  chain('the next version without the one before', 'TRUST_NOT_PINNED', () => signatureOf(two)),
  chain('a version is skipped', 'TRUST_CHAIN_VERSION', () => signatureOf(sealedBy(third, 'alice', 'bob', 'edward'), one)),
  chain('a version that does not rise', 'TRUST_CHAIN_EQUIVOCATION', () =>
    signatureOf(sealedBy(textOf(1, ['alice', 'edward']), 'alice', 'bob', 'edward'), one),
  ),
  chain('the versions out of order', 'TRUST_CHAIN_VERSION', () => signatureOf(two, one, three)),
  chain('sealed by those alone whom it names itself', 'TRUST_CHAIN_SEALS_BEFORE', () =>
    signatureOf(sealedBy(second, 'alice', 'edward'), one),
  ),
  chain('sealed by those alone whom the version before names', 'TRUST_CHAIN_SEALS_OWN', () =>
    signatureOf(sealedBy(second, 'alice', 'bob'), one),
  ),
  chain('one of the two sealed it twice', 'TRUST_CHAIN_SEALS_BEFORE', () => signatureOf(sealedBy(second, 'alice', 'alice', 'edward'), one)),
  chain('sealed by nobody', 'TRUST_CHAIN_SEALS_BEFORE', () => signatureOf(sealedBy(second), one)),
  chain('the seals of another version', 'TRUST_CHAIN_SEALS_BEFORE', () => signatureOf({ ...two, document: textOf(2, ['alice']) }, one)),
  chain('a look-alike of the first version', 'TRUST_NOT_PINNED', () =>
    signatureOf(sealedBy(textOf(2, ['stranger']), 'alice', 'bob', 'stranger'), lookAlike),
  ),
  chain('the look-alike after the pinned one', 'TRUST_CHAIN_EQUIVOCATION', () =>
    signatureOf(sealedBy(textOf(2, ['stranger']), 'alice', 'bob', 'stranger'), one, lookAlike),
  ),
  chain('a good chain of which one link is edited', 'TRUST_CHAIN_SEALS_BEFORE', () =>
    signatureOf(three, one, { ...two, document: two.document.replace('"threshold":2', '"threshold":1') }),
  ),
  chain('one key under two names', 'TRUST_KEY_SHARED', () => {
    const twice = textOf(2, ['alice', 'edward']).replace(
      '"principals":[',
      `"principals":[${JSON.stringify(keyed('carol', pairs.alice.publicKey))},`,
    );
    return signatureOf(sealedBy(twice, 'alice', 'bob', 'edward'), one);
  }),
  after('back to the pinned version', 'TRUST_ROLLBACK', signatureOf(two, one), signatureOf(one)),
  after(
    'another second version by the same people',
    'TRUST_CHAIN_EQUIVOCATION',
    signatureOf(two, one),
    signatureOf(sealedBy(textOf(2, ['alice', 'bob']), 'alice', 'bob'), one),
  ),
  after(
    'a third version that comes from another second one',
    'TRUST_CHAIN_EQUIVOCATION',
    signatureOf(two, one),
    signatureOf(sealedBy(textOf(3, ['alice', 'bob']), 'alice', 'bob'), one, sealedBy(textOf(2, ['alice', 'bob']), 'alice', 'bob')),
  ),
];

export const chainControls: readonly Control[] = [
  { name: 'the trust policy that is pinned', attempt: () => ({ signature: signatureOf(one), pinnedDigest }) },
  { name: 'the next trust policy, by both sides', attempt: () => ({ signature: signatureOf(two, one), pinnedDigest }) },
  {
    name: 'the one after that, for who holds the first',
    attempt: () => ({ signature: signatureOf(three, one, two), pinnedDigest, held: held(signatureOf(one)) }),
  },
  {
    name: 'what stands in the chain before the pinned version, whatever it is',
    attempt: () => ({ signature: signatureOf(two, lookAlike, one), pinnedDigest }),
  },
];
