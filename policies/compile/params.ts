// SPDX-License-Identifier: Apache-2.0
// The objects that a binding gives to a policy as `params`, chosen as the API server chooses them
// (k8s.io/apiserver, admission/plugin/policy/generic): by name or selector, in the namespace of the reference or of the request.
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { fromJson } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';
import { ownMap, ownText } from '../subject/paths.ts';
import type { ParamChoice } from './policy-set.ts';
import { labelsOf, selects } from './selector.ts';
import type { Labels, Selector } from './selector.ts';

/** A kind that a CustomResourceDefinition among the documents describes. */
export type DescribedKind = { readonly group: string; readonly kind: string; readonly plural: string; readonly namespaced: boolean };

export const paramKindOf = (spec: PolicySpec): { readonly group: string; readonly kind: string } | undefined => {
  if (spec.paramKind === undefined) return undefined;
  const { apiVersion, kind } = spec.paramKind;
  return { group: apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '', kind };
};

export type ParamRef = {
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  /** Where there is no name; undefined selects everything. */
  readonly selector: Selector | undefined;
  readonly notFound: 'Allow' | 'Deny';
};

type Param = { readonly name: string; readonly labels: Labels; readonly value: Value };

/** Where an object of a namespaced kind is put when it names no namespace. */
export const DEFAULT_NAMESPACE = 'default';

const BY_NAMESPACED_REFERENCE = 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources';
const BY_CLUSTER_REFERENCE = 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`';
const NONE_FOUND = 'no params found for policy binding with `Deny` parameterNotFoundAction';

export type ParamObjects = { readonly objects: readonly unknown[]; readonly namespaced: boolean };

/** Namespace ('' where the kind has none) → objects in the order of their names. */
const shelve = ({ objects, namespaced }: ParamObjects): ReadonlyMap<string, readonly Param[]> => {
  const shelves = new Map<string, Param[]>();
  for (const object of objects) {
    const value = fromJson(object);
    const metadata = ownMap(value, 'metadata');
    const namespace = namespaced ? ownText(metadata, 'namespace') || DEFAULT_NAMESPACE : '';
    const shelf = shelves.get(namespace) ?? [];
    shelves.set(namespace, shelf);
    shelf.push({ name: ownText(metadata, 'name') ?? '', labels: labelsOf(value), value });
  }
  for (const shelf of shelves.values()) shelf.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return shelves;
};

export const paramChooser = (reference: ParamRef, held: ParamObjects): ((requestNamespace: string) => ParamChoice) => {
  const shelves = shelve(held);
  const { name, selector } = reference;
  return (requestNamespace) => {
    const namespace = held.namespaced ? (reference.namespace ?? requestNamespace) : '';
    if (held.namespaced && namespace === '') return { ok: false, message: BY_NAMESPACED_REFERENCE };
    if (!held.namespaced && reference.namespace !== undefined) return { ok: false, message: BY_CLUSTER_REFERENCE };
    const shelf = shelves.get(namespace) ?? [];
    const found = shelf.filter((param) =>
      name === undefined ? selector === undefined || selects(selector, param.labels) : param.name === name,
    );
    if (found.length === 0 && reference.notFound === 'Deny') return { ok: false, message: NONE_FOUND };
    return { ok: true, params: found.map(({ value }) => value) };
  };
};
