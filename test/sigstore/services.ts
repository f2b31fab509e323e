// SPDX-License-Identifier: Apache-2.0
// The same Sigstore behind HTTP on this machine: what a client of Fulcio, Rekor v1 and v2 and a timestamp authority meets.
// Each service refuses what the real one refuses: a proof of possession by another key, a signature that does not verify.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { X509Certificate, createPublicKey, verify } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { preAuthEncoding } from '../../policies/trust/statement.ts';
import { sha256 } from './certificates.ts';
import type { Json, Sigstore } from './index.ts';
import { enter } from './rekor.ts';
import { boundPort } from '../../process/bound-port.ts';

export type Services = AsyncDisposable & {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
};

export type ServicesOptions = {
  readonly sigstore: Sigstore;
  readonly issuer: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Changes an answer, or `undefined` to say nothing ever. */
  readonly answer?: (path: string, answer: Buffer | object) => Buffer | object | undefined;
};

const pemOf = (label: string, der: Buffer): string => `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const bytes = (value: unknown): Buffer => Buffer.from(text(value), 'base64');

const issue = (request: Json, { sigstore, issuer, now }: ServicesOptions): object => {
  const token = text(request['credentials']?.['oidcIdentityToken']);
  const { sub, email } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  const { publicKey: key, proofOfPossession } = request['publicKeyRequest'] ?? {};
  const publicKey = createPublicKey(text(key?.['content']));
  const subject = email ?? sub;
  assert.ok(verify('sha256', Buffer.from(subject), publicKey, bytes(proofOfPossession)), 'proof of possession');
  const { fulcio } = sigstore;
  const leaf = fulcio.issue({ identity: { issuer, subject }, publicKey, atMs: Math.floor(now() / 1000) * 1000 });
  const certificates = [leaf, fulcio.intermediate.der, fulcio.root.der].map((der) => pemOf('CERTIFICATE', der));
  return { signedCertificateEmbeddedSct: { chain: { certificates } } };
};

const keyIn = (pem: unknown) => new X509Certificate(bytes(pem)).publicKey;

const recordOfV1 = ({ kind, spec = JSON.parse('{}') }: Json): { readonly kind: string; readonly spec: object } => {
  if (text(kind) === 'hashedrekord') {
    assert.equal(bytes(spec['signature']?.['content']).length > 0, true);
    return { kind: 'hashedrekord', spec };
  }
  const { envelope, verifiers } = spec['proposedContent'] ?? {};
  const { payload, payloadType, signatures } = JSON.parse(text(envelope));
  const [verifier]: unknown[] = Array.isArray(verifiers) ? verifiers : [];
  const signed = preAuthEncoding(payloadType, bytes(payload));
  assert.ok(verify('sha256', signed, keyIn(verifier), bytes(signatures[0].sig)), 'signature of the envelope');
  const digest = (value: Buffer): object => ({ algorithm: 'sha256', value: sha256(value).toString('hex') });
  return {
    kind: 'dsse',
    spec: {
      envelopeHash: digest(Buffer.from(text(envelope))),
      payloadHash: digest(bytes(payload)),
      signatures: [{ signature: signatures[0].sig, verifier }],
    },
  };
};

const hex = (value: unknown): string => bytes(value).toString('hex');

const enterV1 = (request: Json, { sigstore, now }: ServicesOptions): object => {
  const { kind, spec } = recordOfV1(request);
  const entry: Json = JSON.parse(JSON.stringify(enter(sigstore.logs[0], { kind, version: '0.0.1', spec, atMs: now() })));
  const { inclusionProof: proof, inclusionPromise, logId } = entry;
  const hashes: unknown = proof?.['hashes'];
  return {
    ['a'.repeat(80)]: {
      body: entry['canonicalizedBody'],
      integratedTime: Number(entry['integratedTime']),
      logID: hex(logId?.['keyId']),
      logIndex: Number(entry['logIndex']),
      verification: {
        signedEntryTimestamp: inclusionPromise?.['signedEntryTimestamp'],
        inclusionProof: {
          checkpoint: proof?.['checkpoint']?.['envelope'],
          hashes: Array.isArray(hashes) ? hashes.map(hex) : [],
          logIndex: Number(proof?.['logIndex']),
          rootHash: hex(proof?.['rootHash']),
          treeSize: Number(proof?.['treeSize']),
        },
      },
    },
  };
};

const enterV2 = (request: Json, { sigstore, now }: ServicesOptions): object => {
  const { digest, signature } = request['hashedRekordRequestV002'] ?? {};
  const spec = { hashedRekordV002: { data: { algorithm: 'SHA2_256', digest }, signature } };
  return enter(sigstore.logs[1], { kind: 'hashedrekord', version: '0.0.2', spec, atMs: now() });
};

const answerTo = (path: string, body: Buffer, options: ServicesOptions): Buffer | object => {
  if (path.startsWith('/token'))
    return { value: `e30.${Buffer.from('{"sub":"https://git.example.com/acme/job"}').toString('base64url')}.` };
  // The imprint of a TimeStampReq is the 32 bytes before its last field.
  if (path === '/tsa') return stampOf(body.subarray(-35, -3), options);
  const request: Json = JSON.parse(body.toString('utf8'));
  if (path === '/api/v2/signingCert') return issue(request, options);
  if (path === '/api/v1/log/entries') return enterV1(request, options);
  assert.equal(path, '/api/v2/log/entries');
  return enterV2(request, options);
};

const stampOf = (digest: Buffer, { sigstore, now }: ServicesOptions): Buffer =>
  sigstore.timestamps.stamp(Buffer.alloc(0), Math.floor(now() / 1000) * 1000, { digest: Buffer.from(digest) });

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
};

export const serveSigstore = async (options: ServicesOptions): Promise<Services> => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const path = request.url ?? '';
      asked.push(path);
      try {
        const plain = answerTo(path, body, options);
        const answer = options.answer === undefined ? plain : options.answer(path, plain);
        if (answer === undefined) return;
        response.end(Buffer.isBuffer(answer) ? answer : JSON.stringify(answer));
      } catch (error) {
        response.statusCode = 400;
        response.end(JSON.stringify({ code: 3, message: String(error) }));
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${boundPort(server)}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
};
