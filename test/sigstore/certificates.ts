// SPDX-License-Identifier: Apache-2.0
// Certificates as Fulcio and a timestamp authority have them, every part of which a test can choose.
import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { bits, commonName, explicit, utcTime, integer, octets, oid, sequence, yes } from './der-writer.ts';

export type Pair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
export const p256 = (): Pair => generateKeyPairSync('ec', { namedCurve: 'P-256' });

export const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
export const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const p384 = (): Pair => generateKeyPairSync('ec', { namedCurve: 'P-384' });

export const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const ECDSA_SHA384 = sequence(oid('1.2.840.10045.4.3.3'));
const isLong = (key: KeyObject): boolean => key.asymmetricKeyDetails?.namedCurve === 'secp384r1';
const algorithmOf = (key: KeyObject): Buffer => (isLong(key) ? ECDSA_SHA384 : ECDSA_SHA256);

export type Extension = { readonly oid: string; readonly critical?: boolean; readonly value: Buffer };

export type Authority = { readonly name: string; readonly key: Pair; readonly der: Buffer };

export type CertificateParts = {
  readonly subject: Buffer;
  readonly issuer: { readonly name: string; readonly key: KeyObject };
  readonly publicKey: KeyObject;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly serial: Buffer;
  readonly extensions: readonly Extension[];
};

/** The part that is signed: RFC 5280 4.1. */
export const unsignedCertificate = (parts: CertificateParts): Buffer =>
  sequence(
    explicit(0, integer(2)),
    integer(parts.serial),
    algorithmOf(parts.issuer.key),
    commonName(parts.issuer.name),
    sequence(utcTime(parts.fromMs), utcTime(parts.untilMs)),
    parts.subject,
    spki(parts.publicKey),
    explicit(
      3,
      sequence(
        ...parts.extensions.map(({ oid: id, critical, value }) => sequence(oid(id), ...(critical === true ? [yes] : []), octets(value))),
      ),
    ),
  );

export const certificate = (parts: CertificateParts): Buffer => {
  const signed = unsignedCertificate(parts);
  const { key } = parts.issuer;
  return sequence(signed, algorithmOf(key), bits(sign(isLong(key) ? 'sha384' : 'sha256', signed, key)));
};

const keyId = (key: KeyObject): Buffer => createHash('sha1').update(spki(key)).digest();

export const subjectKeyId = (key: KeyObject): Extension => ({ oid: '2.5.29.14', value: octets(keyId(key)) });
export const authorityKeyId = (key: KeyObject): Extension => ({
  oid: '2.5.29.35',
  value: sequence(Buffer.concat([Buffer.from([0x80, 20]), keyId(key)])),
});
/** digitalSignature, or keyCertSign and cRLSign. */
export const keyUsage = (usage: 'sign' | 'certify'): Extension => ({
  oid: '2.5.29.15',
  critical: true,
  value: usage === 'sign' ? bits(Buffer.from([0x80]), 7) : bits(Buffer.from([0x06]), 1),
});
export const purpose = (id: string): Extension => ({ oid: '2.5.29.37', value: sequence(oid(id)) });
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
export const isAuthority: Extension = { oid: '2.5.29.19', critical: true, value: sequence(yes) };

export const LONG_AGO = Date.UTC(2020, 0, 1);
export const FAR_AHEAD = Date.UTC(2045, 0, 1);

type AuthorityOptions = { readonly fromMs?: number; readonly untilMs?: number; readonly key?: Pair };

/** An authority below another one, or its own. */
export const authority = (
  name: string,
  above?: Authority,
  { fromMs = LONG_AGO, untilMs = FAR_AHEAD, key = p256() }: AuthorityOptions = {},
): Authority => {
  const issuer = above === undefined ? { name, key: key.privateKey } : { name: above.name, key: above.key.privateKey };
  const issuerKey = above?.key.publicKey ?? key.publicKey;
  const der = certificate({
    subject: commonName(name),
    issuer,
    publicKey: key.publicKey,
    fromMs,
    untilMs,
    serial: sha256(Buffer.from(name)).subarray(0, 8),
    extensions: [isAuthority, keyUsage('certify'), subjectKeyId(key.publicKey), authorityKeyId(issuerKey)],
  });
  return { name, key, der };
};
