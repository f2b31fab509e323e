// SPDX-License-Identifier: Apache-2.0
// The flags of the operator, and what they mean together.
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DECISION_PATH } from '../crds/asked.ts';
import { SYSTEM_NAMESPACE } from '../crds/kinds.ts';
import { isName } from '../crds/wire.ts';
import { LEASE_MAX_MS } from '../kube/lease.ts';
import { parseAddress } from '../process/address.ts';
import type { Address } from '../process/address.ts';
import { defineFlags } from '../process/flags.ts';
import type { FlagValues } from '../process/flags.ts';
import { configurationReader, programFlags, wrongFlag } from '../process/program.ts';
import type { Configuration } from '../process/program.ts';
import { readWitness } from './audit/witnesses.ts';
import type { Witness } from './audit/witnesses.ts';
import type { WebhookTarget } from './controllers/owned-configuration.ts';
import { SHORTEST_RETENTION_MS } from './usage/pruning.ts';

export const PROGRAM = 'writ-operator';
export const SUMMARY = 'Brings signed policies from Git to the cluster and keeps them there.';

export const operatorFlags = defineFlags({
  'trust-digest': programFlags['trust-digest'],
  'trust-root-max-age': {
    type: 'duration',
    env: 'WRIT_TRUST_ROOT_MAX_AGE',
    default: 90 * 24 * 3_600_000,
    doc: 'After how long a Sigstore trusted root that nobody has looked after is told of, on the TrustPolicy; 0 is never.',
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
  'guard-service': {
    type: 'string',
    env: 'WRIT_GUARD_SERVICE',
    default: 'writ-guard.writ-system:443',
    doc: "The same process as the API server asks it about Writ's own kinds, also before it is ready: SERVICE.NAMESPACE:PORT. With --webhook-url it is /guard beside that URL.",
  },
  'certificate-lifetime': {
    type: 'duration',
    env: 'WRIT_CERTIFICATE_LIFETIME',
    default: 90 * 24 * 3_600_000,
    doc: "How long the webhook's certificate is good; it is renewed at two thirds.",
  },
  kubeconfig: programFlags.kubeconfig,
  identity: { type: 'string', env: 'WRIT_IDENTITY', doc: 'Name of this process in the leader election; the host name unless given.' },
  'metrics-address': programFlags['metrics-address'],
  'receiver-address': {
    type: 'string',
    env: 'WRIT_RECEIVER_ADDRESS',
    default: '0.0.0.0:9292',
    doc: 'Where to serve push receivers (/hook/…) over HTTP, behind whatever ends TLS.',
  },
  ledger: {
    type: 'string',
    env: 'WRIT_LEDGER',
    doc: 'Where the ledger of use is kept: a file on a local or block volume, or postgres://… (by the environment, since it holds a password). None is kept unless given.',
  },
  'usage-address': {
    type: 'string',
    env: 'WRIT_USAGE_ADDRESS',
    default: '0.0.0.0:9393',
    doc: 'Where events of use are taken in (POST /v1/events) where a ledger is kept.',
  },
  'usage-transport': {
    type: 'string',
    env: 'WRIT_USAGE_TRANSPORT',
    choices: ['tls', 'plain'],
    default: 'tls',
    doc: "How: tls by the webhook's certificate, which then carries the name of --usage-service too, or plain where something in front ends TLS.",
  },
  'usage-interval': {
    type: 'duration',
    env: 'WRIT_USAGE_INTERVAL',
    default: 60_000,
    doc: 'How often TenantUsage is written where something changed; a limit is passed by what is begun in this time, as docs/usage.md says. Agents and storage are measured every five of them.',
  },
  'usage-retention': {
    type: 'duration',
    env: 'WRIT_USAGE_RETENTION',
    default: 0,
    doc: 'How long events of use are kept after the month in which they were used, 9600h (400 days) or more; 0: for ever. What they add up to, seals and statements stay.',
  },
  'usage-archive': {
    type: 'string',
    env: 'WRIT_USAGE_ARCHIVE',
    doc: 'Folder on a volume into which events are written before they leave the ledger by --usage-retention; without it they are gone.',
  },
  'usage-service': {
    type: 'string',
    env: 'WRIT_USAGE_SERVICE',
    default: 'writ-usage.writ-system:443',
    doc: 'The Service by which senders reach it: SERVICE.NAMESPACE:PORT.',
  },
  'usage-reporter': {
    type: 'list',
    env: 'WRIT_USAGE_REPORTER',
    default: [],
    doc: 'Service accounts (NAMESPACE/NAME) that may report use for every tenant, beside that of the webhook; any other reports for the tenant of its namespace.',
  },
  'usage-reader': {
    type: 'list',
    env: 'WRIT_USAGE_READER',
    default: [],
    doc: 'Service accounts (NAMESPACE/NAME) that may see in detail what every tenant used; any other sees what the tenant of its namespace did.',
  },
  'stripe-secret': {
    type: 'string',
    env: 'WRIT_STRIPE_SECRET',
    doc: 'Secret in the system namespace whose stripe-key is a secret or restricted key of Stripe. Use is reported there, of Tenants with billing.customerRef or billing.provider, where it is given; it needs --ledger. With webhook-secret in it, POST /hook/stripe takes the events of Stripe.',
  },
  'stripe-mode': {
    type: 'string',
    env: 'WRIT_STRIPE_MODE',
    choices: ['live', 'test'],
    default: 'live',
    doc: 'What the key must be for; a key for the other mode is refused.',
  },
  'stripe-prices': {
    type: 'boolean',
    env: 'WRIT_STRIPE_PRICES',
    default: false,
    doc: "Make the products and prices of the PriceBook at Stripe, by lookup keys that carry the book's version, and tell of those that say something else.",
  },
  'statement-dir': {
    type: 'string',
    env: 'WRIT_STATEMENT_DIR',
    doc: 'Folder for a signed statement of each tenant and frozen month that Stripe does not bill, on a volume; for those who bill elsewhere. It needs --ledger and --statement-secret.',
  },
  'statement-secret': {
    type: 'string',
    env: 'WRIT_STATEMENT_SECRET',
    doc: 'Secret in the system namespace whose statement-key is the private key in PEM that signs statements; statement-key-password opens it where it is encrypted.',
  },
  'invoice-dir': {
    type: 'string',
    env: 'WRIT_INVOICE_DIR',
    doc: 'Folder of what `writ bill close` and `writ slo statement` issue: each document goes on record in the audit log once, by its digest. It needs --ledger and --invoice-key.',
  },
  'invoice-key': {
    type: 'list',
    env: 'WRIT_INVOICE_KEY',
    doc: 'File with a public key in PEM; what lies in --invoice-dir must be signed by one of them.',
  },
  'price-book': {
    type: 'string',
    env: 'WRIT_PRICE_BOOK',
    default: 'standard',
    doc: 'The PriceBook that says which meters are reported, and how.',
  },
  'cache-dir': {
    type: 'string',
    env: 'WRIT_CACHE_DIR',
    default: join(tmpdir(), 'writ'),
    doc: 'Folder for Git mirrors; they are made anew after a restart.',
  },
  'audit-dir': {
    type: 'string',
    env: 'WRIT_AUDIT_DIR',
    doc: 'Folder in which the audit log is published, on a volume of its own or that of --ledger, which holds its entries and must be given too. None is kept unless given.',
  },
  'audit-checkpoint-interval': {
    type: 'duration',
    env: 'WRIT_AUDIT_CHECKPOINT_INTERVAL',
    default: 1000,
    doc: 'How often what is new in the audit log is signed and published.',
  },
  'audit-key-lifetime': {
    type: 'duration',
    env: 'WRIT_AUDIT_KEY_LIFETIME',
    default: 90 * 24 * 3_600_000,
    doc: 'After how long the key under which the keys of encrypted fields of the audit log are stored is changed.',
  },
  'audit-witness': {
    type: 'list',
    env: 'WRIT_AUDIT_WITNESS',
    doc: 'A witness that is asked to cosign the root of the audit log (C2SP tlog-witness): its verifier key, a blank, its URL.',
  },
  'allow-file-urls': {
    type: 'boolean',
    env: 'WRIT_ALLOW_FILE_URLS',
    default: false,
    doc: 'Follow GitSources with file:/// URLs, for trying things on one machine.',
  },
  'network-plugin-enforces': {
    type: 'list',
    env: 'WRIT_NETWORK_PLUGIN_ENFORCES',
    doc: "Directions in which the cluster's network plugin is known to enforce NetworkPolicies: Ingress, Egress. Without it no Tenant says that its network is isolated.",
  },
  'tenant-concurrency': {
    type: 'number',
    env: 'WRIT_TENANT_CONCURRENCY',
    default: 8,
    min: 1,
    max: 64,
    doc: 'Tenants that are made or corrected at once.',
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
    doc: 'How long a leader that fell silent is waited for; at most 60s, since no replica waits longer for another.',
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
  'log-level': programFlags['log-level'],
});

export type OperatorConfig = FlagValues<typeof operatorFlags> & {
  readonly metricsListen: Address;
  readonly receiverListen: Address;
  readonly usageListen: Address;
  readonly holder: string;
  readonly target: WebhookTarget;
  readonly guardTarget: WebhookTarget;
  /** The names that the webhook's certificate must carry. */
  readonly certificateNames: readonly string[];
  readonly auditWitnesses: readonly Witness[];
};

const DIRECTIONS: readonly string[] = ['Ingress', 'Egress'];

type Target = { readonly target: WebhookTarget; readonly guardTarget: WebhookTarget; readonly names: readonly string[] };

const targetByUrl = (text: string): Target | undefined => {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'https:' || url.username !== '' || url.search !== '' || !url.pathname.endsWith(DECISION_PATH)) return undefined;
  return {
    target: { kind: 'url', url: url.href },
    guardTarget: { kind: 'url', url: new URL('guard', url).href },
    names: [url.hostname.replace(/^\[(.*)\]$/, '$1')],
  };
};

type ServiceTarget = { readonly target: WebhookTarget; readonly names: readonly string[] };

const serviceTarget = (text: string): ServiceTarget | undefined => {
  const [, name, namespace, port = '443'] = /^([a-z0-9-]+)\.([a-z0-9-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (name === undefined || namespace === undefined) return undefined;
  const host = `${name}.${namespace}.svc`;
  return { target: { kind: 'service', name, namespace, port: Number(port) }, names: [host, `${host}.cluster.local`] };
};

const targetByServices = (webhook: string, guard: string): Target | undefined => {
  const [target, guardTarget] = [serviceTarget(webhook), serviceTarget(guard)];
  if (target === undefined || guardTarget === undefined) return undefined;
  return { target: target.target, guardTarget: guardTarget.target, names: [...new Set([...target.names, ...guardTarget.names])] };
};

const complete = (values: FlagValues<typeof operatorFlags>): Configuration<OperatorConfig> => {
  const metricsListen = parseAddress(values['metrics-address']);
  const receiverListen = parseAddress(values['receiver-address']);
  const usageListen = parseAddress(values['usage-address']);
  if (metricsListen === undefined) return wrongFlag(`--metrics-address: "${values['metrics-address']}" is not host:port`);
  if (receiverListen === undefined) return wrongFlag(`--receiver-address: "${values['receiver-address']}" is not host:port`);
  if (usageListen === undefined) return wrongFlag(`--usage-address: "${values['usage-address']}" is not host:port`);
  const usageService = serviceTarget(values['usage-service']);
  if (values['usage-interval'] < 1000) return wrongFlag('--usage-interval: at least 1s');
  if (values['usage-retention'] !== 0 && values['usage-retention'] < SHORTEST_RETENTION_MS)
    return wrongFlag("--usage-retention: 9600h (400 days) or more, or 0 to keep events for ever: a year's invoice is checked by them");
  if (values['usage-archive'] !== undefined && values['usage-retention'] === 0)
    return wrongFlag('--usage-archive: nothing leaves the ledger without --usage-retention');
  if (usageService === undefined) return wrongFlag('--usage-service: write SERVICE.NAMESPACE:PORT');
  if (!isName(values['system-namespace'])) return wrongFlag('--system-namespace: write the name of a namespace');
  if (values['audit-dir'] !== undefined && values.ledger === undefined)
    return wrongFlag('--audit-dir: the entries are kept in the ledger, give --ledger too');
  const auditWitnesses = values['audit-witness'].map(readWitness).filter((witness) => witness !== undefined);
  if (auditWitnesses.length < values['audit-witness'].length)
    return wrongFlag('--audit-witness: write the verifier key of a cosigner (NAME+ID+KEY), a blank, and http(s)://HOST/PATH');
  if (values['stripe-secret'] !== undefined && values.ledger === undefined) return wrongFlag('--stripe-secret: it needs --ledger');
  if ((values['statement-dir'] === undefined) !== (values['statement-secret'] === undefined))
    return wrongFlag('--statement-dir, --statement-secret: give both');
  if (values['statement-dir'] !== undefined && values.ledger === undefined) return wrongFlag('--statement-dir: it needs --ledger');
  if ((values['invoice-dir'] === undefined) !== (values['invoice-key'].length === 0))
    return wrongFlag('--invoice-dir, --invoice-key: give both');
  if (values['invoice-dir'] !== undefined && values.ledger === undefined) return wrongFlag('--invoice-dir: it needs --ledger');
  const url = values['webhook-url'];
  const found = url === undefined ? targetByServices(values['webhook-service'], values['guard-service']) : targetByUrl(url);
  if (found === undefined) {
    return wrongFlag(
      url === undefined
        ? '--webhook-service, --guard-service: write SERVICE.NAMESPACE:PORT'
        : '--webhook-url: write https://HOST:PORT/validate',
    );
  }
  const unknown = values['network-plugin-enforces'].find((direction) => !DIRECTIONS.includes(direction));
  if (unknown !== undefined) return wrongFlag(`--network-plugin-enforces: "${unknown}" is neither Ingress nor Egress`);
  const [retryMs, renewMs, leaseMs] = [values['lease-retry-period'], values['lease-renew-deadline'], values['lease-duration']];
  if (!(retryMs < renewMs && renewMs < leaseMs))
    return wrongFlag('--lease-retry-period < --lease-renew-deadline < --lease-duration must hold');
  if (leaseMs > LEASE_MAX_MS) return wrongFlag(`--lease-duration may be at most ${LEASE_MAX_MS / 1000}s`);
  const holder = values.identity ?? hostname();
  return {
    kind: 'config',
    config: {
      ...values,
      metricsListen,
      receiverListen,
      usageListen,
      holder,
      target: found.target,
      guardTarget: found.guardTarget,
      auditWitnesses,
      certificateNames: values.ledger === undefined ? found.names : [...new Set([...found.names, ...usageService.names])],
    },
  };
};

export const readConfig = configurationReader({ program: PROGRAM, summary: SUMMARY, flags: operatorFlags }, complete);
