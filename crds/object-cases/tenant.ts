// SPDX-License-Identifier: Apache-2.0
import { object } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const tenant = (spec: Fields, others: Fields = {}): Fields => object('Tenant', spec, others);

const subject = { kind: 'Group', name: 'acme-admins' };

export const tenantCases: readonly ObjectCase[] = [
  { what: 'an empty Tenant', object: tenant({}) },
  {
    what: 'a Tenant with every field',
    object: tenant({
      tier: 'Enterprise',
      suspend: false,
      admission: 'Open',
      deletionPolicy: 'Protect',
      owners: [{ ...subject, clusterRoles: ['admin'] }],
      additionalRoleBindings: [{ clusterRoleName: 'view', subjects: [{ kind: 'ServiceAccount', name: 'ci', namespace: 'acme-dev' }] }],
      namespaces: {
        quota: 5,
        prefixPolicy: 'Enforce',
        adoptionPolicy: 'Never',
        items: [{ name: 'acme-prod' }],
        metadata: { labels: { env: 'prod' }, annotations: { note: 'x' } },
      },
      podSecurity: { enforce: 'restricted', audit: 'restricted', warn: 'restricted', version: 'latest' },
      scheduling: {
        priorityClasses: { default: 'batch', allowed: ['batch', 'agents'] },
        runtimeClasses: { default: 'gvisor', allowed: ['gvisor'] },
        nodeSelector: { pool: 'agents' },
      },
      resourceQuotas: [
        {
          name: 'compute',
          scope: 'Tenant',
          hard: { 'requests.cpu': '64', 'requests.nvidia.com/gpu': 8, pods: '200', 'requests.memory': '1.5Gi' },
        },
      ],
      limitRanges: [{ type: 'Container', default: { cpu: '500m', memory: '512Mi' } }],
      network: {
        defaultDeny: ['Ingress', 'Egress'],
        dns: 'ClusterDNS',
        egress: [{ name: 'corp', cidrs: ['10.20.0.0/16', '2001:db8::/32'], ports: [5432] }],
        tenantPolicies: 'Bounded',
      },
      images: { registries: [{ prefix: 'ghcr.io/acme/' }], digestPolicy: 'Required', pullPolicies: ['Always'] },
      agents: {
        models: { allowed: [{ provider: 'p', names: ['general-*'], regions: ['eu-west-1'] }] },
        tools: { allowed: [], denied: [{ server: '*', names: ['delete_*'] }] },
        unsignedPolicy: 'Deny',
      },
      rulesets: [{ name: 'eu-ai-act', release: '^1.4', enforcement: 'Warn' }],
      usage: { limits: [{ name: 'tokens-day', meter: 'reasoning_units', window: '24h', limit: '50000000', onExceed: 'Deny' }] },
      billing: { provider: 'Stripe', customerRef: 'cus_1', cycle: 'Monthly', trialEnd: '2027-01-01T00:00:00Z' },
      slo: { objectives: [{ name: 'admission-latency', target: '99.9', threshold: '50ms' }] },
      dataResidency: { regions: ['eu-west-1'], enforcement: 'Strict' },
      locale: 'pt-BR',
    }),
  },
  { what: 'an unknown tier', object: tenant({ tier: 'gold' }), wrong: { at: '/spec/tier', keyword: 'enum', field: 'spec.tier' } },
  {
    what: 'a namespace name in capitals',
    object: tenant({ namespaces: { items: [{ name: 'Acme' }] } }),
    wrong: { at: '/spec/namespaces/items/0/name', keyword: 'pattern', field: 'spec.namespaces.items[0].name' },
  },
  {
    what: 'one namespace twice',
    object: tenant({ namespaces: { items: [{ name: 'a' }, { name: 'a' }] } }),
    wrong: { at: '/spec/namespaces/items', keyword: 'x-kubernetes-list-type', field: 'spec.namespaces.items[1]' },
  },
  {
    what: 'a quantity that is none',
    object: tenant({ resourceQuotas: [{ name: 'a', hard: { cpu: 'lots' } }] }),
    wrong: { at: '/spec/resourceQuotas/0/hard/cpu', keyword: 'pattern', field: 'spec.resourceQuotas[0].hard.cpu' },
  },
  {
    what: 'a limit as a number',
    object: tenant({ usage: { limits: [{ name: 'a', meter: 'm', window: '24h', limit: 5 }] } }),
    wrong: { at: '/spec/usage/limits/0/limit', keyword: 'type', field: 'spec.usage.limits[0].limit' },
  },
  {
    what: 'a port beyond the last',
    object: tenant({ network: { egress: [{ name: 'a', cidrs: ['10.0.0.0/8'], ports: [65536] }] } }),
    wrong: { at: '/spec/network/egress/0/ports/0', keyword: 'maximum', field: 'spec.network.egress[0].ports[0]' },
  },
  {
    what: 'a label that is no text',
    object: tenant({ namespaces: { metadata: { labels: { env: 1 } } } }),
    wrong: { at: '/spec/namespaces/metadata/labels/env', keyword: 'type', field: 'spec.namespaces.metadata.labels.env' },
  },
  {
    what: 'a system namespace',
    object: tenant({ namespaces: { items: [{ name: 'kube-system' }] } }),
    rule: 'system namespaces never belong to a tenant',
  },
  {
    what: "Writ's own namespace",
    object: tenant({ namespaces: { items: [{ name: 'writ-system' }] } }),
    rule: 'system namespaces never belong to a tenant',
  },
  {
    what: 'more namespaces than the quota',
    object: tenant({ namespaces: { quota: 1, items: [{ name: 'a' }, { name: 'b' }] } }),
    rule: 'items must not be more than quota',
  },
  {
    what: 'a class by default that is not allowed',
    object: tenant({ scheduling: { priorityClasses: { default: 'a', allowed: ['b'] } } }),
    rule: 'default must be one of allowed',
  },
  {
    what: "Writ's label",
    object: tenant({ namespaces: { metadata: { labels: { 'writ.dev/tenant': 'other' } } } }),
    rule: 'labels under writ.dev',
  },
  {
    what: 'a label that loosens Pod Security',
    object: tenant({ namespaces: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } } }),
    rule: 'pod-security.kubernetes.io',
  },
  {
    what: 'a ServiceAccount without namespace',
    object: tenant({ owners: [{ kind: 'ServiceAccount', name: 'a' }] }),
    rule: 'a ServiceAccount needs its namespace',
  },
  {
    what: 'an address block that is none',
    object: tenant({ network: { egress: [{ name: 'a', cidrs: ['10.0.0.0'] }] } }),
    rule: 'must be an address block',
  },
  {
    what: 'a Tenant with a dot in its name',
    object: tenant({}, { metadata: { name: 'a.b' } }),
    rule: 'metadata.name must be a label value without dots',
  },
];
