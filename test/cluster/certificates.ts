// SPDX-License-Identifier: Apache-2.0
// X.509 certificates made at run time, for test servers and test users only: EC P-256, valid for ten days. Encoding the
// few DER structures of RFC 5280 4.1 here takes less room than a library and no polyfill.
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

export type KeyAndCertificate = { readonly certificatePem: string; readonly keyPem: string };
export type Authority = KeyAndCertificate & { readonly name: string; readonly key: KeyObject };

const TEN_DAYS_MS = 10 * 24 * 60 * 60 * 1000;

const length = (bytes: number): number[] => {
  if (bytes < 0x80) return [bytes];
  if (bytes < 0x100) return [0x81, bytes];
  return [0x82, bytes >> 8, bytes & 0xff];
};
const der = (tag: number, ...parts: readonly (Uint8Array | readonly number[])[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  return Buffer.concat([Uint8Array.from([tag, ...length(body.length)]), body]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes);
const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, [unused], bytes);
const TRUE = der(0x01, [0xff]);

const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const arcs = rest.flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return der(0x06, [first * 40 + second, ...arcs]);
};

// GeneralizedTime is allowed only from 2050 on (RFC 5280 4.1.2.5), and these certificates end long before.
const utcTime = (ms: number): Buffer => der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const attribute = (type: string, value: string): Buffer => der(0x31, sequence(oid(type), der(0x0c, Buffer.from(value))));
const distinguishedName = (commonName: string, organizations: readonly string[] = []): Buffer =>
  sequence(...organizations.map((name) => attribute('2.5.4.10', name)), attribute('2.5.4.3', commonName));

const extension = (type: string, value: Uint8Array, critical = false): Buffer =>
  sequence(oid(type), ...(critical ? [TRUE] : []), octets(value));

const alternativeName = (host: string): Buffer =>
  isIP(host) === 4 ? der(0x87, host.split('.').map(Number)) : der(0x82, Buffer.from(host));

type Leaf = {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** DNS names and IPv4 addresses; with any, the certificate is a server's, without, a client's. */
  readonly hosts?: readonly string[];
};

const issue = (
  subject: { readonly publicKey: KeyObject; readonly name: Buffer; readonly extensions: readonly Buffer[] },
  issuer: { readonly key: KeyObject; readonly name: Buffer },
): string => {
  const nowMs = Date.now();
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and never shorter than written
  const body = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    issuer.name,
    sequence(utcTime(nowMs - 60_000), utcTime(nowMs + TEN_DAYS_MS)),
    subject.name,
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...subject.extensions)),
  );
  const whole = sequence(body, ECDSA_WITH_SHA256, bits(sign('sha256', body, issuer.key)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
};

const newKey = (): { publicKey: KeyObject; privateKey: KeyObject; pem: string } => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...pair, pem: pair.privateKey.export({ type: 'sec1', format: 'pem' }).toString() };
};

/** A private key in PEM, as the API server wants it to sign service account tokens. */
export const newKeyPem = (): string => newKey().pem;

/** A certificate authority of its own. */
export const createAuthority = (name: string): Authority => {
  const { publicKey, privateKey, pem } = newKey();
  const subject = distinguishedName(name);
  const extensions = [
    extension('2.5.29.19', sequence(TRUE), true), // CA
    extension('2.5.29.15', bits(Uint8Array.from([0x06]), 1), true), // keyCertSign, cRLSign
  ];
  const certificatePem = issue({ publicKey, name: subject, extensions }, { key: privateKey, name: subject });
  return { name, key: privateKey, certificatePem, keyPem: pem };
};

/** A server's or a client's certificate under that authority. */
export const issueLeaf = (authority: Authority, leaf: Leaf): KeyAndCertificate => {
  const { publicKey, pem } = newKey();
  const hosts = leaf.hosts ?? [];
  const extensions = [
    extension('2.5.29.15', bits(Uint8Array.from([0x80]), 7), true), // digitalSignature
    extension('2.5.29.37', sequence(oid(hosts.length > 0 ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'))),
    ...(hosts.length > 0 ? [extension('2.5.29.17', sequence(...hosts.map(alternativeName)))] : []),
  ];
  const subject = { publicKey, name: distinguishedName(leaf.commonName, leaf.organizations), extensions };
  const certificatePem = issue(subject, { key: authority.key, name: distinguishedName(authority.name) });
  return { certificatePem, keyPem: pem };
};
