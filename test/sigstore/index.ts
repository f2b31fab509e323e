// SPDX-License-Identifier: Apache-2.0
/**
 * A Sigstore of our own, made anew in each test: Fulcio, its certificate log, Rekor v1 and v2, a timestamp authority.
 *
 * In: what is signed, by whom, when, and which services are asked. Out: bundles as a client would write them, and the
 * trusted root that goes with them. No network and no fixed data; every part can be replaced by a wrong one that is
 * otherwise whole. For tests only.
 */
import { Buffer } from 'node:buffer';
import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { PAYLOAD_TYPE, preAuthEncoding } from '../../policies/trust/statement.ts';
import { p256, sha256, spki } from './certificates.ts';
import type { Pair } from './certificates.ts';
import { createFulcio } from './fulcio.ts';
import type { Fulcio, Identity, LeafOptions } from './fulcio.ts';
import { createLog, enter } from './rekor.ts';
import type { Entry, EntryOptions, Log } from './rekor.ts';
import { createTimestampAuthority } from './timestamp-authority.ts';
import type { TimestampAuthority } from './timestamp-authority.ts';

export type Json = { [field: string]: Json } & { [field: string]: unknown };

export type Content = { readonly message: Uint8Array } | { readonly statement: Uint8Array };

export type SealOptions = {
  readonly content: Content;
  readonly atMs: number;
  /** Keyless, by this identity; else with `key`. */
  readonly identity?: Identity;
  readonly key?: Pair;
  readonly log?: 1 | 2 | 'none';
  readonly timestamps?: number;
  /** With the entry for statements that the first servers of v2 wrote. */
  readonly earlyTiles?: boolean;
  /** Which entry of v1 a statement gets; `dsse` if nothing is said. */
  readonly statementAs?: 'dsse' | 'intoto' | 'hashedrekord';
  readonly leaf?: Partial<LeafOptions>;
  readonly entry?: Partial<EntryOptions>;
};

export type Sigstore = {
  readonly fulcio: Fulcio;
  readonly logs: readonly [Log, Log];
  readonly timestamps: TimestampAuthority;
  readonly trustedRoot: (change?: (root: Json) => void) => Buffer;
  readonly seal: (options: SealOptions) => Json;
};

const SINCE = '2021-01-01T00:00:00Z';
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${(base64(der).match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`;

const isEd25519 = (key: KeyObject): boolean => key.asymmetricKeyType === 'ed25519';
const keyDetails = (key: KeyObject): string => (isEd25519(key) ? 'PKIX_ED25519' : 'PKIX_ECDSA_P256_SHA_256');

const logEntry = (baseUrl: string, key: KeyObject, id = sha256(spki(key))): object => ({
  baseUrl,
  hashAlgorithm: 'SHA2_256',
  publicKey: { rawBytes: base64(spki(key)), keyDetails: keyDetails(key), validFor: { start: SINCE } },
  logId: { keyId: base64(id) },
});

const chainEntry = (uri: string, chain: readonly Buffer[]): object => ({
  subject: { organization: 'test', commonName: 'test' },
  uri,
  certChain: { certificates: chain.map((der) => ({ rawBytes: base64(der) })) },
  validFor: { start: SINCE },
});

type Signed = { readonly signature: Buffer; readonly signed: Buffer; readonly payload: Buffer | undefined };

const signContent = (content: Content, { privateKey }: Pair): Signed => {
  const payload = 'statement' in content ? Buffer.from(content.statement) : undefined;
  const signed = 'message' in content ? Buffer.from(content.message) : preAuthEncoding(PAYLOAD_TYPE, content.statement);
  return { signed, payload, signature: sign('sha256', signed, privateKey) };
};

type Material = { readonly certificate: Buffer | undefined; readonly key: KeyObject };

const verifierPem = ({ certificate, key }: Material): string =>
  base64(Buffer.from(certificate === undefined ? pem('PUBLIC KEY', spki(key)) : pem('CERTIFICATE', certificate)));

type Record = { readonly kind: string; readonly version: string; readonly spec: object };

/** v2 writes down what was signed, be it a file or the encoding of a statement; its first servers had an entry for statements. */
const recordOfTiles = ({ signature, signed, payload }: Signed, { certificate, key }: Material, isEarly: boolean): Record => {
  const signer =
    certificate === undefined ? { publicKey: { rawBytes: base64(spki(key)) } } : { x509Certificate: { rawBytes: base64(certificate) } };
  const proof = { content: base64(signature), verifier: { keyDetails: keyDetails(key), ...signer } };
  const digestOf = (bytes: Buffer): object => ({ algorithm: 'SHA2_256', digest: base64(sha256(bytes)) });
  return isEarly && payload !== undefined
    ? { kind: 'dsse', version: '0.0.2', spec: { dsseV002: { payloadHash: digestOf(payload), signatures: [proof] } } }
    : { kind: 'hashedrekord', version: '0.0.2', spec: { hashedRekordV002: { data: digestOf(signed), signature: proof } } };
};

/** As Rekor keeps it: without the payload, all base64 once more. */
const recordOfInToto = ({ signature, signed, payload }: Signed, verifier: string): Record => ({
  kind: 'intoto',
  version: '0.0.2',
  spec: {
    content: {
      envelope: { payloadType: PAYLOAD_TYPE, signatures: [{ publicKey: verifier, sig: base64(Buffer.from(base64(signature))) }] },
      hash: { algorithm: 'sha256', value: sha256(signed).toString('hex') },
      payloadHash: { algorithm: 'sha256', value: sha256(payload ?? signed).toString('hex') },
    },
  },
});

const recordOf = (content: Signed, material: Material, statementAs: SealOptions['statementAs'] = 'dsse'): Record => {
  const { signature, signed, payload } = content;
  const verifier = verifierPem(material);
  if (payload !== undefined && statementAs === 'intoto') return recordOfInToto(content, verifier);
  return payload === undefined || statementAs === 'hashedrekord'
    ? {
        kind: 'hashedrekord',
        version: '0.0.1',
        spec: {
          data: { hash: { algorithm: 'sha256', value: sha256(signed).toString('hex') } },
          signature: { content: base64(signature), publicKey: { content: verifier } },
        },
      }
    : {
        kind: 'dsse',
        version: '0.0.1',
        spec: {
          envelopeHash: { algorithm: 'sha256', value: sha256(signed).toString('hex') },
          payloadHash: { algorithm: 'sha256', value: sha256(payload).toString('hex') },
          signatures: [{ signature: base64(signature), verifier }],
        },
      };
};

const contentOf = ({ signature, signed, payload }: Signed): object =>
  payload === undefined
    ? { messageSignature: { messageDigest: { algorithm: 'SHA2_256', digest: base64(sha256(signed)) }, signature: base64(signature) } }
    : { dsseEnvelope: { payload: base64(payload), payloadType: PAYLOAD_TYPE, signatures: [{ sig: base64(signature) }] } };

/** `makeKey`: of its authorities; those of the public Sigstore have P-384. */
export const createSigstore = (makeKey = p256): Sigstore => {
  const fulcio = createFulcio(makeKey);
  const logs = [createLog(1), createLog(2)] as const;
  const timestamps = createTimestampAuthority(undefined, makeKey);
  return {
    fulcio,
    logs,
    timestamps,
    trustedRoot: (change) => {
      const root = {
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: logs.map(({ host, key, id }) => logEntry(`https://${host}`, key.publicKey, id)),
        certificateAuthorities: [chainEntry('https://fulcio.test', [fulcio.intermediate.der, fulcio.root.der])],
        ctlogs: [logEntry('https://ct.test', fulcio.log.publicKey)],
        timestampAuthorities: [chainEntry('https://tsa.test', timestamps.chain)],
      };
      const copy: Json = JSON.parse(JSON.stringify(root));
      change?.(copy);
      return Buffer.from(JSON.stringify(copy));
    },
    seal: (options) => {
      const { content, atMs, identity, log = 1 } = options;
      const key = options.key ?? p256();
      const signed = signContent(content, key);
      const certificate = identity === undefined ? undefined : fulcio.issue({ identity, publicKey: key.publicKey, atMs, ...options.leaf });
      const seen = { certificate, key: key.publicKey };
      const record = log === 1 ? recordOf(signed, seen, options.statementAs) : recordOfTiles(signed, seen, options.earlyTiles === true);
      const entries: readonly Entry[] =
        log === 'none' ? [] : [enter(log === 1 ? logs[0] : logs[1], { ...record, atMs: atMs + 1000, ...options.entry })];
      const stamps = Array.from({ length: options.timestamps ?? (log === 2 ? 1 : 0) }, (_, index) =>
        timestamps.stamp(signed.signature, atMs + 2000 + 1000 * index, { serial: index + 1 }),
      );
      const hint = sha256(spki(key.publicKey)).toString('base64');
      const bundle: Json = JSON.parse(
        JSON.stringify({
          mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
          verificationMaterial: {
            ...(certificate === undefined ? { publicKey: { hint } } : { certificate: { rawBytes: base64(certificate) } }),
            ...(entries.length === 0 ? {} : { tlogEntries: entries }),
            ...(stamps.length === 0
              ? {}
              : { timestampVerificationData: { rfc3161Timestamps: stamps.map((stamp) => ({ signedTimestamp: base64(stamp) })) } }),
          },
          ...contentOf(signed),
        }),
      );
      return bundle;
    },
  };
};
