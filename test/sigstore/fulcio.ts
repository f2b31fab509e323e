// SPDX-License-Identifier: Apache-2.0
// A Fulcio with a certificate log of its own: identity → certificate of ten minutes, with its SCT (RFC 6962 3.3).
import { Buffer } from 'node:buffer';
import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  CODE_SIGNING,
  authorityKeyId,
  authority,
  certificate,
  keyUsage,
  p256,
  purpose,
  sha256,
  spki,
  subjectKeyId,
  unsignedCertificate,
} from './certificates.ts';
import type { Authority, Extension, Pair } from './certificates.ts';
import { octets, sequence, utf8Text, element } from './der-writer.ts';

const TEN_MINUTES_MS = 600_000;
const OID = '1.3.6.1.4.1.57264.1.';

export type Identity = {
  readonly issuer: string;
  readonly subject: string;
  /** Extensions by their last number. */ readonly oids?: Readonly<Record<string, string>>;
};

export type LeafOptions = {
  readonly identity: Identity;
  readonly publicKey: KeyObject;
  readonly atMs: number;
  /** To make a certificate that Fulcio would not make; its SCT fits it all the same. */
  readonly extensions?: (extensions: readonly Extension[]) => readonly Extension[];
  /** Changes what the SCT says, or leaves it out. */
  readonly sct?: ((sct: Buffer) => Buffer) | 'none';
  readonly sctKey?: Pair;
  /** What the certificate log says beside; RFC 6962 gives it no meaning. */
  readonly sctExtensions?: Buffer;
  readonly signer?: Authority;
};

export type Fulcio = {
  readonly root: Authority;
  readonly intermediate: Authority;
  readonly log: Pair;
  issue(options: LeafOptions): Buffer;
};

const uint = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};

export const uriName = (uri: string): Buffer => element(0x86, Buffer.from(uri));
export const mailName = (address: string): Buffer => element(0x81, Buffer.from(address));
export const alternativeNames = (...names: readonly Buffer[]): Extension => ({
  oid: '2.5.29.17',
  critical: true,
  value: sequence(...names),
});

const extensionsOf = ({ identity, publicKey }: LeafOptions, issuerKey: KeyObject): readonly Extension[] => [
  keyUsage('sign'),
  purpose(CODE_SIGNING),
  subjectKeyId(publicKey),
  authorityKeyId(issuerKey),
  alternativeNames(identity.subject.includes('://') ? uriName(identity.subject) : mailName(identity.subject)),
  { oid: `${OID}1`, value: Buffer.from(identity.issuer) },
  { oid: `${OID}8`, value: utf8Text(identity.issuer) },
  ...Object.entries(identity.oids ?? {}).map(([number, text]) => ({
    oid: `${OID}${number}`,
    value: Number(number) < 7 ? Buffer.from(text) : utf8Text(text),
  })),
];

type SctParts = { readonly atMs: number; readonly log: Pair; readonly beside: Buffer };

/** SignedCertificateTimestamp over the certificate without it. */
const timestamp = (precertificate: Buffer, issuerKey: KeyObject, { atMs, log, beside }: SctParts): Buffer => {
  const head = Buffer.concat([Buffer.from([0, 0]), uint(Math.floor(atMs / 2 ** 32), 4), uint(atMs % 2 ** 32, 4)]);
  const said = Buffer.concat([uint(beside.length, 2), beside]);
  const entry = Buffer.concat([uint(1, 2), sha256(spki(issuerKey)), uint(precertificate.length, 3), precertificate, said]);
  const signature = sign('sha256', Buffer.concat([head, entry]), log.privateKey);
  return Buffer.concat([
    Buffer.from([0]),
    sha256(spki(log.publicKey)),
    head.subarray(2),
    said,
    Buffer.from([4, 3]),
    uint(signature.length, 2),
    signature,
  ]);
};

export const createFulcio = (makeKey = p256): Fulcio => {
  const root = authority('test root', undefined, { key: makeKey() });
  const intermediate = authority('test intermediate', root, { key: makeKey() });
  const log = p256();
  return {
    root,
    intermediate,
    log,
    issue: (options) => {
      const signer = options.signer ?? intermediate;
      const ordinary = extensionsOf(options, signer.key.publicKey);
      const parts = {
        subject: sequence(),
        issuer: { name: signer.name, key: signer.key.privateKey },
        publicKey: options.publicKey,
        fromMs: options.atMs,
        untilMs: options.atMs + TEN_MINUTES_MS,
        serial: sha256(spki(options.publicKey)).subarray(0, 16),
        extensions: options.extensions?.(ordinary) ?? ordinary,
      };
      if (options.sct === 'none') return certificate(parts);
      const sct = timestamp(unsignedCertificate(parts), signer.key.publicKey, {
        atMs: options.atMs,
        log: options.sctKey ?? log,
        beside: options.sctExtensions ?? Buffer.alloc(0),
      });
      const changed = options.sct?.(sct) ?? sct;
      const list = Buffer.concat([uint(changed.length + 2, 2), uint(changed.length, 2), changed]);
      return certificate({ ...parts, extensions: [...parts.extensions, { oid: '1.3.6.1.4.1.11129.2.4.2', value: octets(list) }] });
    },
  };
};
