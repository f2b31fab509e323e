// SPDX-License-Identifier: Apache-2.0
/**
 * The types of objects, by which `writ lint` checks expressions: kinds of Kubernetes from a table made of its OpenAPI, others
 * from CustomResourceDefinitions.
 *
 * In: the definitions that a person gave. Out: what `policies/compile/type-findings.ts` asks for. Names of types are paths, as
 * the API server makes them, so two fields of one model are of two types; what has no schema is no field.
 */
import type { KnownTypes } from '../../policies/compile/type-findings.ts';
import type { JsonObject } from '../../policies/document/json.ts';
import { definedKinds } from './definitions.ts';
import { builtInKind, builtInKinds } from './kubernetes.ts';

export const knownTypes = (definitions: readonly JsonObject[]): KnownTypes => {
  const defined = definitions.flatMap(definedKinds);
  return {
    kindsOf: ({ group, version, plural }) => {
      const found = [...builtInKinds(version, plural), ...defined.filter((one) => one.plural === plural && one.version === version)];
      // The API server's mapping takes an empty group for any.
      return group === '' ? found : found.filter((one) => one.group === group);
    },
    kind: (wanted) =>
      builtInKind(wanted) ??
      defined.find(({ group, version, kind }) => group === wanted.group && version === wanted.version && kind === wanted.kind),
  };
};
