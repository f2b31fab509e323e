// SPDX-License-Identifier: Apache-2.0
// What is wrong with a seal.
import type { ProblemCodes } from './entry.ts';

export const sealsCodes = {
  SEAL_TOO_LARGE: { summary: 'A bundle is too large, or there are too many of them.', fix: 'keep at most 8 bundles of at most 64 KiB' },
  SEAL_MALFORMED: {
    summary: 'A bundle is not a well-formed Sigstore bundle.',
    fix: 'make it again with `writ sign` or `cosign sign-blob --bundle`',
  },
  SEAL_FORM: {
    summary: 'A bundle in the cluster is spelled in another way than that in which bundles are stored.',
    fix: 'let the operator write it from Git, or write what `writ sign --output resource` prints',
  },
  SEAL_UNSUPPORTED: {
    summary: 'A bundle proves something in a way that is not supported.',
    fix: 'sign with ECDSA P-256 or P-384, Ed25519, RSA of 3072 bits or more, or keyless with Sigstore',
  },
  SEAL_DIGEST_MISMATCH: {
    summary: 'A bundle was made for other bytes than these.',
    fix: 'sign the file again as it is now, or bring back the file that was signed',
  },
  SEAL_UNKNOWN_KEY: {
    summary: 'A bundle is by a key that the trust policy does not list.',
    fix: 'sign with a listed key, or have the key added to the trust policy',
  },
  SEAL_KEY_NOT_VALID: { summary: 'A bundle is by a key that is not valid at this time.', fix: 'sign again with a key that is valid now' },
  SEAL_REVOKED: { summary: 'The document, a key or a principal was revoked.', fix: 'sign a new version with a key that is still trusted' },
  SEAL_BELOW_MINIMUM: {
    summary: 'The document or set is below what the trust policy names under `minimums`.',
    fix: 'apply the newest version, or seal a higher one',
  },
  SEAL_KEY_WEAK: {
    summary: 'A bundle is by an RSA key that is too short, or has an unusual exponent.',
    fix: 'sign with a longer key (`writ keygen --type rsa-4096`) and have it added to the trust policy',
  },
  SEAL_STATEMENT: {
    summary: 'A bundle holds a statement that approves no document.',
    fix: 'make it with `writ sign --as approval` or `--as set`',
  },
  SEAL_CERTIFICATE: {
    summary: 'The certificate of a keyless seal is not one that the pinned trusted root stands for, or not at that time.',
    fix: 'sign again through the Sigstore instance whose trusted_root.json the trust policy pins',
  },
  SEAL_SCT: {
    summary: 'No certificate log of the pinned trusted root vouches for the certificate of a keyless seal.',
    fix: 'sign again through the Sigstore instance whose trusted_root.json the trust policy pins',
  },
  SEAL_LOG: {
    summary: 'The transparency log entry of a seal is missing, or is not proven to be of this signature.',
    fix: 'sign again and keep the bundle as it was written',
  },
  SEAL_TIMESTAMP: {
    summary: 'Nothing that can be believed says when a seal was made.',
    fix: 'sign again with a timestamp authority or a log of the pinned trusted root',
  },
  SEAL_UNKNOWN_IDENTITY: {
    summary: 'A keyless seal is by an identity that the trust policy does not list.',
    fix: 'have issuer, subject and oids added to the trust policy exactly as the message has them',
  },
  SEAL_SIGNATURE: { summary: 'A signature does not fit the bytes and the key.', fix: 'sign the file again' },
  SEAL_THRESHOLD: { summary: 'Too few of the principals that a rule asks for have signed.', fix: 'add the seals of the principals named' },
  SEAL_NO_RULE: { summary: 'No rule of the trust policy fits the document.', fix: 'have a rule for this kind added to the trust policy' },
  SEAL_KIND: {
    summary: 'Documents of this kind are not proven by a seal.',
    fix: 'seal Policies, Rulesets, Tenants and TrustPolicies only',
  },
  SEAL_VERSION: { summary: 'A sealed document has no version.', fix: 'add spec.version, a whole number that rises with every change' },
  SEAL_EXPIRED: { summary: 'The sealed document has expired.', fix: 'raise spec.version, set a later spec.expires and sign again' },
} as const satisfies ProblemCodes;
