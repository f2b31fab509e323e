// SPDX-License-Identifier: Apache-2.0
// The tenant of the namespace that a request is about. The API server asks only about namespaces that carry the label, so one
// that the cache holds without it, or not at all, was made or labelled a moment ago and is waited for.
import type { AdmissionRequest, JsonObject } from '../../policies/decide/request.ts';
import type { Problem } from '../../policies/problem.ts';
import { isObject, scopeOf, tenantNameOf } from '../admission/governed.ts';
import type { NamespaceCache } from '../admission/namespaces.ts';

export type FoundTenant =
  | { readonly kind: 'tenant'; readonly tenant: string }
  /** None of a tenant's business. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'unknown'; readonly problem: Problem };

export type NamespaceTenant = (request: AdmissionRequest) => FoundTenant | Promise<FoundTenant>;

const nobody: FoundTenant = { kind: 'nobody' };

const found = (tenant: string | undefined): FoundTenant => (tenant === undefined || tenant === '' ? nobody : { kind: 'tenant', tenant });

export const createNamespaceTenant =
  (options: { readonly namespaces: NamespaceCache; readonly systemNamespace: string; readonly timeoutMs: number }): NamespaceTenant =>
  (request) => {
    const { namespaces, systemNamespace, timeoutMs } = options;
    const scope = scopeOf(request, systemNamespace);
    if (scope.kind === 'exempt' || scope.kind === 'own') return nobody;
    if (scope.kind === 'namespace') {
      // Whose it was says whose it is: what the label becomes is not the tenant's to say.
      const object = isObject(request.oldObject) ? request.oldObject : request.object;
      return found(tenantNameOf(object));
    }
    const { namespace } = scope;
    const known = tenantNameOf(namespaces.get(namespace));
    if (known !== undefined) return found(known);
    const accept = (object: JsonObject): boolean => tenantNameOf(object) !== undefined;
    return namespaces.arrival(namespace, { timeoutMs, accept }).then((object): FoundTenant => {
      if (object !== undefined) return found(tenantNameOf(object));
      const message = `namespace ${namespace} did not reach this replica with its tenant label within ${timeoutMs} ms`;
      return { kind: 'unknown', problem: { code: 'NAMESPACE_UNKNOWN', message } };
    });
  };
