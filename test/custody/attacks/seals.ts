// SPDX-License-Identifier: Apache-2.0
// Attacks on seals by keys: forged, borrowed, malleated and misread ones, and thresholds met by fewer people than they ask for.
import { constants, sign } from 'node:crypto';
import { digestOf } from '../../../policies/document/digest.ts';
import { hintOf } from '../../../policies/trust/key.ts';
import { seal, sealStatement } from '../../../policies/trust/seal.ts';
import { writeStatement } from '../../../policies/trust/statement.ts';
import { POLICY, bothTrust, bytes, good, objectOf, pairs, tampered } from './gate.ts';
import type { Attack, Control, Json, Pair } from './gate.ts';

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other valid signature of the same key over the same bytes: (r, n−s). */
const malleated = (): string => {
  const bundle: Json = JSON.parse(good);
  const { signature: text }: { signature?: unknown } = bundle['messageSignature'] ?? {};
  const der = Buffer.from(typeof text === 'string' ? text : '', 'base64');
  const integerAt = (at: number): { readonly value: bigint; readonly next: number } => {
    const next = at + 2 + (der[at + 1] ?? 0);
    return { value: BigInt(`0x${der.toString('hex', at + 2, next)}`), next };
  };
  const integer = (value: bigint): Buffer => {
    const hex = value.toString(16);
    const raw = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    const positive = (raw[0] ?? 0) < 0x80 ? raw : Buffer.concat([Buffer.of(0), raw]);
    return Buffer.concat([Buffer.of(2, positive.length), positive]);
  };
  const r = integerAt(2);
  const body = Buffer.concat([integer(r.value), integer(P256_ORDER - integerAt(r.next).value)]);
  Object.assign(bundle['messageSignature'] ?? {}, { signature: Buffer.concat([Buffer.of(0x30, body.length), body]).toString('base64') });
  return JSON.stringify(bundle);
};

const by = (name: string, pair: Pair, code: Attack['code']): Attack => ({
  name: `signer: ${name}`,
  code,
  attempt: () => ({ object: objectOf(POLICY, [seal(bytes, pair.privateKey)]) }),
});

const hinted = (hint: string): Attack => ({
  name: `prototype: the key hint ${JSON.stringify(hint)}`,
  code: 'SEAL_UNKNOWN_KEY',
  attempt: () => ({ object: tampered((bundle) => Object.assign(bundle['verificationMaterial']?.['publicKey'] ?? {}, { hint })) }),
});

const signature = (name: string, make: () => Buffer, code: Attack['code'] = 'SEAL_SIGNATURE', pair: Pair = pairs.alice): Attack => ({
  name: `forgery: ${name}`,
  code,
  attempt: () => ({
    object: tampered((bundle) => {
      Object.assign(bundle['messageSignature'] ?? {}, { signature: make().toString('base64') });
      Object.assign(bundle['verificationMaterial']?.['publicKey'] ?? {}, { hint: hintOf(pair.publicKey) });
    }),
  }),
});

const together = (name: string, bundles: () => readonly string[]): Attack => ({
  name: `threshold of two: ${name}`,
  code: 'SEAL_THRESHOLD',
  attempt: () => ({ object: objectOf(POLICY, bundles()), trust: bothTrust }),
});

const statement = (kind: 'approval' | 'set', digest: string, predicate: { readonly [field: string]: string | number }): string =>
  sealStatement(writeStatement(kind, [{ name: 'policies/pinned.yaml', digest }], predicate), pairs.alice.privateKey);
const OTHER = digestOf(Buffer.from('other'));
const HERE = digestOf(bytes);

const stated = (name: string, bundle: () => string, code: Attack['code']): Attack => ({
  name: `statement: ${name}`,
  code,
  attempt: () => ({ object: objectOf(POLICY, [bundle()]) }),
});

const payload = (change: (payload: Json) => void): string => {
  const told: Json = JSON.parse(writeStatement('approval', [{ name: 'p', digest: HERE }], {}).toString());
  change(told);
  return sealStatement(Buffer.from(JSON.stringify(told)), pairs.alice.privateKey);
};

export const sealAttacks: readonly Attack[] = [
  by('a stranger', pairs.stranger, 'SEAL_UNKNOWN_KEY'),
  // Known as it was at its end, and closed: what the policy matched is denied, not freed.
  by('a key whose time has ended, without a timestamp', pairs.ended, 'POLICY_EXPIRED'),
  by('a key whose time has not begun', pairs.coming, 'SEAL_KEY_NOT_VALID'),
  by('a revoked key', pairs.revoked, 'SEAL_REVOKED'),
  by('a revoked principal', pairs.departed, 'SEAL_REVOKED'),
  by('RSA of fewer bits than its principal must have', pairs.shortPartner, 'SEAL_KEY_WEAK'),
  signature('RSA of 1,024 bits', () => sign('sha256', bytes, pairs.tiny.privateKey), 'SEAL_KEY_WEAK', pairs.tiny),
  ...['constructor', '__proto__', 'toString', 'hasOwnProperty'].map(hinted),
  signature('the signature of another file', () => sign('sha256', Buffer.from('other'), pairs.alice.privateKey)),
  signature('zeros', () => Buffer.from('3006020100020100', 'hex')),
  signature('bytes after the signature', () => Buffer.concat([sign('sha256', bytes, pairs.alice.privateKey), Buffer.of(0, 0)])),
  signature(
    'a P-256 signature under the name of Ed25519',
    () => sign('sha256', bytes, pairs.alice.privateKey),
    'SEAL_SIGNATURE',
    pairs.edward,
  ),
  signature(
    'RSA with PSS',
    () => sign('sha256', bytes, { key: pairs.rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING }),
    'SEAL_SIGNATURE',
    pairs.rsa,
  ),
  { name: 'forgery: no seal at all', code: 'SEAL_MISSING', attempt: () => ({ object: objectOf(POLICY, []) }) },
  {
    name: 'forgery: the seal of another document',
    code: 'SEAL_DIGEST_MISMATCH',
    attempt: () => ({ object: objectOf(POLICY, [seal(Buffer.from('other'), pairs.alice.privateKey)]) }),
  },
  {
    name: 'forgery: a field that readers differ about',
    code: 'SEAL_MALFORMED',
    attempt: () => ({ object: objectOf(POLICY, [good.replace('{', '{"mediaType":"x",')]) }),
  },
  {
    name: 'forgery: __proto__ as a field of the seal',
    code: 'SEAL_MALFORMED',
    attempt: () => ({ object: objectOf(POLICY, [good.replace('{', '{"__proto__":{},')]) }),
  },
  {
    name: 'forgery: an unknown field',
    code: 'SEAL_MALFORMED',
    attempt: () => ({ object: tampered((bundle) => Object.assign(bundle, { extra: 1 })) }),
  },
  { name: 'forgery: lists in lists', code: 'SEAL_MALFORMED', attempt: () => ({ object: objectOf(POLICY, ['['.repeat(30_000)]) }) },
  {
    name: 'forgery: a seal of 65 KiB',
    code: 'SEAL_TOO_LARGE',
    attempt: () => ({ object: objectOf(POLICY, [`${good}${' '.repeat(65 * 1024)}`]) }),
  },
  {
    name: 'forgery: five log entries',
    code: 'SEAL_TOO_LARGE',
    attempt: () => ({
      object: tampered((bundle) => Object.assign(bundle['verificationMaterial'] ?? {}, { tlogEntries: [{}, {}, {}, {}, {}] })),
    }),
  },
  together('one', () => [good]),
  together('one twice', () => [good, good]),
  together('one and its malleated twin', () => [good, malleated()]),
  together('one spelt in another way', () => [good, `${good} `]),
  together('two signatures of one key', () => [good, seal(bytes, pairs.alice.privateKey)]),
  together('two keys of one principal', () => [good, seal(bytes, pairs.alice2.privateKey)]),
  together('one and a stranger', () => [good, seal(bytes, pairs.stranger.privateKey)]),
  together('one over the file and an approval by the same', () => [good, statement('approval', HERE, {})]),
  stated('an approval of another file', () => statement('approval', OTHER, {}), 'SEAL_DIGEST_MISMATCH'),
  stated('a set without this file', () => statement('set', OTHER, { sequence: 3 }), 'SEAL_DIGEST_MISMATCH'),
  stated(
    'a statement about something else than approval',
    () => payload((told) => Object.assign(told, { predicateType: 'https://slsa.dev/provenance/v1' })),
    'SEAL_STATEMENT',
  ),
  stated('a statement that is none', () => payload((told) => Object.assign(told, { _type: 'x' })), 'SEAL_STATEMENT'),
  stated('no subject', () => payload((told) => Object.assign(told, { subject: [] })), 'SEAL_STATEMENT'),
  stated('a set without a sequence', () => statement('set', HERE, {}), 'SEAL_STATEMENT'),
  stated('an approval that ended', () => statement('approval', HERE, { expires: '2026-01-01T00:00:00Z' }), 'POLICY_EXPIRED'),
];

const accepted = (name: string, bundles: () => readonly string[], trust?: typeof bothTrust): Control => ({
  name,
  attempt: () => ({ object: objectOf(POLICY, bundles()), ...(trust === undefined ? {} : { trust }) }),
});

export const sealControls: readonly Control[] = [
  accepted('by Ed25519', () => [seal(bytes, pairs.edward.privateKey)]),
  accepted('by P-384', () => [seal(bytes, pairs.paula.privateKey)]),
  accepted('by RSA of 3,072 bits', () => [seal(bytes, pairs.rsa.privateKey)]),
  accepted('by RSA of 4,096 bits where that is asked for', () => [seal(bytes, pairs.partner.privateKey)]),
  accepted('by an approval', () => [statement('approval', HERE, {})]),
  accepted('by a set of its repository', () => [statement('set', HERE, { sequence: 3 })]),
  accepted('beside bad seals, which veto nothing', () => ['{}', seal(bytes, pairs.stranger.privateKey), good]),
  accepted('by two principals, where two are asked for', () => [good, seal(bytes, pairs.bob.privateKey)], bothTrust),
  accepted('by a malleated signature alone, which is one of the same principal', () => [malleated()]),
];
