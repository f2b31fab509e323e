// SPDX-License-Identifier: Apache-2.0
/**
 * What the API server asks the webhook about: the ValidatingWebhookConfiguration `writ`, owned and repaired.
 *
 * In: the admission rules of every verified policy, the rules that a commit about to be applied needs, the authorities of
 * the serving certificate. Out: one configuration object. Its scope is the whole safety of the cluster: namespaces with a
 * tenant label and nothing else, never a system namespace or our own, so that an outage of ours closes tenants and leaves
 * kube-system, nodes and leases alone.
 */
import { DECISION_PATH, DECISION_WEBHOOK, decisionFields, tenantNamespaces } from '../../crds/asked.ts';
import { TENANT_LABEL, WEBHOOK_CONFIGURATION_NAME, validatingWebhookConfigurations } from '../../crds/kinds.ts';
import { isName, isRecord } from '../../crds/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import { rulesBeyond, rulesFor } from '../../policies/compile/admission-rules.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { policiesMatching, standingRules } from '../../policies/compile/standing-rules.ts';
import type { Rule } from '../../policies/subject/workload-kinds.ts';
import type { Problem } from '../../policies/problem.ts';
import { clientConfigOf, ownConfiguration, ownedMetadata, rememberAuthorities } from './owned-configuration.ts';
import type { WebhookConfigurationObject, WebhookTarget } from './owned-configuration.ts';

export type TenantRules = { readonly tenant: string; readonly rules: readonly Rule[] };

export type ConfigurationInput = {
  readonly rules: readonly Rule[];
  /** What is asked about single tenants besides: what their own policies match and no other does. */
  readonly tenants?: readonly TenantRules[];
  readonly target: WebhookTarget;
  /** PEM. */
  readonly authorities: string;
  readonly systemNamespace: string;
};

const TENANT_SUFFIX = `.tenants.${DECISION_WEBHOOK}`;

const ofTenant = (tenant: string, systemNamespace: string): unknown => {
  const { matchExpressions } = tenantNamespaces(systemNamespace);
  return { matchExpressions: [...matchExpressions, { key: TENANT_LABEL, operator: 'In', values: [tenant] }] };
};

export const webhookConfiguration = (input: ConfigurationInput): WebhookConfigurationObject => ({
  metadata: ownedMetadata(WEBHOOK_CONFIGURATION_NAME),
  webhooks: [
    { name: DECISION_WEBHOOK, rules: input.rules, namespaceSelector: tenantNamespaces(input.systemNamespace) },
    ...(input.tenants ?? []).map(({ tenant, rules }) => ({
      name: `${tenant}${TENANT_SUFFIX}`,
      rules,
      namespaceSelector: ofTenant(tenant, input.systemNamespace),
    })),
  ].map((scope) => ({
    ...decisionFields,
    ...scope,
    clientConfig: clientConfigOf(input.target, DECISION_PATH, input.authorities),
  })),
});

/** What the policies of each tenant match that nobody else's do. */
const tenantRules = (own: readonly CompiledPolicy[], shared: readonly CompiledPolicy[]): readonly TenantRules[] => {
  const byTenant = new Map<string, CompiledPolicy[]>();
  for (const policy of own) {
    for (const tenant of policy.confinedTo ?? []) {
      const known = byTenant.get(tenant) ?? [];
      byTenant.set(tenant, known);
      known.push(policy);
    }
  }
  return [...byTenant]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([tenant, policies]) => {
      const rules = rulesBeyond(policies, shared);
      return rules.length === 0 ? [] : [{ tenant, rules }];
    });
};

/** The tenants that the live configuration speaks of by name, with their rules. */
const standingTenants = (live: WebhookConfigurationObject | undefined): readonly TenantRules[] =>
  (live?.webhooks ?? []).flatMap((webhook) => {
    const name = isRecord(webhook) ? webhook['name'] : undefined;
    if (typeof name !== 'string' || !name.endsWith(TENANT_SUFFIX)) return [];
    const tenant = name.slice(0, -TENANT_SUFFIX.length);
    return isName(tenant) && tenant.length <= 63 ? [{ tenant, rules: standingRules(live, name) }] : [];
  });

const confine = (policies: readonly CompiledPolicy[], tenant: string): readonly CompiledPolicy[] =>
  policies.map((policy) => ({ ...policy, confinedTo: new Set([tenant]) }));

/** What the webhook configuration follows, with one writer at a time. */
export type AdmissionScope = {
  /** Widens at once: resolves when the API server holds it, or with the reason why it cannot yet. */
  widen(source: string, policies: readonly CompiledPolicy[], signal: AbortSignal): Promise<Problem | undefined>;
  settle(source: string): void;
  trustAuthorities(bundle: string): void;
  /** Brings the configuration to what it should be; `true` when it wrote. */
  reconcile(signal: AbortSignal): Promise<boolean>;
};

export const createAdmissionScope = (options: {
  readonly client: KubeClient;
  readonly target: WebhookTarget;
  readonly systemNamespace: string;
  /** Every policy that verifies now. */
  readonly verified: () => readonly CompiledPolicy[];
  /**
   * Whether those are all that any replica may still enforce. While a document is refused, or a replica has not followed
   * yet, it enforces what no object shows any more: then rules are added only (law 4).
   */
  readonly mayNarrow: () => boolean;
  /** Somebody else deleted the configuration, or changed the field at this path; it has been put right. */
  readonly onTampered?: (what: string) => void;
  /** Asked to call `reconcile` soon. */
  readonly onChange: () => void;
}): AdmissionScope => {
  const applied = new Map<string, readonly CompiledPolicy[]>();
  const coming = new Map<string, readonly CompiledPolicy[]>();
  const owned = ownConfiguration(options.client, (what) => options.onTampered?.(what));
  const authorities = rememberAuthorities(options.onChange);
  // What the configuration held last, as far as this term knows; before its first look that is the live object's to say.
  let held: Pick<ConfigurationInput, 'rules' | 'tenants'> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** What the cache has caught up with needs no copy here: it would be asked about for ever, also when it is gone. */
  const forgetShown = (verified: readonly CompiledPolicy[]): void => {
    const shown = new Set(verified.map(({ digest }) => digest));
    for (const [source, policies] of applied) if (policies.every(({ digest }) => shown.has(digest))) applied.delete(source);
  };
  const write = async (signal: AbortSignal): Promise<boolean> => {
    // Without an authority no call could succeed: a configuration would close every tenant.
    if (authorities.pem() === '') return false;
    const { client, target, systemNamespace } = options;
    const live = await client.get<WebhookConfigurationObject>(
      validatingWebhookConfigurations,
      { name: WEBHOOK_CONFIGURATION_NAME },
      { signal },
    );
    const known = held ?? { rules: standingRules(live, DECISION_WEBHOOK), tenants: standingTenants(live) };
    const standing = options.mayNarrow()
      ? []
      : [
          ...policiesMatching(known.rules),
          ...(known.tenants ?? []).flatMap(({ tenant, rules }) => confine(policiesMatching(rules), tenant)),
        ];
    const verified = options.verified();
    forgetShown(verified);
    const policies = [...verified, ...[...applied.values()].flat(), ...[...coming.values()].flat(), ...standing];
    const shared = policies.filter(({ confinedTo }) => confinedTo === undefined);
    const own = policies.filter(({ confinedTo }) => confinedTo !== undefined);
    const wanted = { rules: rulesFor(shared), tenants: tenantRules(own, shared) };
    const wrote = await owned.bring(
      live,
      webhookConfiguration({ ...wanted, target, authorities: authorities.pem(), systemNamespace }),
      signal,
    );
    held = wanted;
    return wrote;
  };
  // One after the other: an older, narrower view must never land after a wider one.
  const reconcile = (signal: AbortSignal): Promise<boolean> => {
    const next = last.then(() => write(signal));
    last = next.catch(() => undefined);
    return next;
  };
  return {
    reconcile,
    widen: async (source, policies, signal) => {
      coming.set(source, policies);
      if (authorities.pem() === '') {
        return { code: 'APPLY_NOT_READY', message: 'the webhook has no certificate yet, so nothing could be asked of it' };
      }
      await reconcile(signal);
      return undefined;
    },
    settle: (source) => {
      const policies = coming.get(source);
      if (policies === undefined) return;
      // Kept beside what the cache shows, which may lag behind the writes that were just made.
      applied.set(source, policies);
      coming.delete(source);
      options.onChange();
    },
    trustAuthorities: authorities.trust,
  };
};
