// SPDX-License-Identifier: Apache-2.0
// Attacks on releases: members of another release, members that are missing or more than were sealed, another publisher's standing.
import { digestOf } from '../../../policies/document/digest.ts';
import type { SealedObject } from '../../../policies/policy-object.ts';
import { memberText, releaseText } from '../../../policies/ruleset/test-release.ts';
import type { MemberText } from '../../../policies/ruleset/test-release.ts';
import { seal } from '../../../policies/trust/seal.ts';
import { pairs, trustOf } from './gate.ts';
import type { Attack, Control, Pair } from './gate.ts';

const strict = memberText('a');
const loose = memberText('a', { validations: [{ expression: 'true' }] });
const [second, third] = [memberText('b'), memberText('c')];
/** Release 1 was lax about `a`; release 2 is not. */
const first = releaseText('eu', [loose, second]);
const release = releaseText('eu', [strict, second], { version: 2 });
const gold = releaseText('eu', [strict, second], { version: 2, publisher: { name: 'acme', tier: 'Gold' } });

/** Alice may seal releases of anybody but Gold publishers, for whom it takes both. */
const trust = trustOf({
  rules: [
    { kinds: ['Ruleset'], allOf: [{ threshold: 1, principals: ['alice'] }], publisherTiers: ['Community', 'Silver'] },
    { kinds: ['Ruleset'], allOf: [{ threshold: 2, principals: ['alice', 'bob'] }], publisherTiers: ['Gold'] },
  ],
});
const anyTier = trustOf({ rules: [{ kinds: ['Ruleset'], allOf: [{ threshold: 1, principals: ['alice'] }] }] });

const objectOf = (document: string, members: readonly MemberText[], by: readonly Pair[] = [pairs.alice], name = 'eu'): SealedObject => ({
  kind: 'Ruleset',
  metadata: { name },
  signature: {
    document,
    bundles: by.map(({ privateKey }) => seal(Buffer.from(document), privateKey)),
    members: members.map(({ path, text }) => ({ path, document: text })),
  },
});

const release2 = (name: string, code: Attack['code'], members: readonly MemberText[]): Attack => ({
  name: `release: ${name}`,
  code,
  attempt: () => ({ object: objectOf(release, members), trust: anyTier }),
});

export const rulesetAttacks: readonly Attack[] = [
  release2('mix and match, a lax member of the release before', 'RULESET_MEMBER_DIGEST', [loose, second]),
  release2('mix and match, two members under each other\u2019s paths', 'RULESET_MEMBER_DIGEST', [
    { ...strict, text: second.text },
    { ...second, text: strict.text },
  ]),
  release2('a member is stripped', 'RULESET_MEMBER_MISSING', [strict]),
  release2('all members are stripped', 'RULESET_MEMBER_MISSING', []),
  release2('a member is added that nobody sealed', 'RULESET_MEMBER_EXTRA', [strict, second, third]),
  release2('a member is given twice, the lax one last', 'RULESET_MEMBER_DUPLICATE', [strict, second, loose]),
  release2('a member under a path that leads elsewhere', 'RULESET_MEMBER_EXTRA', [
    strict,
    { ...second, path: 'policies/../policies/b.yaml' },
  ]),
  {
    name: 'release: its list of members is edited',
    code: 'SEAL_DIGEST_MISMATCH',
    attempt: () => {
      const { signature } = objectOf(release, [strict, second]);
      const edited = releaseText('eu', [second], { version: 2 });
      return { object: { ...objectOf(edited, [second]), signature: { ...signature, document: edited } }, trust: anyTier };
    },
  },
  {
    name: 'release: the one before, whole and well sealed',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({
      object: objectOf(first, [loose, second]),
      trust: anyTier,
      mark: { kind: 'Ruleset', name: 'eu', version: 2, digest: digestOf(Buffer.from(release)) },
    }),
  },
  {
    name: 'release: under the name of another ruleset',
    code: 'POLICY_NAME_MISMATCH',
    attempt: () => ({ object: objectOf(release, [strict, second], [pairs.alice], 'us'), trust: anyTier }),
  },
  {
    name: 'release: a Gold publisher\u2019s, sealed by one of the two that it takes',
    code: 'SEAL_THRESHOLD',
    attempt: () => ({ object: objectOf(gold, [strict, second]), trust }),
  },
  {
    name: 'release: of a publisher without a standing, where rules speak of standings',
    code: 'SEAL_NO_RULE',
    attempt: () => ({ object: objectOf(release, [strict, second]), trust }),
  },
];

export const rulesetControls: readonly Control[] = [
  {
    name: 'a release with just its members, in any order',
    attempt: () => ({ object: objectOf(release, [second, strict]), trust: anyTier }),
  },
  {
    name: 'a release without a member that its publisher dropped',
    attempt: () => ({ object: objectOf(releaseText('eu', [strict]), [strict]), trust: anyTier }),
  },
  {
    name: 'a release after the one before',
    attempt: () => ({
      object: objectOf(release, [strict, second]),
      trust: anyTier,
      mark: { kind: 'Ruleset', name: 'eu', version: 1, digest: digestOf(Buffer.from(first)) },
    }),
  },
  {
    name: 'a Gold publisher\u2019s release by both that it takes',
    attempt: () => ({ object: objectOf(gold, [strict, second], [pairs.alice, pairs.bob]), trust }),
  },
];
