// SPDX-License-Identifier: Apache-2.0
// What is wrong with a field, in the words of k8s.io/apimachinery (util/validation/field), and ways to read fields of any JSON.
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import type { FieldPath } from './expression.ts';

export type FieldFinding = { readonly path: FieldPath; readonly message: string };

const quoted = (value: unknown): string => JSON.stringify(value);
export const required = (path: FieldPath, detail = ''): FieldFinding => ({
  path,
  message: `Required value${detail === '' ? '' : `: ${detail}`}`,
});
export const invalid = (path: FieldPath, value: unknown, detail: string): FieldFinding => ({
  path,
  message: `Invalid value: ${quoted(value)}: ${detail}`,
});
const duplicate = (path: FieldPath, value: string): FieldFinding => ({ path, message: `Duplicate value: ${quoted(value)}` });
export const forbidden = (path: FieldPath, detail: string): FieldFinding => ({ path, message: `Forbidden: ${detail}` });

/** Values that the API server knows, in the order in which it tells them. */
export const notSupported = (path: FieldPath, value: string, supported: readonly string[]): readonly FieldFinding[] =>
  supported.includes(value)
    ? []
    : [{ path, message: `Unsupported value: ${quoted(value)}: supported values: ${supported.map(quoted).join(', ')}` }];

export const at = (object: JsonObject, field: string): JsonValue | undefined => own(object, field) ?? undefined;
export const textAt = (object: JsonObject, field: string): string => {
  const value = own(object, field);
  return typeof value === 'string' ? value : '';
};
export const listAt = (object: JsonObject, field: string): readonly JsonValue[] => {
  const value = own(object, field);
  return Array.isArray(value) ? value : [];
};
export const textsAt = (object: JsonObject, field: string): readonly string[] =>
  listAt(object, field).filter((one) => typeof one === 'string');
export const objectsAt = (object: JsonObject, field: string): readonly (readonly [index: number, JsonObject])[] =>
  listAt(object, field).flatMap((one, index) => (isJsonObject(one) ? [[index, one] as const] : []));

/** Each value once; of two the second is told. */
export const repeated = (values: readonly string[], pathOf: (index: number) => FieldPath): readonly FieldFinding[] =>
  values.flatMap((value, index) => (value !== '' && values.indexOf(value) < index ? [duplicate(pathOf(index), value)] : []));
