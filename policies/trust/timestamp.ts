// SPDX-License-Identifier: Apache-2.0
// The shape of an RFC 3161 response: what nothing signs in it must at least be what the standard says.
//
// The Sigstore library proves the signature, the imprint and the chain. It asks neither whether the request was granted
// (RFC 3161 2.4.2) nor what type the signed attributes name (RFC 5652 11.1), and takes tags and algorithm names as they
// come. Extra certificates in the response are passed over: the chain is that of the trusted root.
import type { Buffer } from 'node:buffer';
import { TAG, oidOf, readDer, readInside } from './der.ts';
import type { Der } from './der.ts';

const SET = 0x31;
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const DIGESTS = /^2\.16\.840\.1\.101\.3\.4\.2\.[123]$/;
/** ECDSA or RSA with SHA-2, and RSA with the digest that is named beside it. */
const SIGNATURES = /^1\.2\.840\.(?:10045\.4\.3\.[234]|113549\.1\.1\.(?:1|1[123]))$/;
const GRANTED = new Set([0, 1]);

const children = (item: Der | undefined, tag: number): readonly Der[] => (item?.tag === tag ? (readDer(item.content) ?? []) : []);

const isNumber = (item: Der | undefined, ...values: readonly number[]): boolean =>
  item?.tag === TAG.integer && item.content.length === 1 && values.includes(item.content[0] ?? -1);

const isAlgorithm = (item: Der | undefined, names: RegExp): boolean => {
  const [name, parameters, ...others] = children(item, TAG.sequence);
  const isPlain = parameters === undefined || (parameters.tag === 0x05 && parameters.content.length === 0);
  return names.test(oidOf(name) ?? '') && isPlain && others.length === 0;
};

const namesContentType = (attribute: Der): boolean => {
  const [name, values] = children(attribute, TAG.sequence);
  const [type, ...others] = children(values, SET);
  return oidOf(name) === CONTENT_TYPE && oidOf(type) === TST_INFO && others.length === 0;
};

const isSignerInfo = (item: Der | undefined): boolean => {
  const [version, signer, digest, attributes, algorithm, signature, ...others] = children(item, TAG.sequence);
  const [issuer, serial] = children(signer, TAG.sequence);
  const names = children(attributes, 0xa0);
  return (
    isNumber(version, 1) &&
    issuer?.tag === TAG.sequence &&
    serial?.tag === TAG.integer &&
    isAlgorithm(digest, DIGESTS) &&
    names.filter(namesContentType).length === 1 &&
    isAlgorithm(algorithm, SIGNATURES) &&
    signature?.tag === TAG.octetString &&
    others.length === 0
  );
};

const isSignedData = (item: Der | undefined): boolean => {
  const [version, digests, content, ...rest] = children(item, TAG.sequence);
  const [type, wrapped] = children(content, TAG.sequence);
  const [info, ...moreInfo] = children(wrapped, 0xa0);
  const [signer, ...moreSigners] = children(rest.at(-1), SET);
  // Certificates [0] and revocation lists [1] may stand before the signers.
  const between = rest.slice(0, -1).map(({ tag }) => tag);
  const algorithms = children(digests, SET);
  return (
    isNumber(version, 3) &&
    algorithms.length > 0 &&
    algorithms.every((algorithm) => isAlgorithm(algorithm, DIGESTS)) &&
    oidOf(type) === TST_INFO &&
    info?.tag === TAG.octetString &&
    moreInfo.length === 0 &&
    between.every((tag) => tag === 0xa0 || tag === 0xa1) &&
    moreSigners.length === 0 &&
    isSignerInfo(signer)
  );
};

/** Whether the bytes are a granted response with one signer. Total; whether to believe it is another question. */
export const isTimestampResponse = (der: Buffer): boolean => {
  const [info, token, ...others] = readInside(der, TAG.sequence) ?? [];
  const [status] = children(info, TAG.sequence);
  const [type, wrapped, ...more] = children(token, TAG.sequence);
  const [signed, ...moreSigned] = children(wrapped, 0xa0);
  const isAlone = others.length + more.length + moreSigned.length === 0;
  return isAlone && isNumber(status, ...GRANTED) && oidOf(type) === SIGNED_DATA && isSignedData(signed);
};
