// SPDX-License-Identifier: Apache-2.0
/**
 * The Secret with the webhook's certificate: made once, renewed at two thirds of its life, never failing a call.
 *
 * In: the names by which the API server calls the webhook. Out: Secret `writ-webhook-tls` in the system namespace. The
 * authorities in `ca.crt` are what the webhook configuration trusts; while a next pair is staged both are there.
 */
import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SYNC_FIELD_MANAGER,
  WEBHOOK_CONFIGURATION_NAME,
  WEBHOOK_TLS_SECRET,
  secrets,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { after } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import type { Clock } from '../../process/clock.ts';
import { issueServingPair, readCertificate, validAuthorities } from './certificate-authority.ts';
import { planCertificate } from './certificate-plan.ts';
import type { CertificateState } from './certificate-plan.ts';

export type SecretObject = KubeObject & { readonly data?: Readonly<Record<string, string>>; readonly type?: string };

export type CertificateOptions = {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly names: readonly string[];
  readonly lifetimeMs: number;
  readonly clock: Clock;
  /** Called with the authorities (PEM) whenever they may have changed. */
  readonly onAuthorities: (bundle: string) => void;
};

const STAGED_AT = 'staged-at';
/** Looks again at least this often, so that a Secret that somebody damaged is made anew. */
const LOOK_MS = 10 * 60_000;
/** After a write: the plan then says how long to wait, which may be less than a usual look for a short-lived certificate. */
const AGAIN_MS = 1000;

const text = (secret: SecretObject | undefined, key: string): string => {
  const encoded = secret?.data !== undefined && Object.hasOwn(secret.data, key) ? secret.data[key] : undefined;
  return encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
};

/** The bundle (PEM) that the API server believes now; undefined while there is no configuration. */
const trustedBundle = (configuration: unknown): string | undefined => {
  const webhooks: unknown = isRecord(configuration) ? configuration['webhooks'] : undefined;
  if (!Array.isArray(webhooks)) return undefined;
  const [webhook]: readonly unknown[] = webhooks;
  const call = isRecord(webhook) ? webhook['clientConfig'] : undefined;
  const encoded = isRecord(call) ? call['caBundle'] : undefined;
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : '';
};

/** A bundle that somebody stuffed must not make the Secret too large to write. */
const MAX_AUTHORITIES = 8;

type Authorities = { readonly known: readonly string[]; readonly trusted: boolean };

const stateOf = (secret: SecretObject | undefined, { known, trusted }: Authorities): CertificateState => {
  const staged = readCertificate(text(secret, 'next.crt'));
  const sinceMs = Date.parse(text(secret, STAGED_AT));
  return {
    // A pair that nobody could believe is none.
    current: text(secret, 'tls.key') === '' || known.length === 0 ? undefined : readCertificate(text(secret, 'tls.crt')),
    staged: staged === undefined || Number.isNaN(sinceMs) ? undefined : { ...staged, sinceMs, trusted },
  };
};

export const reconcileCertificate = async (options: CertificateOptions, signal: AbortSignal): Promise<Outcome> => {
  const { client, namespace, names, clock } = options;
  const secret = await client.get<SecretObject>(secrets, { namespace, name: WEBHOOK_TLS_SECRET }, { signal });
  const authorities = validAuthorities(text(secret, 'ca.crt'), clock.now());
  const live = trustedBundle(
    await client.get<KubeObject>(validatingWebhookConfigurations, { name: WEBHOOK_CONFIGURATION_NAME }, { signal }),
  );
  const believed = validAuthorities(live ?? '', clock.now());
  const trusted = live === undefined || authorities.every((authority) => believed.includes(authority));
  const step = planCertificate(stateOf(secret, { known: authorities, trusted }), names, clock.now());
  const write = async (data: Readonly<Record<string, string>>): Promise<void> => {
    const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
    const object: SecretObject = {
      metadata: { name: WEBHOOK_TLS_SECRET, namespace, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
      type: 'kubernetes.io/tls',
      data: encoded,
    };
    await client.apply<SecretObject>(secrets, object, { fieldManager: SYNC_FIELD_MANAGER, signal });
    options.onAuthorities(data['ca.crt'] ?? '');
  };
  switch (step.kind) {
    case 'issue': {
      const pair = await issueServingPair({ names, nowMs: clock.now(), lifetimeMs: options.lifetimeMs });
      // Replicas serve by the lost pair until they see this one, so its authority stays believed as long as it is valid.
      const known = [...new Set([...authorities, ...believed])].slice(-MAX_AUTHORITIES);
      await write({ 'ca.crt': [...known, pair.authority].join('\n'), 'tls.crt': pair.certificate, 'tls.key': pair.key });
      return after(AGAIN_MS);
    }
    case 'stage': {
      const pair = await issueServingPair({ names, nowMs: clock.now(), lifetimeMs: options.lifetimeMs });
      await write({
        'ca.crt': [...authorities, pair.authority].join('\n'),
        'tls.crt': text(secret, 'tls.crt'),
        'tls.key': text(secret, 'tls.key'),
        'next.crt': pair.certificate,
        'next.key': pair.key,
        [STAGED_AT]: new Date(clock.now()).toISOString(),
      });
      return after(AGAIN_MS);
    }
    case 'promote':
      // The old authority stays in the bundle until it ends: a replica that has not reloaded yet still serves by it.
      await write({ 'ca.crt': authorities.join('\n'), 'tls.crt': text(secret, 'next.crt'), 'tls.key': text(secret, 'next.key') });
      return after(AGAIN_MS);
    case 'wait':
      options.onAuthorities(authorities.join('\n'));
      return after(Math.min(step.delayMs, LOOK_MS));
  }
};
