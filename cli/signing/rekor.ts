// SPDX-License-Identifier: Apache-2.0
// An entry in a transparency log, in the form of a bundle: github.com/sigstore/rekor (v1), rekor-tiles (v2).
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import type { JsonObject } from '../../policies/document/json.ts';
import { isJsonObject, own } from '../../policies/document/json.ts';
import { bytesToSign } from '../../policies/trust/seal.ts';
import type { Sealed } from '../../policies/trust/seal.ts';
import { PAYLOAD_TYPE } from '../../policies/trust/statement.ts';
import { objectAt, textAt } from '../../policies/trust/strict-json.ts';
import { askJson, serviceError } from './services.ts';
import type { Service } from './services.ts';

export type Entered = { readonly sealed: Sealed; readonly signature: Buffer; readonly certificate: Buffer };

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const pemOf = (certificate: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${(base64(certificate).match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;

const proposalOf = ({ sealed, signature, certificate }: Entered): object => {
  const verifier = base64(Buffer.from(pemOf(certificate)));
  if ('message' in sealed)
    return {
      kind: 'hashedrekord',
      apiVersion: '0.0.1',
      spec: {
        data: { hash: { algorithm: 'sha256', value: hash('sha256', sealed.message) } },
        signature: { content: base64(signature), publicKey: { content: verifier } },
      },
    };
  const envelope = { payload: base64(sealed.statement), payloadType: PAYLOAD_TYPE, signatures: [{ sig: base64(signature), keyid: '' }] };
  return { kind: 'dsse', apiVersion: '0.0.1', spec: { proposedContent: { envelope: JSON.stringify(envelope), verifiers: [verifier] } } };
};

const fromHex = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : '', 'hex').toString('base64');
const whole = (object: JsonObject, field: string): string => {
  const value = own(object, field);
  return typeof value === 'number' ? String(value) : '';
};

/** v1 answers in a form of its own: numbers as numbers, digests in hexadecimal digits. */
const entryOf = (answer: JsonObject): JsonObject | undefined => {
  const entry = Object.values(answer)[0];
  const verification = isJsonObject(entry) ? objectAt(entry, 'verification') : undefined;
  const body = isJsonObject(entry) ? textAt(entry, 'body') : undefined;
  const kind = body === undefined ? undefined : kindOf(body);
  if (!isJsonObject(entry) || verification === undefined || body === undefined || kind === undefined) return undefined;
  const proof = objectAt(verification, 'inclusionProof');
  const hashes = own(proof ?? {}, 'hashes');
  return {
    logIndex: whole(entry, 'logIndex'),
    logId: { keyId: fromHex(own(entry, 'logID')) },
    kindVersion: kind,
    integratedTime: whole(entry, 'integratedTime'),
    inclusionPromise: { signedEntryTimestamp: textAt(verification, 'signedEntryTimestamp') ?? '' },
    ...(proof === undefined
      ? {}
      : {
          inclusionProof: {
            logIndex: whole(proof, 'logIndex'),
            rootHash: fromHex(own(proof, 'rootHash')),
            treeSize: whole(proof, 'treeSize'),
            hashes: Array.isArray(hashes) ? hashes.map(fromHex) : [],
            checkpoint: { envelope: textAt(proof, 'checkpoint') ?? '' },
          },
        }),
    canonicalizedBody: body,
  };
};

const kindOf = (body: string): JsonObject | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(body, 'base64').toString('utf8'));
    if (typeof value !== 'object' || value === null || !('kind' in value) || !('apiVersion' in value)) return undefined;
    return { kind: String(value.kind), version: String(value.apiVersion) };
  } catch {
    return undefined;
  }
};

const enterV1 = async (service: Service, entered: Entered): Promise<JsonObject> => {
  const entry = entryOf(await askJson(service, { path: '/api/v1/log/entries', body: proposalOf(entered) }));
  if (entry === undefined) throw serviceError(service, 'its answer is no log entry');
  return entry;
};

/** The digest of what was signed, be it a file or the encoding of a statement. */
const enterV2 = (service: Service, { sealed, signature, certificate }: Entered): Promise<JsonObject> =>
  askJson(service, {
    path: '/api/v2/log/entries',
    body: {
      hashedRekordRequestV002: {
        digest: base64(hash('sha256', bytesToSign(sealed), 'buffer')),
        signature: {
          content: base64(signature),
          verifier: { x509Certificate: { rawBytes: base64(certificate) }, keyDetails: 'PKIX_ECDSA_P256_SHA_256' },
        },
      },
    },
  });

/** `TransparencyLogEntry` as it stands in a bundle; whether it can be believed is not asked here. */
export const enterIntoLog = (service: Service, version: 1 | 2, entered: Entered): Promise<JsonObject> =>
  version === 1 ? enterV1(service, entered) : enterV2(service, entered);
