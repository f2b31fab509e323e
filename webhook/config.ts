// SPDX-License-Identifier: Apache-2.0
// The flags of the webhook, and what they mean together.
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_NAMESPACE } from '../crds/kinds.ts';
import { isName } from '../crds/wire.ts';
import { parseAddress } from '../process/address.ts';
import type { Address } from '../process/address.ts';
import { defineFlags } from '../process/flags.ts';
import type { FlagValues } from '../process/flags.ts';
import { configurationReader, programFlags, wrongFlag } from '../process/program.ts';
import type { Configuration } from '../process/program.ts';

export const PROGRAM = 'writ-webhook';
export const SUMMARY = 'Decides admission requests by the signed policies of the cluster.';

export const webhookFlags = defineFlags({
  address: {
    type: 'string',
    env: 'WRIT_ADDRESS',
    default: '0.0.0.0:9443',
    doc: 'Where to serve POST /validate, /guard, /tenancy and /complete over HTTPS; port 0 picks one.',
  },
  'metrics-address': programFlags['metrics-address'],
  'trust-digest': programFlags['trust-digest'],
  'system-namespace': {
    type: 'string',
    env: 'WRIT_SYSTEM_NAMESPACE',
    default: SYSTEM_NAMESPACE,
    doc: 'The namespace that Writ runs in; it is never governed.',
  },
  'replica-id': { type: 'string', env: 'WRIT_REPLICA_ID', doc: 'Name of this replica in its report; the host name unless given.' },
  kubeconfig: programFlags.kubeconfig,
  'tls-cert-file': {
    type: 'string',
    env: 'WRIT_TLS_CERT_FILE',
    doc: 'Serving certificate in PEM, read again every 10 s, instead of the Secret writ-webhook-tls.',
  },
  'tls-key-file': { type: 'string', env: 'WRIT_TLS_KEY_FILE', doc: 'Private key in PEM that belongs to --tls-cert-file.' },
  'decision-log': {
    type: 'string',
    env: 'WRIT_DECISION_LOG',
    doc: 'File that decision records are appended to, one JSON object a line; standard output unless given.',
  },
  receipts: {
    type: 'string',
    env: 'WRIT_RECEIPTS',
    doc: 'Folder in which signed receipts of all decisions are kept, in a folder named after the replica; none are made unless given.',
  },
  'receipts-max-mebibytes': {
    type: 'number',
    env: 'WRIT_RECEIPTS_MAX_MEBIBYTES',
    default: 512,
    min: 1,
    max: 1_048_576,
    doc: 'The most that the receipts of this replica take on disk; the oldest files go first.',
  },
  'receipt-key': {
    type: 'string',
    env: 'WRIT_RECEIPT_KEY',
    doc: 'Private key in PEM that receipts are sealed with; without it one is made at start and ends with the process.',
  },
  'receipt-batch-time': {
    type: 'duration',
    env: 'WRIT_RECEIPT_BATCH_TIME',
    default: 1000,
    doc: 'The longest that a decision waits for its receipt to be signed and on disk.',
  },
  'receipt-batch-size': {
    type: 'number',
    env: 'WRIT_RECEIPT_BATCH_SIZE',
    default: 1024,
    min: 1,
    max: 65_536,
    doc: 'The most receipts under one signature.',
  },
  'usage-url': {
    type: 'string',
    env: 'WRIT_USAGE_URL',
    doc: 'Where the ledger of use takes events in, such as https://writ-usage.writ-system.svc/v1/events; what policies ran for each tenant is told there. Nothing is metered unless given.',
  },
  'usage-token-file': {
    type: 'string',
    env: 'WRIT_USAGE_TOKEN_FILE',
    default: '/var/run/secrets/writ-usage/token',
    doc: 'Service account token for the audience writ-usage, read again for each batch.',
  },
  'usage-spool': {
    type: 'string',
    env: 'WRIT_USAGE_SPOOL',
    default: join(tmpdir(), 'writ-usage'),
    doc: 'Folder in which events wait for the ledger, in a folder named after the replica; what outlives the pod is sent by the next one.',
  },
  'usage-interval': {
    type: 'duration',
    env: 'WRIT_USAGE_INTERVAL',
    default: 10_000,
    doc: 'How often what policies ran is spooled and sent; what a killed process has counted since is not billed.',
  },
  'drain-delay': {
    type: 'duration',
    env: 'WRIT_DRAIN_DELAY',
    default: 8000,
    doc: 'How long to serve on after SIGTERM, while the cluster takes this replica out of its endpoints.',
  },
  'drain-linger': {
    type: 'duration',
    env: 'WRIT_DRAIN_LINGER',
    default: 3000,
    doc: 'How long connections then have to end by their own next answer, before idle ones are closed.',
  },
  'review-deadline': {
    type: 'duration',
    env: 'WRIT_REVIEW_DEADLINE',
    default: 4800,
    doc: 'The longest that an answer may take; the time that the API server names counts when it is shorter.',
  },
  'namespace-wait': {
    type: 'duration',
    env: 'WRIT_NAMESPACE_WAIT',
    default: 1000,
    doc: 'How long a request waits for a namespace that was made a moment ago.',
  },
  'guard-wait': {
    type: 'duration',
    env: 'WRIT_GUARD_WAIT',
    default: 1000,
    doc: "How long a write of Writ's own kinds waits here for what it speaks of and this replica has not heard of yet.",
  },
  'access-wait': {
    type: 'duration',
    env: 'WRIT_ACCESS_WAIT',
    default: 2500,
    doc: 'How long a request waits for what its policies ask the authorizer; what is not answered then is an error of the policy.',
  },
  'quota-wait': {
    type: 'duration',
    env: 'WRIT_QUOTA_WAIT',
    default: 3000,
    doc: 'How long a request waits for a reservation in the quota ledger of its tenant; without one it is refused.',
  },
  'max-in-flight': {
    type: 'number',
    env: 'WRIT_MAX_IN_FLIGHT',
    default: 512,
    min: 1,
    max: 100_000,
    doc: 'Requests taken on at once; those beyond are answered 429 at once.',
  },
  'max-body-mebibytes': {
    type: 'number',
    env: 'WRIT_MAX_BODY_MEBIBYTES',
    default: 128,
    min: 7,
    max: 16_384,
    doc: 'Request bodies held at once, together.',
  },
  'log-level': programFlags['log-level'],
});

export type WebhookConfig = FlagValues<typeof webhookFlags> & {
  readonly listen: Address;
  readonly metricsListen: Address;
  readonly replica: string;
  readonly tlsFiles: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly usageUrl: URL | undefined;
};

const usageUrlOf = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (url?.protocol === 'https:' || url?.protocol === 'http:') && url.username === '' ? url : undefined;
};

const complete = (values: FlagValues<typeof webhookFlags>): Configuration<WebhookConfig> => {
  const listen = parseAddress(values.address);
  const metricsListen = parseAddress(values['metrics-address']);
  if (listen === undefined) return wrongFlag(`--address: "${values.address}" is not host:port`);
  if (metricsListen === undefined) return wrongFlag(`--metrics-address: "${values['metrics-address']}" is not host:port`);
  const replica = values['replica-id'] ?? hostname().toLowerCase();
  if (!isName(replica) || replica.length > 200) return wrongFlag(`--replica-id: "${replica}" is not a name such as a pod may have`);
  if (!isName(values['system-namespace'])) return wrongFlag('--system-namespace: write the name of a namespace');
  const certFile = values['tls-cert-file'];
  const keyFile = values['tls-key-file'];
  if ((certFile === undefined) !== (keyFile === undefined)) return wrongFlag('--tls-cert-file and --tls-key-file belong together');
  if (values['receipt-key'] !== undefined && values.receipts === undefined)
    return wrongFlag('--receipt-key: say by --receipts where receipts go');
  const usageUrl = values['usage-url'] === undefined ? undefined : usageUrlOf(values['usage-url']);
  if (values['usage-url'] !== undefined && usageUrl === undefined) return wrongFlag('--usage-url: write https://HOST/v1/events');
  if (values['usage-interval'] < 100) return wrongFlag('--usage-interval: at least 100ms');
  const tlsFiles = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
  return { kind: 'config', config: { ...values, listen, metricsListen, replica, tlsFiles, usageUrl } };
};

export const readConfig = configurationReader({ program: PROGRAM, summary: SUMMARY, flags: webhookFlags }, complete);
