// SPDX-License-Identifier: Apache-2.0
/**
 * The Secret with the webhook's certificate: made once, renewed at two thirds of its life, never failing a call.
 *
 * In: the names by which the API server calls the webhook. Out: Secret `writ-webhook-tls` in the system namespace. The
 * authorities in `ca.crt` are what the webhook configuration trusts; while a next pair is staged both are there.
 */
import { WEBHOOK_TLS_SECRET, MANAGED_BY, MANAGED_BY_LABEL, SYNC_FIELD_MANAGER, secrets } from '../../crds/kinds.ts';
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

const stateOf = (secret: SecretObject | undefined): CertificateState => {
  const staged = readCertificate(text(secret, 'next.crt'));
  const sinceMs = Date.parse(text(secret, STAGED_AT));
  return {
    current: text(secret, 'tls.key') === '' ? undefined : readCertificate(text(secret, 'tls.crt')),
    staged: staged === undefined || Number.isNaN(sinceMs) ? undefined : { ...staged, sinceMs },
  };
};

export const reconcileCertificate = async (options: CertificateOptions, signal: AbortSignal): Promise<Outcome> => {
  const { client, namespace, names, clock } = options;
  const secret = await client.get<SecretObject>(secrets, { namespace, name: WEBHOOK_TLS_SECRET }, { signal });
  const step = planCertificate(stateOf(secret), names, clock.now());
  const authorities = validAuthorities(text(secret, 'ca.crt'), clock.now());
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
      await write({ 'ca.crt': pair.authority, 'tls.crt': pair.certificate, 'tls.key': pair.key });
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
