// SPDX-License-Identifier: Apache-2.0
// A policy and a request, for the tests of this folder. The policies demand nothing, so that only matching counts.
import type { PolicySpec, ResourceRule } from '../../crds/generated/objects.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import type { CompileInput } from './index.ts';

export const input = (name: string, spec: Partial<PolicySpec>, digest = `sha256:${name}`): CompileInput => ({
  policy: { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name }, spec: { jsonSchema: {}, ...spec } },
  digest,
  positionOf: (path) => ({ file: `${name}.yaml`, line: path.length, column: 1 }),
});

export const rule = (fields: Partial<ResourceRule>): ResourceRule => ({
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['*'],
  resources: ['pods'],
  ...fields,
});
export const withRule = (fields: Partial<ResourceRule>): Partial<PolicySpec> => ({ matchConstraints: { resourceRules: [rule(fields)] } });

export const request = (fields: Partial<AdmissionRequest>): AdmissionRequest => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  subResource: '',
  requestKind: undefined,
  requestResource: undefined,
  requestSubResource: '',
  name: 'web',
  namespace: 'ns',
  operation: 'CREATE',
  userInfo: { username: '', uid: '', groups: [], extra: {} },
  object: { metadata: { name: 'web' } },
  oldObject: null,
  options: null,
  dryRun: false,
  ...fields,
});
