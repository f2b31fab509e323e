// SPDX-License-Identifier: Apache-2.0
// A timestamp authority: RFC 3161 responses over signatures.
import { Buffer } from 'node:buffer';
import { sign } from 'node:crypto';
import {
  ECDSA_SHA256,
  FAR_AHEAD,
  LONG_AGO,
  TIME_STAMPING,
  authority,
  authorityKeyId,
  certificate,
  keyUsage,
  p256,
  purpose,
  sha256,
  subjectKeyId,
} from './certificates.ts';
import type { Pair } from './certificates.ts';
import { commonName, element, explicit, generalizedTime, integer, nothing, octets, oid, sequence, setOf } from './der-writer.ts';

export type TimestampAuthority = {
  /** Certificate that signs, then those above it. */
  readonly chain: readonly Buffer[];
  stamp(signature: Uint8Array, atMs: number, changes?: StampChanges): Buffer;
};

export type StampChanges = {
  readonly signer?: Pair;
  readonly serial?: number;
  readonly digest?: Buffer;
  readonly status?: number;
  readonly contentType?: string;
  /** Certificates that the response carries. */
  readonly carried?: readonly Buffer[];
};

/** When the certificates are valid, epoch milliseconds. */
export type Validity = { readonly fromMs: number; readonly untilMs: number };

const SHA256 = sequence(oid('2.16.840.1.101.3.4.2.1'), nothing);
const SERIAL = Buffer.from([0x11, 0x22]);
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const attribute = (id: string, value: Buffer): Buffer => sequence(oid(id), setOf(value));

export const createTimestampAuthority = (
  valid: Validity = { fromMs: LONG_AGO, untilMs: FAR_AHEAD },
  makeKey = p256,
): TimestampAuthority => {
  const root = authority('test timestamp root', undefined, { ...valid, key: makeKey() });
  const key = p256();
  const leaf = certificate({
    subject: commonName('test timestamps'),
    issuer: { name: root.name, key: root.key.privateKey },
    publicKey: key.publicKey,
    ...valid,
    serial: SERIAL,
    extensions: [
      keyUsage('sign'),
      { ...purpose(TIME_STAMPING), critical: true },
      subjectKeyId(key.publicKey),
      authorityKeyId(root.key.publicKey),
    ],
  });
  return {
    chain: [leaf, root.der],
    stamp: (signature, atMs, changes = {}) => {
      const digest = changes.digest ?? sha256(signature);
      const info = sequence(
        integer(1),
        oid('1.3.6.1.4.1.57264.2'),
        sequence(SHA256, octets(digest)),
        integer(changes.serial ?? 7),
        generalizedTime(atMs),
      );
      const attributes = Buffer.concat([
        attribute('1.2.840.113549.1.9.3', oid(changes.contentType ?? TST_INFO)),
        attribute('1.2.840.113549.1.9.4', octets(sha256(info))),
      ]);
      const value = sign('sha256', element(0x31, attributes), (changes.signer ?? key).privateKey);
      const signer = sequence(
        integer(1),
        sequence(commonName(root.name), integer(SERIAL)),
        SHA256,
        element(0xa0, attributes),
        ECDSA_SHA256,
        octets(value),
      );
      const carried = changes.carried === undefined ? [] : [element(0xa0, Buffer.concat(changes.carried))];
      const signed = sequence(integer(3), setOf(SHA256), sequence(oid(TST_INFO), explicit(0, octets(info))), ...carried, setOf(signer));
      return sequence(sequence(integer(changes.status ?? 0)), sequence(oid('1.2.840.113549.1.7.2'), explicit(0, signed)));
    },
  };
};
