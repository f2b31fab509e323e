// SPDX-License-Identifier: Apache-2.0
// Attacks on keyless seals: identities that look like a trusted one, and evidence that is missing or of another seal.
import { NOW, POLICY, REPOSITORY, SIGNED_AT, ISSUER, SUBJECT, bytes, objectOf, sigstore } from './gate.ts';
import type { Attack, Control, Json } from './gate.ts';
import { createSigstore } from '../../sigstore/index.ts';
import type { SealOptions } from '../../sigstore/index.ts';

const identity = { issuer: ISSUER, subject: SUBJECT, oids: { 12: REPOSITORY } };

const keyless = (options: Partial<SealOptions> = {}, from = sigstore): Json =>
  from.seal({ content: { message: bytes }, identity, atMs: SIGNED_AT, ...options });
const carrying = (bundle: Json): ReturnType<typeof objectOf> => objectOf(POLICY, [JSON.stringify(bundle)]);

const lookAlike = (name: string, change: object, code: Attack['code'] = 'SEAL_UNKNOWN_IDENTITY'): Attack => ({
  name: `identity: ${name}`,
  code,
  attempt: () => ({ object: carrying(keyless({ identity: { ...identity, ...change } })) }),
});

const evidence = (name: string, code: Attack['code'], bundle: () => Json): Attack => ({
  name: `evidence: ${name}`,
  code,
  attempt: () => ({ object: carrying(bundle()) }),
});

const without = (field: string): Json => {
  const bundle = keyless();
  Reflect.deleteProperty(bundle['verificationMaterial'] ?? {}, field);
  return bundle;
};

/** A seal whose log entry is that of another seal. */
const swapped = (): Json => {
  const [one, other] = [keyless(), keyless({ atMs: SIGNED_AT + 60_000 })];
  Object.assign(one['verificationMaterial'] ?? {}, { tlogEntries: other['verificationMaterial']?.['tlogEntries'] });
  return one;
};

export const identityAttacks: readonly Attack[] = [
  lookAlike('a branch that begins with the trusted one', { subject: `${SUBJECT}-evil` }),
  lookAlike('a host that a dot of a pattern would match', { subject: SUBJECT.replace('git.example', 'gitxexample') }),
  lookAlike('the trusted one within a longer path', { subject: `https://evil.example.com/${SUBJECT}` }),
  lookAlike('another case', { subject: SUBJECT.toUpperCase() }),
  lookAlike('a slash at the end', { subject: `${SUBJECT}/` }),
  lookAlike('another issuer', { issuer: 'https://token.actions.example.com.evil.example' }),
  lookAlike('the issuer with a slash', { issuer: `${ISSUER}/` }),
  lookAlike('another repository that calls the trusted workflow', { oids: { 12: 'https://git.example.com/evil/policies' } }),
  lookAlike('no repository', { oids: {} }),
  lookAlike('the repository under another extension', { oids: { 5: REPOSITORY } }),
  lookAlike("a mail address in another's domain", { subject: 'ann@example.com.evil.example', oids: {} }),
  evidence('no entry in a log', 'SEAL_LOG', () => without('tlogEntries')),
  evidence('the entry of another seal', 'SEAL_LOG', swapped),
  evidence('no certificate', 'SEAL_MALFORMED', () => without('certificate')),
  evidence('a Sigstore that nobody trusts', 'SEAL_LOG', () => keyless({}, createSigstore())),
  evidence('a certificate without the promise of its log', 'SEAL_SCT', () => keyless({ leaf: { sct: 'none' } })),
  evidence('an entry in the newer log without a timestamp', 'SEAL_TIMESTAMP', () => keyless({ log: 2, timestamps: 0 })),
];

export const identityControls: readonly Control[] = [
  { name: 'keyless, in the first kind of log', attempt: () => ({ object: carrying(keyless()) }) },
  {
    name: 'keyless, in the second kind of log with a timestamp',
    attempt: () => ({ object: carrying(keyless({ log: 2, timestamps: 1 })) }),
  },
  {
    name: 'keyless by a mail address',
    attempt: () => ({ object: carrying(keyless({ identity: { issuer: ISSUER, subject: 'ann@example.com' } })), atMs: NOW }),
  },
  { name: 'keyless, years after its certificate ended', attempt: () => ({ object: carrying(keyless()), atMs: Date.UTC(2027, 1, 1) }) },
];
