// SPDX-License-Identifier: Apache-2.0
/**
 * A real API server with what a comparison needs beside it: an audit log, a webhook that lets everything pass and keeps
 * what it was asked, and a client that tells status, warnings and audit annotations of an answer.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createAuthority, issueLeaf } from '../cluster/certificates.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import type { ControlPlane } from '../cluster/control-plane-handle.ts';
import type { Json } from './policy-arbitrary.ts';
import { boundPort } from '../../process/bound-port.ts';

export type Call = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: Json;
  readonly user?: string;
};

export type Answer = {
  readonly status: number;
  readonly body: unknown;
  readonly warnings: readonly string[];
  readonly auditId: string;
};

export type LiveServer = {
  readonly plane: ControlPlane;
  call(call: Call): Promise<Answer>;
  /** What the webhook was asked, by the audit id that the header of the request carried: its user agent. */
  reviews(): readonly string[];
  /** Audit annotations by audit id, of what the log holds so far. */
  annotations(): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>;
  [Symbol.asyncDispose](): Promise<void>;
};

const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', namespaces: ['acme', 'other'], verbs: ['create', 'update', 'delete'] }, { level: 'None' }],
};

/** `299 - "text", 299 - "text"`: RFC 7234 5.5, as k8s.io/apimachinery/pkg/util/net writes it. */
const warningsOf = (header: string | string[] | undefined): readonly string[] =>
  [header ?? []]
    .flat()
    .flatMap((line) => [...line.matchAll(/299 \S+ "((?:\\.|[^"\\])*)"/g)])
    // Header bytes are UTF-8, which node:http reads as Latin-1.
    .map(([, text = '']) => Buffer.from(text.replaceAll(/\\(.)/g, '$1'), 'latin1').toString());

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const readAudit = async (file: string): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> => {
  const found = new Map<string, Readonly<Record<string, string>>>();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event: unknown = JSON.parse(line);
    if (!isRecord(event) || typeof event['auditID'] !== 'string' || !isRecord(event['annotations'])) continue;
    found.set(event['auditID'], Object.fromEntries(Object.entries(event['annotations']).map(([key, value]) => [key, String(value)])));
  }
  return found;
};

const startRecorder = async () => {
  const authority = createAuthority('recorder-ca');
  const leaf = issueLeaf(authority, { commonName: '127.0.0.1', hosts: ['127.0.0.1'] });
  const reviews: string[] = [];
  const server = createServer({ cert: leaf.certificatePem, key: leaf.keyPem }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      reviews.push(text);
      const uid = /"uid":"([^"]+)"/.exec(text.slice(text.indexOf('"request"')))?.[1] ?? '';
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = boundPort(server);
  return { reviews, url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(authority.certificatePem).toString('base64'), server };
};

export const startLiveServer = async (): Promise<LiveServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-live-'));
  const [auditPolicy, auditLog] = [join(folder, 'policy.json'), join(folder, 'audit.log')];
  await writeFile(auditPolicy, JSON.stringify(AUDIT_POLICY));
  await writeFile(auditLog, '');
  const plane = await startControlPlane({
    apiServerArguments: [`--audit-policy-file=${auditPolicy}`, `--audit-log-path=${auditLog}`, '--audit-log-mode=blocking-strict'],
  });
  const recorder = await startRecorder();
  const agent = new Agent({ keepAlive: true, maxSockets: 16, ca: Buffer.from(plane.caData, 'base64') });
  const call = ({ method, path, body, user }: Call): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = httpsRequest(
        `${plane.url}${path}`,
        {
          method,
          agent,
          headers: {
            authorization: `Bearer ${plane.token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(user === undefined ? {} : { 'impersonate-user': user }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer: unknown = JSON.parse(Buffer.concat(chunks).toString() || 'null');
            resolve({
              status: response.statusCode ?? 0,
              body: answer,
              warnings: warningsOf(response.headers['warning']),
              auditId: String(response.headers['audit-id'] ?? ''),
            });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const rule = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'], scope: 'Namespaced' };
  await call({
    method: 'POST',
    path: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    body: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'recorder' },
      webhooks: [
        {
          name: 'recorder.example.com',
          clientConfig: { url: recorder.url, caBundle: recorder.caBundle },
          rules: [rule],
          objectSelector: { matchExpressions: [{ key: 'case', operator: 'Exists' }] },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    },
  });
  return {
    plane,
    call,
    reviews: () => recorder.reviews,
    annotations: () => readAudit(auditLog),
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      recorder.server.closeAllConnections();
      recorder.server.close();
      await plane.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
