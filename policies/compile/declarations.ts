// SPDX-License-Identifier: Apache-2.0
// What expressions of a policy may use, with types: those that ValidatingAdmissionPolicy declares, and our own.
import { createHash } from 'node:crypto';
import { celTypes as cel } from '../cel/index.ts';
import type { Type } from '../cel/index.ts';

export type Declarations = Readonly<Record<string, Type>>;

const { BOOL, DYN, INT, STRING, TIMESTAMP, listOf, mapOf, opaque, structOf } = cel;
const STRINGS = listOf(STRING);
const TEXTS = mapOf(STRING, STRING);

const KIND = structOf('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const RESOURCE = structOf('kubernetes.GroupVersionResource', { group: STRING, version: STRING, resource: STRING });

/** It has neither object nor oldObject (these are variables), and no uid. */
const requestType = structOf('kubernetes.AdmissionRequest', {
  kind: KIND,
  resource: RESOURCE,
  subResource: STRING,
  requestKind: KIND,
  requestResource: RESOURCE,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo: structOf('kubernetes.UserInfo', { username: STRING, uid: STRING, groups: STRINGS, extra: mapOf(STRING, STRINGS) }),
  dryRun: BOOL,
  options: DYN,
});

/** `UID` is written so in Kubernetes' own declaration. */
const namespaceType = structOf('kubernetes.Namespace', {
  metadata: structOf('kubernetes.NamespaceMetadata', {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: TEXTS,
    annotations: TEXTS,
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP,
    generation: INT,
    resourceVersion: STRING,
    finalizers: STRINGS,
  }),
  spec: structOf('kubernetes.NamespaceSpec', { finalizers: STRINGS }),
  status: structOf('kubernetes.NamespaceStatus', {
    conditions: listOf(
      structOf('kubernetes.NamespaceCondition', {
        status: STRING,
        type: STRING,
        lastTransitionTime: TIMESTAMP,
        message: STRING,
        reason: STRING,
      }),
    ),
    phase: STRING,
  }),
});

/** The fields of `policies/subject`; parts of pods are as strangers wrote them, so they are dyn. */
const workloadFields = {
  kind: STRING,
  group: STRING,
  name: STRING,
  namespace: STRING,
  podSpec: DYN,
  podSpecs: listOf(DYN),
  containers: listOf(DYN),
  images: STRINGS,
  env: listOf(DYN),
  labels: TEXTS,
  annotations: TEXTS,
};
const workloadType = structOf('writ.Workload', workloadFields);

const fieldOf = (type: Type | undefined, name: string): Type | undefined => (type?.kind === 'struct' ? type.fields.get(name) : undefined);
const elementOf = (type: Type | undefined): Type => (type?.kind === 'list' ? type.element : DYN);
const fieldsOf = (type: Type): readonly (readonly [string, Type])[] => (type.kind === 'struct' ? [...type.fields] : []);

/** The workload that a pod of this type has: containers of all sorts are in one list. For warnings only. */
export const workloadOfPod = (pod: Type): Type => {
  const spec = fieldOf(pod, 'spec') ?? DYN;
  const container = elementOf(fieldOf(spec, 'containers'));
  const ephemeral = elementOf(fieldOf(spec, 'ephemeralContainers'));
  const fields = Object.fromEntries([...fieldsOf(ephemeral), ...fieldsOf(container)]);
  return structOf('writ.Workload', {
    ...workloadFields,
    podSpec: spec,
    podSpecs: listOf(spec),
    containers: listOf(container.kind === 'struct' ? structOf(container.name, fields) : DYN),
    env: listOf(elementOf(fieldOf(container, 'env'))),
  });
};

const agentType = structOf('writ.Agent', {
  isAgent: BOOL,
  evidence: STRING,
  role: STRING,
  model: STRING,
  modelConfig: STRING,
  provider: STRING,
  tools: listOf(DYN),
  mcpServers: STRINGS,
  egress: STRINGS,
  budget: DYN,
  owner: STRING,
  purpose: STRING,
  riskTier: STRING,
  dataClass: STRING,
  oversight: STRING,
  overseer: STRING,
  regions: STRINGS,
  legalBasis: STRING,
  reviewBy: STRING,
  changeId: STRING,
  breakGlass: STRING,
  facts: TEXTS,
});

/** What a ValidatingAdmissionPolicy may use. */
export const kubernetesDeclarations: Declarations = { object: DYN, oldObject: DYN, request: requestType, namespaceObject: namespaceType };

/** Ours on top. The tenant is dyn: its fields are those of the Tenant's spec, whatever version wrote it. */
export const baseDeclarations: Declarations = {
  ...kubernetesDeclarations,
  workload: workloadType,
  agent: agentType,
  tenant: DYN,
};

export const withParams = (declarations: Declarations): Declarations => ({ ...declarations, params: DYN });

/** Whoever asks the authorizer is the user of the request; `requestResource` is the resource of the request. */
export const withAuthorizer = (declarations: Declarations): Declarations => ({
  ...declarations,
  authorizer: opaque('kubernetes.authorization.Authorizer'),
  'authorizer.requestResource': opaque('kubernetes.authorization.ResourceCheck'),
});

const signatures = new WeakMap<Declarations, string>();

/** A text that tells declarations apart, for keeping what was compiled with them. */
export const signatureOf = (declarations: Declarations): string => {
  const known = signatures.get(declarations);
  if (known !== undefined) return known;
  const text = JSON.stringify(declarations, (_key, value: unknown) => (value instanceof Map ? [...value] : value));
  const signature = createHash('sha256').update(text).digest('base64');
  signatures.set(declarations, signature);
  return signature;
};

/** `variables` with those declared so far, of two of one name the later. A policy that declares none has no `variables` at all. */
export const withVariables = (declarations: Declarations, variables: ReadonlyMap<string, Type>): Declarations => ({
  ...declarations,
  variables: structOf('kubernetes.variables', Object.fromEntries(variables)),
});
