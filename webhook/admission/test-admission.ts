// SPDX-License-Identifier: Apache-2.0
// For tests of admission: policies, namespaces, and a review by them.
import assert from 'node:assert/strict';
import type { Policy } from '../../crds/generated/objects.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { JsonObject } from '../../policies/decide/request.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import type { EnforcedSet } from '../policyset/enforced.ts';
import { handleReview } from './index.ts';
import type { ReviewDeps, Reviewed } from './index.ts';
import { createNamespaceCache } from './namespaces.ts';

type Spec = Policy['spec'];
export const POD_RULES: NonNullable<Spec['matchConstraints']> = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods', 'namespaces'], operations: ['*'] }],
};

export const policy = (name: string, spec: Spec): Policy => ({ apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name }, spec });
export const setOf = (...policies: Policy[]): EnforcedSet => {
  const { set, refused } = compilePolicies(policies.map((one) => ({ policy: one, digest: `sha256:${one.metadata.name}` })));
  assert.deepEqual(refused, []);
  return {
    closed: undefined,
    set,
    trustDigest: 'sha256:trust',
    revisions: { 'writ-system/policies': 'main@sha1:1' },
    signers: new Map(policies.map((one) => [one.metadata.name ?? '', ['ci']])),
    expired: [],
    flippedAtMs: 0,
  };
};

export const noLatest = policy('no-latest', {
  version: 3,
  matchConstraints: POD_RULES,
  validations: [{ expression: "!object.spec.containers.exists(c, c.image.endsWith(':latest'))", message: 'pin the image' }],
});
export const warnName = policy('warn-name', {
  version: 1,
  enforcement: 'Warn',
  matchConstraints: POD_RULES,
  validations: [{ expression: "object.metadata.name != 'odd'", message: 'an odd name' }],
  auditAnnotations: [{ key: 'who', valueExpression: "'by ' + request.userInfo.username" }],
});

const namespaces: Record<string, JsonObject> = {
  team: { metadata: { name: 'team', labels: { 'writ.dev/tenant': 'acme' } } },
  open: { metadata: { name: 'open', labels: {} } },
  'writ-system': { metadata: { name: 'writ-system', labels: { 'writ.dev/tenant': 'acme' } } },
  'kube-system': { metadata: { name: 'kube-system', labels: { 'writ.dev/tenant': 'acme' } } },
};

export const depsFor = (enforced: EnforcedSet, more: Partial<ReviewDeps> = {}): ReviewDeps => ({
  enforced: () => enforced,
  namespaces: createNamespaceCache(
    { get: (name) => (Object.hasOwn(namespaces, name) ? namespaces[name] : undefined), onArrival: () => undefined },
    fakeClock(),
  ),
  tenantOf: () => undefined,
  systemNamespace: 'writ-system',
  namespaceWaitMs: 1000,
  clock: fakeClock(),
  ...more,
});

export type Response = {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  /** Of a problem. */
  readonly code?: string;
};

export const review = async (text: string, deps: ReviewDeps): Promise<Reviewed & { readonly response: Response }> => {
  const reviewed = await handleReview(text, deps);
  return { ...reviewed, response: reviewed.status === 200 ? JSON.parse(reviewed.body).response : JSON.parse(reviewed.body) };
};
