// SPDX-License-Identifier: Apache-2.0
/**
 * What the API server asks the webhook about tenants' bounds: the ValidatingWebhookConfiguration `writ-tenancy` and the
 * MutatingWebhookConfiguration `writ-complete`, owned and repaired.
 *
 * In: where the webhook process serves, the authorities of its certificate, the Tenants. Out: two objects. The first fails
 * closed and asks about what bounds speak of: services, claims, network policies, and whatever kinds a quota over a tenant
 * counts, but for workloads, whose bounds are judged where `writ` asks about them in any case; beside it about the deletion
 * of tenants' Namespaces. The second completes pods, fails open, and is there only while some Tenant says what to complete.
 * Both choose namespaces by the tenant label alone (law 5), and never ask
 * about the operator, so that a tenant can be made and unmade while nobody answers.
 */
import {
  COMPLETE_CONFIGURATION_NAME,
  OPERATOR_SERVICE_ACCOUNT,
  TENANCY_CONFIGURATION_NAME,
  TENANT_LABEL,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNeverGoverned } from '../../policies/compile/governed-kinds.ts';
import { collectionOf } from '../../policies/quota/index.ts';
import { isWorkloadWrite } from '../../policies/subject/kind-index.ts';
import type { Rule } from '../../policies/subject/workload-kinds.ts';
import { boundsOf } from '../../policies/tenancy/bounds.ts';
import type { BoundTenant } from '../../policies/tenancy/bounds.ts';
import { completesPods } from '../../policies/tenancy/completion.ts';
import { pluginPolicyKinds } from '../../policies/tenancy/network-policy.ts';
import { summedHard } from '../../policies/tenancy/summed-quota.ts';
import { atPath, clientConfigOf, ownConfiguration, ownedMetadata, rememberAuthorities, tenantNamespaces } from './owned-configuration.ts';
import type { WebhookConfigurationObject, WebhookTarget } from './owned-configuration.ts';
import { standingRules } from './standing-rules.ts';

const TENANCY_PATH = '/tenancy';
const COMPLETE_PATH = '/complete';
const TENANCY_TIMEOUT_SECONDS = 5;
// Nobody waits long for what fails open.
const COMPLETE_TIMEOUT_SECONDS = 2;
const OBJECTS_WEBHOOK = 'objects.tenancy.writ.dev';
const WRITES = ['CREATE', 'UPDATE'] as const;

const rule = (group: string, resources: readonly string[], operations: readonly string[] = WRITES): Rule => ({
  apiGroups: [group],
  apiVersions: ['*'],
  resources,
  operations,
  scope: 'Namespaced',
});

/** The configuration `writ` asks about these. */
const isWorkload = (group: string, plural: string): boolean =>
  isWorkloadWrite({ resource: { group, resource: plural }, subResource: '', operation: 'CREATE' });

/** What one Tenant adds to the configurations. */
type Needs = { readonly counted: readonly { readonly group: string; readonly plural: string }[]; readonly completes: boolean };

const needsOf = (tenant: BoundTenant): Needs => ({
  counted: [...summedHard(tenant.spec).keys()]
    .map(collectionOf)
    .filter(({ group, plural }) => plural !== '' && !isNeverGoverned(group, plural) && !isWorkload(group, plural)),
  completes: completesPods(boundsOf(tenant)),
});

/** Whether the configurations may have to say something else after a change of one Tenant: most changes are none to them. */
export const changesNeeds = (before: BoundTenant | undefined, after: BoundTenant | undefined): boolean => {
  const shown = (tenant: BoundTenant | undefined): string => JSON.stringify(needsOf(tenant ?? { name: '', spec: {} }));
  return shown(before) !== shown(after);
};

/** Kinds that some quota over a tenant counts, beside those that are asked about anyway. */
const countedRules = (tenants: readonly BoundTenant[]): readonly Rule[] => {
  const byGroup = new Map<string, Set<string>>();
  for (const tenant of tenants) {
    for (const { group, plural } of needsOf(tenant).counted) byGroup.set(group, (byGroup.get(group) ?? new Set()).add(plural));
  }
  return [...byGroup].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([group, plurals]) => rule(group, [...plurals].toSorted()));
};

const objectRules = (tenants: readonly BoundTenant[]): readonly Rule[] => [
  rule('', ['persistentvolumeclaims', 'services']),
  // The data of a tenant that is quarantined is kept.
  rule('', ['persistentvolumeclaims'], ['DELETE']),
  rule('networking.k8s.io', ['networkpolicies']),
  ...pluginPolicyKinds.map(({ group, resources }) => rule(group, resources)),
  ...countedRules(tenants),
];

export type TenancyInput = {
  readonly target: WebhookTarget;
  /** PEM. */
  readonly authorities: string;
  readonly systemNamespace: string;
  /** As they count. */
  readonly tenants: readonly BoundTenant[];
  /** What is asked about now and is to stay so. */
  readonly standing?: readonly Rule[];
};

const withStanding = (rules: readonly Rule[], standing: readonly Rule[] = []): readonly Rule[] => [
  ...new Map([...rules, ...standing].map((one) => [JSON.stringify(one), one])).values(),
];

const shared = ({ systemNamespace }: TenancyInput) => ({
  admissionReviewVersions: ['v1'],
  namespaceSelector: tenantNamespaces(systemNamespace),
  matchPolicy: 'Equivalent',
  matchConditions: [
    {
      name: 'not-the-operator',
      expression: `request.userInfo.username != 'system:serviceaccount:${systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}'`,
    },
  ],
});

export const tenancyConfiguration = (input: TenancyInput): WebhookConfigurationObject => {
  const closed = {
    ...shared(input),
    clientConfig: clientConfigOf(atPath(input.target, TENANCY_PATH), TENANCY_PATH, input.authorities),
    failurePolicy: 'Fail',
    // What is reserved of a quota is not on a dry run.
    sideEffects: 'NoneOnDryRun',
    timeoutSeconds: TENANCY_TIMEOUT_SECONDS,
  };
  return {
    metadata: ownedMetadata(TENANCY_CONFIGURATION_NAME),
    webhooks: [
      { ...closed, name: OBJECTS_WEBHOOK, rules: withStanding(objectRules(input.tenants), input.standing), objectSelector: {} },
      {
        ...closed,
        name: 'namespaces.tenancy.writ.dev',
        rules: [{ ...rule('', ['namespaces'], ['DELETE']), scope: 'Cluster' }],
        objectSelector: { matchExpressions: [{ key: TENANT_LABEL, operator: 'Exists' }] },
      },
    ],
  };
};

export const completionConfiguration = (input: TenancyInput): WebhookConfigurationObject => {
  const isWanted = input.tenants.some((tenant) => needsOf(tenant).completes);
  const webhook = {
    ...shared(input),
    name: 'pods.complete.writ.dev',
    clientConfig: clientConfigOf(atPath(input.target, COMPLETE_PATH), COMPLETE_PATH, input.authorities),
    rules: [rule('', ['pods'], ['CREATE']), rule('', ['pods/ephemeralcontainers'], ['UPDATE'])],
    objectSelector: {},
    failurePolicy: 'Ignore',
    // What another webhook adds, a sidecar for instance, is completed too.
    reinvocationPolicy: 'IfNeeded',
    sideEffects: 'None',
    timeoutSeconds: COMPLETE_TIMEOUT_SECONDS,
  };
  return { metadata: ownedMetadata(COMPLETE_CONFIGURATION_NAME), webhooks: isWanted ? [webhook] : [] };
};

export type TenancyKeeper = {
  trustAuthorities(bundle: string): void;
  /** Brings both configurations to what they must be; `true` when it wrote. */
  reconcile(signal: AbortSignal): Promise<boolean>;
};

export const createTenancyKeeper = (options: {
  readonly client: KubeClient;
  readonly target: WebhookTarget;
  readonly systemNamespace: string;
  /** As they count. */
  readonly tenants: () => readonly BoundTenant[];
  /** Nothing is known of some tenant: what is asked about stays asked about. */
  readonly holdsAny: () => boolean;
  readonly onTampered: (tampered: { readonly resource: Resource; readonly name: string; readonly what: string }) => void;
  /** Asked to call `reconcile` soon. */
  readonly onChange: () => void;
}): TenancyKeeper => {
  const { client, target, systemNamespace, onTampered } = options;
  const kept = [
    { resource: validatingWebhookConfigurations, name: TENANCY_CONFIGURATION_NAME, desired: tenancyConfiguration },
    { resource: mutatingWebhookConfigurations, name: COMPLETE_CONFIGURATION_NAME, desired: completionConfiguration },
  ].map((one) => ({
    ...one,
    owned: ownConfiguration(client, (what) => onTampered({ resource: one.resource, name: one.name, what }), one.resource),
  }));
  const authorities = rememberAuthorities(options.onChange);
  return {
    trustAuthorities: authorities.trust,
    reconcile: async (signal) => {
      // Without an authority no call could succeed, and no tenant could run anything.
      if (authorities.pem() === '') return false;
      const input: TenancyInput = { target, authorities: authorities.pem(), systemNamespace, tenants: options.tenants() };
      let wrote = false;
      for (const { resource, name, desired, owned } of kept) {
        const live = await client.get<WebhookConfigurationObject>(resource, { name }, { signal });
        const standing = options.holdsAny() ? standingRules(live, OBJECTS_WEBHOOK) : [];
        wrote = (await owned.bring(live, desired({ ...input, standing }), signal)) || wrote;
      }
      return wrote;
    },
  };
};
