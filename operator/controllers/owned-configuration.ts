// SPDX-License-Identifier: Apache-2.0
// A webhook configuration that is ours alone: brought to what it must say, and known again. No admission webhook is
// asked about such objects, so whoever may write them can switch ours off; what is found otherwise than it was left was
// changed by somebody else, and that is told.
import { MANAGED_BY, MANAGED_BY_LABEL, SYNC_FIELD_MANAGER, validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { firstDifference } from '../../policies/document/difference.ts';

export type WebhookTarget =
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string; readonly port: number }
  | { readonly kind: 'url'; readonly url: string };

export type WebhookConfigurationObject = KubeObject & { readonly webhooks?: readonly unknown[] };

/** The same process under another path, where it is called by URL: `/validate` ends what it is called by first. */
export const atPath = (target: WebhookTarget, path: string): WebhookTarget =>
  target.kind === 'url' ? { kind: 'url', url: new URL(path.slice(1), target.url).href } : target;

/** `path` counts for a Service; a URL carries its own. */
export const clientConfigOf = (target: WebhookTarget, path: string, authorities: string): unknown => {
  const caBundle = Buffer.from(authorities).toString('base64');
  return target.kind === 'url'
    ? { url: target.url, caBundle }
    : { service: { namespace: target.namespace, name: target.name, port: target.port, path }, caBundle };
};

/** What every configuration of ours carries. */
export const ownedMetadata = (name: string): KubeObject['metadata'] => ({ name, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } });

// Compared both ways: a selector, a match condition or a second webhook that somebody added is what would open a tenant.
// An empty list is left out by the API server.
const differenceOf = (desired: WebhookConfigurationObject, live: WebhookConfigurationObject): string | undefined =>
  firstDifference(desired, { ...live, webhooks: live.webhooks ?? [] }) ??
  firstDifference(live.webhooks ?? [], desired.webhooks, 'webhooks');

/** By whom the webhook's certificate is signed, as far as it is known: without an authority no call could succeed. */
export const rememberAuthorities = (
  onChange: () => void,
): { readonly trust: (bundle: string) => void; /** Empty until there is one. */ readonly pem: () => string } => {
  let held = '';
  return {
    trust: (bundle) => {
      if (bundle === held) return;
      held = bundle;
      onChange();
    },
    pem: () => held,
  };
};

export type OwnedConfiguration = {
  /** Makes the live object say what is desired; `true` when it wrote. */
  bring(live: WebhookConfigurationObject | undefined, desired: WebhookConfigurationObject, signal: AbortSignal): Promise<boolean>;
};

export const ownConfiguration = (
  client: Pick<KubeClient, 'apply' | 'replace'>,
  /** Since it was left somebody else `deleted` it, or changed the field at this path. */
  onTampered: (what: string) => void,
  resource: Resource = validatingWebhookConfigurations,
): OwnedConfiguration => {
  let left: WebhookConfigurationObject | undefined;
  const write = async (live: WebhookConfigurationObject | undefined, desired: WebhookConfigurationObject, signal: AbortSignal) => {
    if (live === undefined) {
      await client.apply(resource, desired, { fieldManager: SYNC_FIELD_MANAGER, signal });
      return true;
    }
    if (differenceOf(desired, live) === undefined) return false;
    // Replaced, because an apply leaves fields that another manager owns.
    const { labels, annotations, resourceVersion } = live.metadata;
    const metadata = {
      ...desired.metadata,
      labels: { ...labels, ...desired.metadata.labels },
      ...(annotations === undefined ? {} : { annotations }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    await client.replace(resource, { ...desired, metadata }, { fieldManager: SYNC_FIELD_MANAGER, signal });
    return true;
  };
  return {
    bring: async (live, desired, signal) => {
      const before = left;
      const wrote = await write(live, desired, signal);
      left = desired;
      const changed = before === undefined ? undefined : live === undefined ? 'deleted' : differenceOf(before, live);
      if (changed !== undefined) onTampered(changed);
      return wrote;
    },
  };
};
