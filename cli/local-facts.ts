// SPDX-License-Identifier: Apache-2.0
// What a cluster knows besides the object: namespaces and tenants, from documents, else as they usually are.
import { governedNamespace, plainTenant, subscribable } from '../policies/cases/run.ts';
import { isJsonObject, valueAt } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import type { PolicyFiles } from './policy-files.ts';

/** The facts that a cluster would give, from the documents and defaults. */
export const localFacts = (files: Pick<PolicyFiles, 'namespaces' | 'set' | 'tenants'>, tenant: string) => {
  const namespaces = new Map(files.namespaces.map((object) => [valueAt(object, ['metadata', 'name']), object]));
  const tenants = new Map(files.tenants.map((object) => [object.metadata.name, object]));
  const rulesets = subscribable(files.set);
  return {
    namespace: (name: string): JsonObject => namespaces.get(name) ?? governedNamespace(name, tenant),
    tenant: (name: string): JsonObject => {
      const known: unknown = tenants.get(name);
      return isJsonObject(known) ? known : plainTenant(name, rulesets);
    },
  };
};
