// SPDX-License-Identifier: Apache-2.0
// The least that is true of every Kubernetes object as it is on the wire: JSON, timestamps as strings. Deserialising into
// model classes doubles the time of a list and makes listed and watched objects differ in shape.
import type { Resource } from '../crds/kinds.ts';

export type ManagedFields = {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly time?: string;
  readonly fieldsV1?: { readonly [path: string]: unknown };
};

export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

export type ObjectMeta = {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFields[];
};

export type KubeObject = { readonly apiVersion?: string; readonly kind?: string; readonly metadata: ObjectMeta };

/** Names one object of a resource; `namespace` is left out for cluster-scoped ones. */
export type ObjectRef = { readonly name: string; readonly namespace?: string | undefined };

/** `namespace/name`, or `name` for a cluster-scoped object: the key of informers and queues. */
export const keyOf = (object: { readonly metadata: ObjectRef }): string => keyOfRef(object.metadata);

export const keyOfRef = (ref: ObjectRef): string =>
  ref.namespace === undefined || ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;

export const refOfKey = (key: string): ObjectRef => {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};

/** The path of a collection or an object. Every part is escaped, so that no name can leave its place in the path. */
export const pathOf = (
  resource: Resource,
  target: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string | undefined } = {},
): string => {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope =
    resource.namespaced && target.namespace !== undefined && target.namespace !== '' ? `/namespaces/${pathSegment(target.namespace)}` : '';
  const object = target.name === undefined ? '' : `/${pathSegment(target.name)}`;
  const sub = target.subresource === undefined ? '' : `/${target.subresource}`;
  return `${root}${scope}/${resource.plural}${object}${sub}`;
};

// encodeURIComponent leaves dots alone, and `.` or `..` as a segment would be folded away on the way to the server.
const pathSegment = (value: string): string => {
  if (value === '' || value === '.' || value === '..') throw new TypeError(`"${value}" cannot name an object`);
  return encodeURIComponent(value);
};
