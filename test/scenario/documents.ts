// SPDX-License-Identifier: Apache-2.0
// Small policies, rulesets and tenants as text, so that what a test is about can be read in it.
import { createHash } from 'node:crypto';

export type PolicyText = {
  readonly name: string;
  readonly version?: number;
  /** What every workload must satisfy. */
  readonly expression: string;
  readonly message: string;
  readonly enforcement?: 'Deny' | 'Warn' | 'Audit';
  /** A core resource such as `configmaps` instead of every kind that carries pods. */
  readonly resource?: string;
};

export const policyText = (policy: PolicyText): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata:
  name: ${policy.name}
spec:
  version: ${policy.version ?? 1}
  enforcement: ${policy.enforcement ?? 'Deny'}
${policy.resource === undefined ? '  workloads: [PodBearing]' : matching(policy.resource)}
  validations:
  - expression: ${policy.expression}
    message: ${policy.message}
`;

const matching = (resource: string): string => `  matchConstraints:
    resourceRules:
    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [${resource}]`;

export type RulesetText = {
  readonly name: string;
  readonly version: number;
  readonly release: string;
  readonly requires?: string;
  readonly members: readonly PolicyText[];
};

/** The files of a release, scope Tenants: its document, which seals the others. */
export const releaseFiles = ({ name, version, release, requires, members }: RulesetText): Record<string, string> => {
  const files = members.map((member) => ({ path: `policies/${member.name}.yaml`, text: policyText(member) }));
  const entries = files.map(({ path, text }) => `  - {path: ${path}, sha256: "${createHash('sha256').update(text).digest('hex')}"}\n`);
  return {
    [`rulesets/${name}/ruleset.yaml`]: `apiVersion: writ.dev/v1alpha1
kind: Ruleset
metadata:
  name: ${name}
spec:
  version: ${version}
  release: ${release}
  scope: Tenants
${requires === undefined ? '' : `  requires: ${requires}\n`}  policies:
${entries.join('')}`,
    ...Object.fromEntries(files.map(({ path, text }) => [`rulesets/${name}/${path}`, text])),
  };
};

/** `more`: lines of spec. */
export const tenantText = (name: string, namespaces: readonly string[], more = ''): string => `apiVersion: writ.dev/v1alpha1
kind: Tenant
metadata:
  name: ${name}
spec:
  namespaces:
    items:
${namespaces.map((namespace) => `    - name: ${namespace}\n`).join('')}${more}`;

/** The two policies that most scenarios run under; each speaks for itself in a denial. */
export const pinned = policyText({
  name: 'pinned',
  expression: workloads('!has(c.image) || c.image.contains("@sha256:")'),
  message: 'pin every image by digest',
});
export const bounded = policyText({
  name: 'bounded',
  expression: workloads('c.?resources.?limits.?memory.hasValue()'),
  message: 'set a memory limit',
});

function workloads(condition: string): string {
  return `workload.containers.all(c, ${condition})`;
}
