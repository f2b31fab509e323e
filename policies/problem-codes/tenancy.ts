// SPDX-License-Identifier: Apache-2.0
// What a tenant's bounds refuse when its objects are written.
import type { ProblemCodes } from './entry.ts';

export const tenancyCodes = {
  IMAGE_FORBIDDEN: {
    summary: "The image comes from none of the tenant's registries.",
    fix: 'use an image below one of the prefixes in spec.images.registries of the Tenant',
  },
  IMAGE_DIGEST_MISSING: {
    summary: "The tenant's images are to be named by digest, and this one is not.",
    fix: 'write the image with @sha256: and its digest',
  },
  PULL_POLICY_FORBIDDEN: {
    summary: 'The pull policy of a container is none that the tenant may use.',
    fix: 'use one of spec.images.pullPolicies of the Tenant',
  },
  PRIORITY_CLASS_FORBIDDEN: {
    summary: 'The priority class is none that the tenant may use.',
    fix: 'use one of spec.scheduling.priorityClasses of the Tenant',
  },
  RUNTIME_CLASS_FORBIDDEN: {
    summary: 'The runtime class is none that the tenant may use.',
    fix: 'use one of spec.scheduling.runtimeClasses of the Tenant',
  },
  NODE_SELECTOR_FORBIDDEN: {
    summary: "The pod is not held to the tenant's nodes.",
    fix: 'give the pod the node labels of spec.scheduling.nodeSelector of the Tenant',
  },
  RESIDENCY_FORBIDDEN: {
    summary: 'The workload may run, or says that it runs, outside of the regions of the tenant.',
    fix: 'hold the pod to spec.dataResidency.regions of the Tenant by a required node affinity on topology.kubernetes.io/region; an agent names its regions in the annotation writ.dev/regions',
  },
  MODEL_FORBIDDEN: {
    summary: 'The model is none that the tenant may use.',
    fix: 'use one of spec.agents.models.allowed of the Tenant',
  },
  TOOL_FORBIDDEN: {
    summary: 'The tool is none that the tenant may use.',
    fix: 'use what spec.agents.tools of the Tenant allows and does not deny',
  },
  NETWORK_POLICY_FORBIDDEN: {
    summary: 'The tenant may have no network policies of its own, or none of this kind.',
    fix: 'leave it out; spec.network.tenantPolicies of the Tenant says what is allowed, and only NetworkPolicies of networking.k8s.io can be bounded',
  },
  NETWORK_POLICY_WIDER: {
    summary: 'The network policy would allow what the bounds of the tenant do not; network policies add up.',
    fix: 'allow only traffic within the tenant (by podSelector, or by a namespaceSelector on writ.dev/tenant) and destinations within spec.network.egress of the Tenant',
  },
  SERVICE_ADDRESS_FORBIDDEN: {
    summary: 'A Service with externalIPs takes traffic of others.',
    fix: 'leave spec.externalIPs out',
  },
  VOLUME_FORBIDDEN: {
    summary: 'A claim that names its volume could take over data of others.',
    fix: 'leave spec.volumeName out and let the storage class make the volume',
  },
  OWNER_FORBIDDEN: {
    summary: 'Nothing of a tenant is owned by a kind of Writ: it would go with that, and could hold up its deletion.',
    fix: 'leave the owner out of metadata.ownerReferences',
  },
  TENANT_CORDONED: {
    summary: 'The tenant takes no new workloads.',
    fix: 'ask whoever runs the cluster; spec.admission of the Tenant says why nothing new may start',
  },
  TENANT_QUARANTINED: {
    summary: 'The tenant is quarantined: no agents and no new workloads, and its data is kept.',
    fix: 'ask whoever runs the cluster; spec.admission of the Tenant is Quarantined',
  },
  TENANT_UNKNOWN: {
    summary: 'It could not be found out which bounds the tenant of the namespace has.',
    fix: 'try again; if it stays, look at the log of the webhook, which could not read Tenants',
  },
  TENANT_UNSEALED: {
    summary: 'A Tenant is not as its seal has it: what was sealed counts on, or it is closed where that is not known.',
    fix: 'bring back the Tenant as it was sealed, or seal a newer version of it',
  },
  TENANT_QUOTA_EXCEEDED: {
    summary: "The tenant's namespaces together would use more than its quota.",
    fix: 'free some of it, or ask for a larger spec.resourceQuotas of the Tenant',
  },
  TENANT_QUOTA_UNAVAILABLE: {
    summary: "The ledger of the tenant's quotas could not be read or written, so nothing can be reserved.",
    fix: 'try again; if it stays, see whether the operator runs and ConfigMap writ-quota-TENANT is in the system namespace',
  },
} as const satisfies ProblemCodes;
