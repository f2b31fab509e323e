// SPDX-License-Identifier: Apache-2.0
// What is wrong with the trust policy.
import type { ProblemCodes } from './entry.ts';

export const trustCodes = {
  TRUST_NOT_PINNED: {
    summary: 'The trust policy is not the one that is pinned, and no chain of versions leads to it from there.',
    fix: 'compare the files with the digest given by --trust-digest; keep each earlier version as trust/VERSION.yaml with its seals; change the pin only when you know who changed the file',
  },
  TRUST_CHAIN_BROKEN: {
    summary: 'An earlier version of the trust policy is missing, unreadable, or the chain of them is too long.',
    fix: 'bring back the file that it was, byte for byte; or set --trust-digest to the digest of a version that you have checked',
  },
  TRUST_CHAIN_SEALS_BEFORE: {
    summary: 'A version of the trust policy has too few seals by the rules of the version before it.',
    fix: 'have those seal it whom the version before names for TrustPolicy, as the message says',
  },
  TRUST_CHAIN_SEALS_OWN: {
    summary: 'A version of the trust policy has too few seals by its own rules.',
    fix: 'have those seal it whom it names itself for TrustPolicy, so that it is known that they can',
  },
  TRUST_CHAIN_VERSION: {
    summary: 'The version of a trust policy is not one more than that of the one before it.',
    fix: 'number the versions without a gap, and keep each earlier one as trust/VERSION.yaml',
  },
  TRUST_CHAIN_EQUIVOCATION: {
    summary: 'Two different trust policies carry one version.',
    fix: 'find out who sealed the other one and revoke them; then seal a version that follows the one in force',
  },
  TRUST_ROLLBACK: {
    summary: 'The trust policy is older than the one in force.',
    fix: 'bring back the newer one; to undo it, seal its older content under a higher version',
  },
  TRUST_INVALID: { summary: 'The document is not a usable trust policy.', fix: 'correct the field named' },
  TRUST_KEY_INVALID: { summary: 'A public key in the trust policy cannot be read.', fix: 'give one PEM block BEGIN PUBLIC KEY' },
  TRUST_KEY_SHARED: { summary: 'One key is listed twice in the trust policy.', fix: 'list each key once, under one principal' },
  TRUST_IDENTITY_SHARED: {
    summary: 'One certificate could be two principals of the trust policy.',
    fix: 'list each identity once, or tell the two apart by an oid that both name',
  },
  TRUST_ROOT_MISSING: {
    summary: 'A seal needs the Sigstore trusted root, and there is none.',
    fix: 'put trusted_root.json beside the trust policy and its digest into spec.trustedRootSha256',
  },
  TRUST_ROOT_MISMATCH: {
    summary: 'The Sigstore trusted root is not the one that the trust policy pins.',
    fix: 'bring back the pinned trusted_root.json, or pin the new one in a new version of the trust policy',
  },
  TRUST_ROOT_INVALID: {
    summary: 'The pinned Sigstore trusted root cannot be used.',
    fix: 'take trusted_root.json as your Sigstore instance publishes it, and pin its digest',
  },
  TRUST_ROOT_OLD: {
    summary: 'Nothing shows that anybody has looked after the pinned Sigstore trusted root for long.',
    fix: 'fetch trusted_root.json anew from your Sigstore instance and pin it in a new version of the trust policy; if it has not changed, seal a new version all the same, keyless or with a timestamp; --trust-root-max-age sets the bound',
  },
  TRUST_EXPIRED: { summary: 'The trust policy has expired.', fix: 'raise its version, set a later expires, have it sealed and publish it' },
} as const satisfies ProblemCodes;
