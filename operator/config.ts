// SPDX-License-Identifier: Apache-2.0
// The flags of the operator, and what they mean together.
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_NAMESPACE } from '../crds/kinds.ts';
import { isDigest, isName } from '../crds/wire.ts';
import { parseAddress } from '../process/address.ts';
import type { Address } from '../process/address.ts';
import { defineFlags, parseFlags } from '../process/flags.ts';
import type { FlagValues } from '../process/flags.ts';
import { logLevels } from '../process/log.ts';
import type { WebhookTarget } from './controllers/webhook-configuration.ts';

export const PROGRAM = 'writ-operator';
export const SUMMARY = 'Brings signed policies from Git to the cluster and keeps them there.';

export const operatorFlags = defineFlags({
  'trust-digest': {
    type: 'string',
    env: 'WRIT_TRUST_DIGEST',
    required: true,
    doc: 'Digest (sha256:…) of the document of TrustPolicy cluster; other bytes are refused.',
  },
  'system-namespace': {
    type: 'string',
    env: 'WRIT_SYSTEM_NAMESPACE',
    default: SYSTEM_NAMESPACE,
    doc: 'The namespace that Writ runs in; GitSources are followed there, and it is never governed.',
  },
  'webhook-service': {
    type: 'string',
    env: 'WRIT_WEBHOOK_SERVICE',
    default: 'writ-webhook.writ-system:443',
    doc: 'The webhook as the API server calls it: SERVICE.NAMESPACE:PORT.',
  },
  'webhook-url': {
    type: 'string',
    env: 'WRIT_WEBHOOK_URL',
    doc: 'The webhook by URL (https://HOST:PORT/validate) instead, for one that runs outside of the cluster.',
  },
  'certificate-lifetime': {
    type: 'duration',
    env: 'WRIT_CERTIFICATE_LIFETIME',
    default: 90 * 24 * 3_600_000,
    doc: "How long the webhook's certificate is good; it is renewed at two thirds.",
  },
  kubeconfig: {
    type: 'string',
    env: 'WRIT_KUBECONFIG',
    doc: "A kubeconfig file; without it the pod's service account, else what kubectl would use.",
  },
  identity: { type: 'string', env: 'WRIT_IDENTITY', doc: 'Name of this process in the leader election; the host name unless given.' },
  'metrics-address': {
    type: 'string',
    env: 'WRIT_METRICS_ADDRESS',
    default: '0.0.0.0:8080',
    doc: 'Where to serve /metrics, /healthz and /readyz over HTTP.',
  },
  'receiver-address': {
    type: 'string',
    env: 'WRIT_RECEIVER_ADDRESS',
    default: '0.0.0.0:9292',
    doc: 'Where to serve push receivers (/hook/…) over HTTP, behind whatever ends TLS.',
  },
  'cache-dir': {
    type: 'string',
    env: 'WRIT_CACHE_DIR',
    default: join(tmpdir(), 'writ'),
    doc: 'Folder for Git mirrors; they are made anew after a restart.',
  },
  'allow-file-urls': {
    type: 'boolean',
    env: 'WRIT_ALLOW_FILE_URLS',
    default: false,
    doc: 'Follow GitSources with file:/// URLs, for trying things on one machine.',
  },
  'sync-concurrency': {
    type: 'number',
    env: 'WRIT_SYNC_CONCURRENCY',
    default: 4,
    min: 1,
    max: 64,
    doc: 'GitSources that are synced at once.',
  },
  'lease-duration': {
    type: 'duration',
    env: 'WRIT_LEASE_DURATION',
    default: 15_000,
    doc: 'How long a leader that fell silent is waited for.',
  },
  'lease-renew-deadline': {
    type: 'duration',
    env: 'WRIT_LEASE_RENEW_DEADLINE',
    default: 10_000,
    doc: 'How long a leader writes on without renewing its lease.',
  },
  'lease-retry-period': {
    type: 'duration',
    env: 'WRIT_LEASE_RETRY_PERIOD',
    default: 2_000,
    doc: 'How often the lease is renewed or tried for.',
  },
  'log-level': { type: 'string', env: 'WRIT_LOG_LEVEL', choices: logLevels, default: 'info', doc: 'What is logged.' },
});

export type OperatorConfig = FlagValues<typeof operatorFlags> & {
  readonly metricsListen: Address;
  readonly receiverListen: Address;
  readonly holder: string;
  readonly target: WebhookTarget;
  /** The names that the webhook's certificate must carry. */
  readonly certificateNames: readonly string[];
};

export type ConfigOutcome =
  | { readonly kind: 'config'; readonly config: OperatorConfig }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string };

const error = (message: string): ConfigOutcome => ({ kind: 'error', message });

type Target = { readonly target: WebhookTarget; readonly names: readonly string[] };

const targetByUrl = (text: string): Target | undefined => {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'https:' || url.username !== '' || url.search !== '') return undefined;
  return { target: { kind: 'url', url: url.href }, names: [url.hostname.replace(/^\[(.*)\]$/, '$1')] };
};

const targetByService = (text: string): Target | undefined => {
  const [, name, namespace, port = '443'] = /^([a-z0-9-]+)\.([a-z0-9-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (name === undefined || namespace === undefined) return undefined;
  const host = `${name}.${namespace}.svc`;
  return { target: { kind: 'service', name, namespace, port: Number(port) }, names: [host, `${host}.cluster.local`] };
};

const complete = (values: FlagValues<typeof operatorFlags>): ConfigOutcome => {
  const metricsListen = parseAddress(values['metrics-address']);
  const receiverListen = parseAddress(values['receiver-address']);
  if (metricsListen === undefined) return error(`--metrics-address: "${values['metrics-address']}" is not host:port`);
  if (receiverListen === undefined) return error(`--receiver-address: "${values['receiver-address']}" is not host:port`);
  if (!isDigest(values['trust-digest'])) return error('--trust-digest: write sha256: and 64 hex digits');
  if (!isName(values['system-namespace'])) return error('--system-namespace: write the name of a namespace');
  const url = values['webhook-url'];
  const found = url === undefined ? targetByService(values['webhook-service']) : targetByUrl(url);
  if (found === undefined) {
    return error(url === undefined ? '--webhook-service: write SERVICE.NAMESPACE:PORT' : '--webhook-url: write https://HOST:PORT/validate');
  }
  const [retryMs, renewMs, leaseMs] = [values['lease-retry-period'], values['lease-renew-deadline'], values['lease-duration']];
  if (!(retryMs < renewMs && renewMs < leaseMs)) return error('--lease-retry-period < --lease-renew-deadline < --lease-duration must hold');
  const holder = values.identity ?? hostname();
  return {
    kind: 'config',
    config: { ...values, metricsListen, receiverListen, holder, target: found.target, certificateNames: found.names },
  };
};

export const readConfig = (argv: readonly string[], env: Readonly<Record<string, string | undefined>>): ConfigOutcome => {
  const parsed = parseFlags(operatorFlags, { argv, env, program: PROGRAM, summary: SUMMARY });
  return parsed.kind === 'values' ? complete(parsed.values) : parsed;
};
