// SPDX-License-Identifier: Apache-2.0
// From a CRD's YAML to a JSON Schema of the whole object as a user writes it: what the API server adds to every schema
// (apiVersion, kind, ObjectMeta) is written out, and an unknown field is an error, as under kubectl's --validate=strict.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { crdKinds } from '../kinds.ts';
import type { Resource } from '../kinds.ts';

export type JsonSchema = { readonly [keyword: string]: unknown };
export type KindSchema = { readonly resource: Resource; readonly schema: JsonSchema };

export const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (value: unknown, key: string): unknown => (isSchema(value) && Object.hasOwn(value, key) ? value[key] : undefined);

/** The schemas under a schema, by the name of the field that leads there; an array's items go by the array's own name. */
export const properties = (schema: JsonSchema): readonly (readonly [string, JsonSchema])[] =>
  Object.entries(own(schema, 'properties') ?? {}).filter((entry): entry is [string, JsonSchema] => isSchema(entry[1]));

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };

/** metav1.ObjectMeta; a closed list, since a misspelt `labels` must not pass in silence. */
const objectMeta = (namespaced: boolean): JsonSchema => ({
  type: 'object',
  description: 'Metadata as every Kubernetes object has it.',
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 253, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' },
    // A cluster-scoped object has none; an empty one is what some tools write.
    namespace: namespaced
      ? { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' }
      : { type: 'string', maxLength: 0 },
    labels: texts,
    annotations: texts,
    generateName: text,
    uid: text,
    resourceVersion: text,
    generation: { type: 'integer' },
    creationTimestamp: { type: 'string', nullable: true },
    deletionTimestamp: { type: 'string', nullable: true },
    deletionGracePeriodSeconds: { type: 'integer' },
    selfLink: text,
    finalizers: { type: 'array', items: text },
    ownerReferences: {
      type: 'array',
      items: {
        type: 'object',
        description: 'The object that owns this one.',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        properties: {
          apiVersion: text,
          kind: text,
          name: text,
          uid: text,
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    managedFields: {
      type: 'array',
      items: {
        type: 'object',
        description: 'Who owns which fields.',
        properties: {
          manager: text,
          operation: text,
          apiVersion: text,
          time: text,
          fieldsType: text,
          fieldsV1: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          subresource: text,
        },
      },
    },
  },
});

/** Closes objects and drops what does not validate; the API server prunes where this refuses. */
const close = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(close);
  if (!isSchema(value)) return value;
  const kept = Object.entries(value).filter(([keyword]) => keyword !== 'default');
  const closed: Record<string, unknown> = Object.fromEntries(kept.map(([keyword, inner]) => [keyword, closeKeyword(keyword, inner)]));
  const open = Object.hasOwn(value, 'additionalProperties') || value['x-kubernetes-preserve-unknown-fields'] === true;
  return Object.hasOwn(value, 'properties') && !open ? { ...closed, additionalProperties: false } : closed;
};

/** Under `properties` the keys are names of fields, where `default` is a name like any other. */
const closeKeyword = (keyword: string, inner: unknown): unknown =>
  keyword === 'properties' && isSchema(inner)
    ? Object.fromEntries(Object.entries(inner).map(([name, field]) => [name, close(field)]))
    : close(inner);

export const crdFile = (resource: Resource): URL => new URL(`../${resource.plural}.yaml`, import.meta.url);

/** The CRD as it stands in its YAML file. */
export const readCrd = (resource: Resource): JsonSchema => {
  const crd: unknown = parse(readFileSync(crdFile(resource), 'utf8'));
  if (!isSchema(crd)) throw new Error(`${resource.plural}.yaml holds no object`);
  return crd;
};

/** The openAPIV3Schema of the one version. */
export const crdSchema = (resource: Resource): JsonSchema => {
  const versions = own(own(readCrd(resource), 'spec'), 'versions');
  const version: unknown = Array.isArray(versions) ? versions[0] : undefined;
  const schema = own(own(version, 'schema'), 'openAPIV3Schema');
  if (own(version, 'name') !== resource.version || !isSchema(schema))
    throw new Error(`${resource.plural}.yaml has no schema of ${resource.version}`);
  return schema;
};

const objectSchema = (resource: Resource): JsonSchema => {
  const schema = crdSchema(resource);
  const required = own(schema, 'required');
  const whole = {
    ...schema,
    required: ['apiVersion', 'kind', 'metadata', ...(Array.isArray(required) ? required : [])],
    properties: {
      ...Object.fromEntries(properties(schema)),
      apiVersion: { type: 'string', enum: [`${resource.group}/${resource.version}`] },
      kind: { type: 'string', enum: [resource.kind] },
      metadata: objectMeta(resource.namespaced),
    },
  };
  const closed = close(whole);
  if (!isSchema(closed)) throw new Error('unreachable: an object closes to an object');
  return closed;
};

export const kindSchemas = (): readonly KindSchema[] => crdKinds.map((resource) => ({ resource, schema: objectSchema(resource) }));
