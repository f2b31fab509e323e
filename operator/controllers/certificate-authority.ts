// SPDX-License-Identifier: Apache-2.0
// Makes a serving certificate with an authority of its own. The authority's key signs once and is forgotten: nobody who
// reads the Secret can make another certificate that the API server would believe.
// The dependency injection inside x509 wants it before everything else.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
  cryptoProvider,
} from '@peculiar/x509';

cryptoProvider.set(webcrypto);

export type ServingPair = {
  /** PEM of the authority that the API server must trust. */
  readonly authority: string;
  readonly certificate: string;
  /** PKCS#8 PEM. */
  readonly key: string;
};

export type CertificateFacts = { readonly notBeforeMs: number; readonly notAfterMs: number; readonly names: readonly string[] };

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
// Clocks of API servers and ours may differ a little.
const SKEW_MS = 5 * 60_000;

const isAddress = (name: string): boolean => /^[0-9.]+$|:/.test(name);

export const issueServingPair = async (options: {
  /** DNS names and IP addresses that clients may call. */
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly lifetimeMs: number;
}): Promise<ServingPair> => {
  // Of a short life only a tenth: what was "renewed at two thirds" must not be due when it is made.
  const notBefore = new Date(options.nowMs - Math.min(SKEW_MS, options.lifetimeMs / 10));
  const notAfter = new Date(options.nowMs + options.lifetimeMs);
  const authorityKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const servingKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const subject = `CN=writ-webhook-ca ${notAfter.toISOString().slice(0, 10)}`;
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: subject,
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    notBefore,
    notAfter,
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=writ-webhook',
    issuer: authority.subject,
    publicKey: servingKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore,
    notAfter,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(options.names.map((name) => ({ type: isAddress(name) ? 'ip' : 'dns', value: name }))),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', servingKeys.privateKey);
  return { authority: authority.toString('pem'), certificate: certificate.toString('pem'), key: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
};

/** What a PEM certificate says; undefined for anything that is none. */
export const readCertificate = (pem: string): CertificateFacts | undefined => {
  try {
    const certificate = new X509Certificate(pem);
    const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
    return {
      notBeforeMs: certificate.notBefore.getTime(),
      notAfterMs: certificate.notAfter.getTime(),
      names: names.map(({ value }) => value),
    };
  } catch {
    return undefined;
  }
};

/** The certificates of a bundle that still are valid, without repeats. */
export const validAuthorities = (bundle: string, nowMs: number): readonly string[] => {
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return [...new Set(blocks)].filter((block) => (readCertificate(block)?.notAfterMs ?? 0) > nowMs);
};
