// SPDX-License-Identifier: Apache-2.0
import { object } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const validation = { expression: "object.metadata.name != 'x'", message: 'not x' };
const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['pods', 'pods/ephemeralcontainers'] };
const policySpec: Fields = { version: 3, matchConstraints: { resourceRules: [rule] }, validations: [validation] };
const policy = (changes: Fields, others: Fields = {}): Fields => object('Policy', { ...policySpec, ...changes }, others);

const breakGlass = (changes: Fields = {}, name = 'break-glass-42'): Fields =>
  object(
    'Policy',
    {
      version: 1,
      expires: '2026-11-23T12:00:00Z',
      breakGlass: { from: '2026-11-22T12:00:00Z', policies: ['pinned', 'eu/limits', '*'], reason: 'incident 42' },
      ...changes,
    },
    { metadata: { name } },
  );

/** As `kubectl get validatingadmissionpolicy -o yaml` shows one, everything set. */
const pastedSpec: Fields = {
  failurePolicy: 'Fail',
  paramKind: { apiVersion: 'rules.example.com/v1', kind: 'ReplicaLimit' },
  matchConstraints: {
    matchPolicy: 'Equivalent',
    namespaceSelector: { matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['test'] }] },
    objectSelector: { matchLabels: { app: 'x' } },
    resourceRules: [{ ...rule, scope: '*', resourceNames: ['a'] }],
    excludeResourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['*'], resources: ['*/*'], scope: 'Namespaced' }],
  },
  matchConditions: [{ name: 'exclude-leases', expression: "request.resource.group != 'coordination.k8s.io'" }],
  variables: [
    { name: 'replicas', expression: 'object.spec.replicas' },
    { name: 'replicas', expression: 'object.spec.replicas + 1' },
  ],
  validations: [
    {
      expression: 'variables.replicas <= params.max',
      reason: 'Forbidden',
      message: 'too many',
      messageExpression: "'at most ' + string(params.max)",
    },
  ],
  auditAnnotations: [{ key: 'high-replica-count', valueExpression: "'replicas: ' + string(object.spec.replicas)" }],
};

export const policyCases: readonly ObjectCase[] = [
  { what: 'a pasted ValidatingAdmissionPolicy spec', object: object('Policy', pastedSpec) },
  {
    what: 'a policy of audit annotations alone',
    object: policy({ validations: [], auditAnnotations: [{ key: 'k', valueExpression: "'v'" }] }),
  },
  {
    what: 'a policy with every field of ours',
    object: policy(
      {
        expires: '2027-03-01T00:00:00Z',
        title: 'Agent images are pinned by digest',
        description: 'why',
        category: 'supply-chain',
        severity: 'high',
        controls: [{ framework: 'nist-800-53', id: 'CM-14', relation: 'supports' }],
        enforcement: 'Deny',
        workloads: ['Agent', 'PodBearing'],
        params: {
          schema: { type: 'object', properties: { max: { type: 'integer' } } },
          defaults: { max: 3, deep: { list: [1, 'a', null] } },
        },
        validations: [{ ...validation, messages: { es: 'no x', 'pt-BR': 'sem x' } }],
        jsonSchema: { type: 'object', required: ['spec'] },
      },
      { signature: { document: 'apiVersion: writ.dev/v1alpha1\n', bundles: ['{}'] } },
    ),
  },
  { what: 'a policy by workloads', object: policy({ matchConstraints: undefined, workloads: ['Agent'] }) },
  { what: 'version 0', object: policy({ version: 0 }), wrong: { at: '/spec/version', keyword: 'minimum', field: 'spec.version' } },
  {
    what: 'a version that is no whole number',
    object: policy({ version: 1.5 }),
    wrong: { at: '/spec/version', keyword: 'type', field: 'spec.version' },
  },
  { what: 'a version as text', object: policy({ version: '3' }), wrong: { at: '/spec/version', keyword: 'type', field: 'spec.version' } },
  {
    what: 'an expiry that is no time',
    object: policy({ expires: 'tomorrow' }),
    wrong: { at: '/spec/expires', keyword: 'format', field: 'spec.expires' },
  },
  {
    what: 'a lower-case enforcement',
    object: policy({ enforcement: 'deny' }),
    wrong: { at: '/spec/enforcement', keyword: 'enum', field: 'spec.enforcement' },
  },
  {
    what: 'an unknown operation',
    object: policy({ matchConstraints: { resourceRules: [{ ...rule, operations: ['PATCH'] }] } }),
    wrong: {
      at: '/spec/matchConstraints/resourceRules/0/operations/0',
      keyword: 'enum',
      field: 'spec.matchConstraints.resourceRules[0].operations[0]',
    },
  },
  {
    what: 'a validation without expression',
    object: policy({ validations: [{ message: 'x' }] }),
    wrong: { at: '/spec/validations/0', keyword: 'required', field: 'spec.validations[0].expression' },
  },
  {
    what: 'an unknown reason',
    object: policy({ validations: [validation, { ...validation, reason: 'Nope' }] }),
    wrong: { at: '/spec/validations/1/reason', keyword: 'enum', field: 'spec.validations[1].reason' },
  },
  {
    what: 'one match condition twice',
    object: policy({
      matchConditions: [
        { name: 'a', expression: 'true' },
        { name: 'a', expression: 'false' },
      ],
    }),
    wrong: { at: '/spec/matchConditions', keyword: 'x-kubernetes-list-type', field: 'spec.matchConditions[1]' },
  },
  {
    what: 'one workload shorthand twice',
    object: policy({ workloads: ['Agent', 'Agent'] }),
    wrong: { at: '/spec/workloads', keyword: 'x-kubernetes-list-type', field: 'spec.workloads[1]' },
  },
  {
    what: 'a misspelt field of a validation',
    object: policy({ validations: [{ ...validation, mesage: 'x' }] }),
    wrong: { at: '/spec/validations/0', keyword: 'additionalProperties', field: 'spec.validations[0].mesage' },
  },
  {
    what: 'a field named constructor',
    object: policy({ constructor: 1 }),
    wrong: { at: '/spec', keyword: 'additionalProperties', field: 'spec.constructor' },
  },
  { what: 'a list as spec', object: object('Policy', []), wrong: { at: '/spec', keyword: 'type', field: 'spec' } },
  {
    what: 'a signature without document',
    object: policy({}, { signature: { bundles: ['{}'] } }),
    wrong: { at: '/signature', keyword: 'required', field: 'signature.document' },
  },
  {
    what: 'nine bundles',
    object: policy({}, { signature: { document: 'x', bundles: Array.from({ length: 9 }, () => '{}') } }),
    wrong: { at: '/signature/bundles', keyword: 'maxItems', field: 'signature.bundles' },
  },
  {
    what: 'a bundle that is too long',
    object: policy({}, { signature: { document: 'x', bundles: ['x'.repeat(65537)] } }),
    wrong: { at: '/signature/bundles/0', keyword: 'maxLength', field: 'signature.bundles[0]' },
  },
  { what: 'a retired policy, which holds nothing', object: object('Policy', { version: 4, retired: true }) },
  {
    what: 'not retired, and nothing to hold',
    object: object('Policy', { version: 4, retired: false, workloads: ['Agent'] }),
    rule: 'one of validations, jsonSchema and auditAnnotations',
  },
  { what: 'one that breaks glass', object: breakGlass() },
  { what: 'one that breaks glass under another name', object: breakGlass({}, 'pinned'), rule: 'the name break-glass' },
  {
    what: 'a rule under the name of break-glass',
    object: policy({}, { metadata: { name: 'break-glass-1' } }),
    rule: 'the name break-glass',
  },
  { what: 'a retired one of that name', object: object('Policy', { version: 4, retired: true }, { metadata: { name: 'break-glass-1' } }) },
  { what: 'one that breaks glass without an end', object: breakGlass({ expires: undefined }), rule: 'expires at most 24h after' },
  {
    what: 'one that breaks glass for too long',
    object: breakGlass({ expires: '2026-11-23T12:00:01Z' }),
    rule: 'expires at most 24h after',
  },
  { what: 'one that breaks glass backwards', object: breakGlass({ expires: '2026-11-22T12:00:00Z' }), rule: 'expires at most 24h after' },
  { what: 'one that breaks glass and has a rule', object: breakGlass({ workloads: ['Agent'] }), rule: 'has no rule of its own' },
  { what: 'one that breaks glass, retired', object: breakGlass({ retired: true }), rule: 'has no rule of its own' },
  { what: 'a grace period', object: policy({ expires: '2027-03-01T00:00:00Z', gracePeriod: '72h' }) },
  { what: 'a grace period of nothing', object: policy({ gracePeriod: '72h' }), rule: 'gracePeriod needs expires' },
  {
    what: 'a grace period that is longer than a month',
    object: policy({ expires: '2027-03-01T00:00:00Z', gracePeriod: '721h' }),
    rule: 'gracePeriod must be at most 720h',
  },
  {
    what: 'a grace period that is no duration',
    object: policy({ expires: '2027-03-01T00:00:00Z', gracePeriod: '3 days' }),
    wrong: { at: '/spec/gracePeriod', keyword: 'pattern', field: 'spec.gracePeriod' },
  },
  { what: 'nothing to hold', object: policy({ validations: undefined }), rule: 'one of validations, jsonSchema and auditAnnotations' },
  { what: 'nothing to match', object: policy({ matchConstraints: undefined }), rule: 'one of matchConstraints and workloads' },
];
