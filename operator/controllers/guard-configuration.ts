// SPDX-License-Identifier: Apache-2.0
/**
 * What the API server asks the guard about: the ValidatingWebhookConfiguration `writ-guard`, owned and repaired.
 *
 * In: where the webhook process serves /guard, the authorities of its certificate. Out: one configuration object, always the
 * same. It names Writ's own kinds and two sorts of ConfigMap in the system namespace, nothing else; its selectors go by
 * labels that no tenant can write. Status and other subresources are not asked about: they are no input to anything.
 */
import {
  GROUP,
  GUARD_CONFIGURATION_NAME,
  INVENTORY_LABEL,
  MARKS_LABEL,
  sealedKinds,
  tenants,
  trustPolicies,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { clientConfigOf, ownConfiguration, ownedMetadata, rememberAuthorities } from './owned-configuration.ts';
import type { WebhookConfigurationObject, WebhookTarget } from './owned-configuration.ts';

const GUARD_PATH = '/guard';
// The longest that the guard waits for its caches is well below it.
const TIMEOUT_SECONDS = 5;
const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE'] as const;
const GUARDED = [...sealedKinds, tenants, trustPolicies];

export type GuardConfigurationInput = {
  readonly target: WebhookTarget;
  /** PEM. */
  readonly authorities: string;
  readonly systemNamespace: string;
};

export const guardConfiguration = (input: GuardConfigurationInput): WebhookConfigurationObject => {
  const clientConfig = clientConfigOf(input.target, GUARD_PATH, input.authorities);
  const webhook = (
    name: string,
    scope: { readonly rules: readonly unknown[]; readonly namespaceSelector: unknown; readonly objectSelector: unknown },
  ) => ({
    name,
    admissionReviewVersions: ['v1'],
    clientConfig,
    ...scope,
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    sideEffects: 'None',
    timeoutSeconds: TIMEOUT_SECONDS,
  });
  const configMapsWith = (label: string) => ({
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: OPERATIONS, resources: ['configmaps'], scope: 'Namespaced' }],
    // The API server writes this label itself.
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': input.systemNamespace } },
    // Matches where the object before or after the change carries it.
    objectSelector: { matchLabels: { [label]: 'true' } },
  });
  const ownKinds = {
    rules: [
      { apiGroups: [GROUP], apiVersions: ['*'], operations: OPERATIONS, resources: GUARDED.map(({ plural }) => plural), scope: 'Cluster' },
    ],
    namespaceSelector: {},
    objectSelector: {},
  };
  return {
    metadata: ownedMetadata(GUARD_CONFIGURATION_NAME),
    webhooks: [
      webhook('kinds.guard.writ.dev', ownKinds),
      webhook('inventories.guard.writ.dev', configMapsWith(INVENTORY_LABEL)),
      webhook('marks.guard.writ.dev', configMapsWith(MARKS_LABEL)),
    ],
  };
};

export type GuardKeeper = {
  trustAuthorities(bundle: string): void;
  /** Brings the configuration to what it must be; `true` when it wrote. */
  reconcile(signal: AbortSignal): Promise<boolean>;
};

export const createGuardKeeper = (options: {
  readonly client: KubeClient;
  readonly target: WebhookTarget;
  readonly systemNamespace: string;
  readonly onTampered: (what: string) => void;
  /** Asked to call `reconcile` soon. */
  readonly onChange: () => void;
}): GuardKeeper => {
  const { client, target, systemNamespace } = options;
  const owned = ownConfiguration(client, options.onTampered);
  const authorities = rememberAuthorities(options.onChange);
  return {
    trustAuthorities: authorities.trust,
    reconcile: async (signal) => {
      // Without an authority no call could succeed, and nothing could ever be written.
      if (authorities.pem() === '') return false;
      const ref = { name: GUARD_CONFIGURATION_NAME };
      const live = await client.get<WebhookConfigurationObject>(validatingWebhookConfigurations, ref, { signal });
      return owned.bring(live, guardConfiguration({ target, authorities: authorities.pem(), systemNamespace }), signal);
    },
  };
};
