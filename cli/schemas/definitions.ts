// SPDX-License-Identifier: Apache-2.0
// A CustomResourceDefinition → the types of its served versions, by the rules of structural schemas (KEP-2876).
import { celTypes } from '../../policies/cel/index.ts';
import type { Type } from '../../policies/cel/index.ts';
import type { KnownKind } from '../../policies/compile/type-findings.ts';
import { isJsonObject, own, valueAt } from '../../policies/document/json.ts';
import type { JsonObject, JsonValue } from '../../policies/document/json.ts';
import { fieldsOf } from './fields.ts';
import { metadataType } from './kubernetes.ts';

const { BOOL, BYTES, DOUBLE, DURATION, DYN, INT, STRING, TIMESTAMP, listOf, mapOf } = celTypes;

const MAX_DEPTH = 100;

const textType = (format: JsonValue | undefined): Type => {
  if (format === 'byte') return BYTES;
  if (format === 'duration') return DURATION;
  return format === 'date' || format === 'date-time' ? TIMESTAMP : STRING;
};

type Place = { readonly name: string; readonly depth: number; readonly isRoot: boolean };

const objectType = (schema: JsonObject, { name, depth, isRoot }: Place): Type | undefined => {
  const additional = own(schema, 'additionalProperties');
  if (isJsonObject(additional)) {
    const value = schemaType(additional, { name: `${name}.@elem`, depth: depth + 1, isRoot: isEmbedded(additional) });
    return value === undefined ? undefined : mapOf(STRING, value);
  }
  const properties = own(schema, 'properties');
  const fields = Object.entries(isJsonObject(properties) ? properties : {}).map(([field, part]): readonly [string, Type | undefined] => [
    field,
    isJsonObject(part) ? schemaType(part, { name: `${name}.${field}`, depth: depth + 1, isRoot: isEmbedded(part) }) : undefined,
  ]);
  const always: readonly (readonly [string, Type])[] = isRoot
    ? [
        ['apiVersion', STRING],
        ['kind', STRING],
        ['metadata', metadataType(`${name}.metadata`)],
      ]
    : [];
  return fieldsOf(name, [...fields, ...always]);
};

const isEmbedded = (schema: JsonObject): boolean => own(schema, 'x-kubernetes-embedded-resource') === true;

const schemaType = (schema: JsonObject, place: Place): Type | undefined => {
  if (place.depth > MAX_DEPTH) return undefined;
  if (own(schema, 'x-kubernetes-int-or-string') === true) return DYN;
  const items = own(schema, 'items');
  const type = own(schema, 'type');
  switch (typeof type === 'string' ? type : '') {
    case 'array': {
      const element = isJsonObject(items)
        ? schemaType(items, { name: `${place.name}.@idx`, depth: place.depth + 1, isRoot: isEmbedded(items) })
        : undefined;
      return element === undefined ? undefined : listOf(element);
    }
    case 'object':
      return objectType(schema, place);
    case 'string':
      return textType(own(schema, 'format'));
    case 'boolean':
      return BOOL;
    case 'number':
      return DOUBLE;
    case 'integer':
      return INT;
    default:
      return undefined;
  }
};

const text = (object: JsonObject, path: readonly string[]): string => {
  const value = valueAt(object, path);
  return typeof value === 'string' ? value : '';
};

export type DefinedKind = KnownKind & { readonly plural: string };

export const definedKinds = (definition: JsonObject): readonly DefinedKind[] => {
  const versions = valueAt(definition, ['spec', 'versions']);
  const [group, kind, plural] = [
    text(definition, ['spec', 'group']),
    text(definition, ['spec', 'names', 'kind']),
    text(definition, ['spec', 'names', 'plural']),
  ];
  return (Array.isArray(versions) ? versions.filter(isJsonObject) : []).flatMap((one): readonly DefinedKind[] => {
    const schema = valueAt(one, ['schema', 'openAPIV3Schema']);
    const version = text(one, ['name']);
    if (own(one, 'served') === false || !isJsonObject(schema) || kind === '' || version === '') return [];
    return [{ group, version, kind, plural, type: () => schemaType(schema, { name: kind, depth: 0, isRoot: true }) }];
  });
};
