// SPDX-License-Identifier: Apache-2.0
// Whom Writ governs (law 5): what is in a namespace that carries the tenant label, such a Namespace itself, and Writ's own
// kinds; never the namespaces that a cluster needs to recover. The webhook configuration says the same to the API server;
// this holds even when that was widened by someone else. What the operator itself writes of Writ's kinds is not asked
// about: a policy about them would keep out the very process that could take it away.
import { GROUP, NEVER_GOVERNED, OPERATOR_SERVICE_ACCOUNT, TENANT_LABEL } from '../../crds/kinds.ts';
import type { AdmissionRequest, JsonObject } from '../../policies/decide/request.ts';

export type Scope =
  | { readonly kind: 'exempt' }
  /** A request inside a namespace, governed if that namespace carries the tenant label. */
  | { readonly kind: 'inside'; readonly namespace: string }
  /** A Namespace itself, governed by its own label. */
  | { readonly kind: 'namespace' }
  /** An object of our own kinds, which lies in no namespace. */
  | { readonly kind: 'own' };

const isCore = (namespace: string): boolean => NEVER_GOVERNED.includes(namespace);

export const isOperator = (request: AdmissionRequest, systemNamespace: string): boolean =>
  request.userInfo.username === `system:serviceaccount:${systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}`;

export const scopeOf = (request: AdmissionRequest, systemNamespace: string): Scope => {
  const { namespace, resource } = request;
  if (namespace === systemNamespace || isCore(namespace)) return { kind: 'exempt' };
  if (resource.group === GROUP && isOperator(request, systemNamespace)) return { kind: 'exempt' };
  if (resource.group === '' && resource.resource === 'namespaces') {
    return request.name === systemNamespace || isCore(request.name) ? { kind: 'exempt' } : { kind: 'namespace' };
  }
  if (namespace !== '') return { kind: 'inside', namespace };
  return resource.group === GROUP ? { kind: 'own' } : { kind: 'exempt' };
};

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An own property of a JSON object; a hostile `constructor` finds nothing. */
const member = (value: unknown, key: string): unknown => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined);

/** What a Namespace's tenant label says, also nothing at all (`''`: governed, and nobody's); `undefined` without the label. */
export const tenantNameOf = (namespace: unknown): string | undefined => {
  const name = member(member(member(namespace, 'metadata'), 'labels'), TENANT_LABEL);
  return typeof name === 'string' ? name : undefined;
};
