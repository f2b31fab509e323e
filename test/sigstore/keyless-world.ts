// SPDX-License-Identifier: Apache-2.0
// One Sigstore, an identity that it vouches for, a trust policy that believes both, and keyless seals by it.
import { digestOf } from '../../policies/document/digest.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { keyed, policyBytes as bytes, trustOf } from '../../policies/trust/test-trust.ts';
import { p256 } from './certificates.ts';
import type { Identity } from './fulcio.ts';
import { createSigstore } from './index.ts';
import type { Json, SealOptions } from './index.ts';
import { MATERIAL, inside } from './json-fields.ts';

export const FULCIO = '1.3.6.1.4.1.57264.1.';
export const SIGNED_AT = Date.UTC(2026, 0, 15, 12);
export const ISSUER = 'https://token.actions.example.com';
export const SUBJECT = 'https://git.example.com/acme/policies/.github/workflows/seal.yml@refs/heads/main';
export const identity: Identity = {
  issuer: ISSUER,
  subject: SUBJECT,
  oids: { 5: 'acme/policies', 12: 'https://git.example.com/acme/policies', 14: 'refs/heads/main', 15: '632596897', 20: 'push' },
};
export const ci = {
  name: 'ci',
  identity: {
    issuer: ISSUER,
    subject: SUBJECT,
    oids: { [`${FULCIO}12`]: 'https://git.example.com/acme/policies', [`${FULCIO}15`]: '632596897', [`${FULCIO}5`]: 'acme/policies' },
  },
};

export const sigstore = createSigstore();
export const trustedRoot = sigstore.trustedRoot();
export const key = p256();
export const trust = trustOf({
  principals: [ci, { name: 'mail', identity: { issuer: ISSUER, subject: 'ann@example.com' } }, keyed('held', key.publicKey)],
  trustedRoot,
});

export const message = { message: bytes };
export const statementOf = (kind: 'approval' | 'set') => ({
  statement: writeStatement(kind, [{ name: 'policies/pinned.yaml', digest: digestOf(bytes) }], kind === 'set' ? { sequence: 3 } : {}),
});
export const keyless = (options: Partial<SealOptions> = {}): Json =>
  sigstore.seal({ content: message, identity, atMs: SIGNED_AT, ...options });
export const text = (bundle: Json): string => JSON.stringify(bundle);
export const material = (bundle: Json): Json => inside(bundle, MATERIAL);
