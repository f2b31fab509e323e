// SPDX-License-Identifier: Apache-2.0
// What a Fulcio certificate says: whose it is, by whom the identity was vouched for, and the facts about the build.
//
// It is read here and not by the Sigstore library, which turns bytes into ASCII by dropping their high bit, takes the
// first of several names, and looks at neither extended key usage nor doubled extensions. Whether the certificate can be
// believed is the library's to say (evidence.ts); that both read the same bytes is held there too.
// Extensions: github.com/sigstore/fulcio, docs/oid-info.md.
import { Buffer } from 'node:buffer';
import { TAG, oidOf, readDer, readInside, readOne, stringIn, utf8 } from './der.ts';
import type { Der } from './der.ts';
import { readKeyDer } from './key.ts';
import type { PublicKey } from './key.ts';

/** A Fulcio certificate has some 2 KiB. */
const MAX_CERTIFICATE_BYTES = 8 * 1024;

const FULCIO = '1.3.6.1.4.1.57264.1.';
const ISSUER = `${FULCIO}8`;
const ISSUER_OLD = `${FULCIO}1`;
const OTHER_NAME = `${FULCIO}7`;
const KEY_USAGE = '2.5.29.15';
const ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

export type Certificate = {
  readonly key: PublicKey;
  /** The one subject alternative name: a URI, an e-mail address, or Fulcio's user name. */
  readonly subject: string;
  /** Of the token by which the identity was proven. */
  readonly issuer: string;
  /** Text of an extension; undefined where there is none, or where it is no text. */
  readonly textOf: (oid: string) => string | undefined;
  /** The bytes that the authority signed. */
  readonly signedPart: Buffer;
};

export type CertificateOutcome = { readonly ok: true; readonly certificate: Certificate } | { readonly ok: false; readonly why: string };

const no = (why: string): CertificateOutcome => ({ ok: false, why });

const isPlainAscii = (bytes: Buffer): boolean => bytes.length > 0 && bytes.every((byte) => byte > 0x20 && byte < 0x7f);

const nameOf = ({ tag, content }: Der): string | undefined => {
  // [6] URI and [1] rfc822Name are IA5String; [0] otherName is an OID and an explicit [0] UTF8String.
  if (tag === 0x86 || tag === 0x81) return isPlainAscii(content) ? content.toString('latin1') : undefined;
  if (tag !== 0xa0) return undefined;
  const [type, value, ...others] = readDer(content) ?? [];
  return oidOf(type) === OTHER_NAME && value?.tag === 0xa0 && others.length === 0 ? stringIn(value.content) : undefined;
};

const subjectOf = (extension: Buffer | undefined): string | undefined => {
  const [name, ...others] = (extension === undefined ? undefined : readInside(extension, TAG.sequence)) ?? [];
  return name === undefined || others.length > 0 ? undefined : nameOf(name);
};

/** The values of all extensions by OID; undefined where one is malformed or there twice. */
const readExtensions = (list: readonly Der[]): ReadonlyMap<string, Buffer> | undefined => {
  const extensions = new Map<string, Buffer>();
  for (const entry of list) {
    const parts = entry.tag === TAG.sequence ? readDer(entry.content) : undefined;
    const value = parts?.at(-1);
    const [id, critical] = parts ?? [];
    const isWhole = value?.tag === TAG.octetString && (parts?.length === 2 || (parts?.length === 3 && critical?.tag === TAG.boolean));
    if (!isWhole || id?.tag !== TAG.oid) return undefined;
    const oid = oidOf(id) ?? id.content.toString('hex');
    if (extensions.has(oid)) return undefined;
    extensions.set(oid, value.content);
  }
  return extensions;
};

/** Extensions .1 to .6 hold bare text, later ones a string of DER. */
const textOf = (oid: string, value: Buffer | undefined): string | undefined => {
  if (value === undefined) return undefined;
  return oid.startsWith(FULCIO) && /^[1-6]$/.test(oid.slice(FULCIO.length)) ? utf8(value) : stringIn(value);
};

/** Why a certificate with these extensions may not sign documents. */
const purposeProblem = (extensions: ReadonlyMap<string, Buffer>): string | undefined => {
  const purposes = readInside(extensions.get(EXTENDED_KEY_USAGE) ?? Buffer.alloc(0), TAG.sequence) ?? [];
  if (!purposes.some((purpose) => oidOf(purpose) === CODE_SIGNING)) return 'it is not meant for signing code';
  const usage = extensions.get(KEY_USAGE);
  // A BIT STRING begins with the number of bits that are unused; the first bit that follows is digitalSignature.
  if (usage !== undefined && ((readOne(usage, TAG.bitString)?.content[1] ?? 0) & 0x80) === 0) return 'its key is not meant for signing';
  const constraints = extensions.get(BASIC_CONSTRAINTS);
  const [isAuthority] = constraints === undefined ? [] : (readInside(constraints, TAG.sequence) ?? [undefined]);
  if (isAuthority?.tag === TAG.boolean && isAuthority.content[0] !== 0) return 'it is that of an authority';
  return undefined;
};

/** Reads one certificate in DER. Total. */
export const readCertificate = (der: Buffer): CertificateOutcome => {
  if (der.length > MAX_CERTIFICATE_BYTES) return no(`it has more than ${MAX_CERTIFICATE_BYTES} bytes`);
  const [signed] = readInside(der, TAG.sequence) ?? [];
  const fields = signed?.tag === TAG.sequence ? readDer(signed.content) : undefined;
  if (signed === undefined || fields === undefined) return no('it is not DER');
  // version [0], serial number, algorithm, issuer, validity, subject, SubjectPublicKeyInfo, …, extensions [3]
  const keyInfo = fields[0]?.tag === 0xa0 ? fields[6] : undefined;
  const key = keyInfo === undefined ? undefined : readKeyDer(keyInfo.whole);
  const list = readInside(fields.find(({ tag }) => tag === 0xa3)?.content ?? Buffer.alloc(0), TAG.sequence);
  const extensions = list === undefined ? undefined : readExtensions(list);
  if (key === undefined || extensions === undefined) return no('it is not an X.509 certificate of version 3');
  const problem = purposeProblem(extensions);
  if (problem !== undefined) return no(problem);
  const subject = subjectOf(extensions.get(ALTERNATIVE_NAME));
  if (subject === undefined)
    return no('it does not have exactly one subject alternative name that is a URI, an e-mail address or a user name');
  const text = (oid: string): string | undefined => textOf(oid, extensions.get(oid));
  const issuer = extensions.has(ISSUER) ? text(ISSUER) : text(ISSUER_OLD);
  if (issuer === undefined) return no('it does not say who vouched for the identity');
  return { ok: true, certificate: { key, subject, issuer, textOf: text, signedPart: signed.whole } };
};
