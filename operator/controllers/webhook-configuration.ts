// SPDX-License-Identifier: Apache-2.0
/**
 * What the API server asks the webhook about: the ValidatingWebhookConfiguration `writ`, owned and repaired.
 *
 * In: the admission rules of every verified policy, the rules that a commit about to be applied needs, the authorities of
 * the serving certificate. Out: one configuration object. Its scope is the whole safety of the cluster: namespaces with a
 * tenant label and nothing else, never a system namespace or our own, so that an outage of ours closes tenants and leaves
 * kube-system, nodes and leases alone.
 */
import { WEBHOOK_CONFIGURATION_NAME, validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { rulesFor } from '../../policies/compile/admission-rules.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import type { Rule } from '../../policies/subject/workload-kinds.ts';
import type { Problem } from '../../policies/problem.ts';
import { clientConfigOf, ownConfiguration, ownedMetadata, tenantNamespaces } from './owned-configuration.ts';
import type { WebhookConfigurationObject, WebhookTarget } from './owned-configuration.ts';
import { policiesMatching, standingRules } from './standing-rules.ts';

export type ConfigurationInput = {
  readonly rules: readonly Rule[];
  readonly target: WebhookTarget;
  /** PEM. */
  readonly authorities: string;
  readonly systemNamespace: string;
};

const WEBHOOK_NAME = 'validate.writ.dev';
/** The API server gives up after this; a verdict takes well under a millisecond. */
const TIMEOUT_SECONDS = 5;

export const webhookConfiguration = ({ rules, target, authorities, systemNamespace }: ConfigurationInput): WebhookConfigurationObject => ({
  metadata: ownedMetadata(WEBHOOK_CONFIGURATION_NAME),
  webhooks: [
    {
      name: WEBHOOK_NAME,
      admissionReviewVersions: ['v1'],
      clientConfig: clientConfigOf(target, '/validate', authorities),
      rules,
      namespaceSelector: tenantNamespaces(systemNamespace),
      objectSelector: {},
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      // Decisions are metered, and a dry run is not.
      sideEffects: 'NoneOnDryRun',
      timeoutSeconds: TIMEOUT_SECONDS,
    },
  ],
});

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
  let authorities = '';
  // What the configuration held last, as far as this term knows; before its first look that is the live object's to say.
  let held: readonly Rule[] | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** What the cache has caught up with needs no copy here: it would be asked about for ever, also when it is gone. */
  const forgetShown = (verified: readonly CompiledPolicy[]): void => {
    const shown = new Set(verified.map(({ digest }) => digest));
    for (const [source, policies] of applied) if (policies.every(({ digest }) => shown.has(digest))) applied.delete(source);
  };
  const write = async (signal: AbortSignal): Promise<boolean> => {
    // Without an authority no call could succeed: a configuration would close every tenant.
    if (authorities === '') return false;
    const { client, target, systemNamespace } = options;
    const live = await client.get<WebhookConfigurationObject>(
      validatingWebhookConfigurations,
      { name: WEBHOOK_CONFIGURATION_NAME },
      { signal },
    );
    const standing = options.mayNarrow() ? [] : policiesMatching(held ?? standingRules(live, WEBHOOK_NAME));
    const verified = options.verified();
    forgetShown(verified);
    const rules = rulesFor([...verified, ...[...applied.values()].flat(), ...[...coming.values()].flat(), ...standing]);
    const wrote = await owned.bring(live, webhookConfiguration({ rules, target, authorities, systemNamespace }), signal);
    held = rules;
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
      if (authorities === '') {
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
    trustAuthorities: (bundle) => {
      if (bundle === authorities) return;
      authorities = bundle;
      options.onChange();
    },
  };
};
