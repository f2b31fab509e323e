// SPDX-License-Identifier: Apache-2.0

/** A static type. `param` stands for a type parameter inside a signature. */
export type Type =
  | { readonly kind: 'dyn' | 'bool' | 'bytes' | 'double' | 'duration' | 'int' | 'null' | 'string' | 'timestamp' | 'uint' | 'error' }
  | { readonly kind: 'list'; readonly element: Type }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type }
  | { readonly kind: 'optional'; readonly element: Type }
  | { readonly kind: 'type'; readonly of: Type | undefined }
  | { readonly kind: 'opaque'; readonly name: string }
  | { readonly kind: 'struct'; readonly name: string; readonly fields: ReadonlyMap<string, Type> }
  | { readonly kind: 'param'; readonly name: string };

export const DYN: Type = { kind: 'dyn' };
export const BOOL: Type = { kind: 'bool' };
export const BYTES: Type = { kind: 'bytes' };
export const DOUBLE: Type = { kind: 'double' };
export const DURATION: Type = { kind: 'duration' };
export const INT: Type = { kind: 'int' };
export const NULL: Type = { kind: 'null' };
export const STRING: Type = { kind: 'string' };
export const TIMESTAMP: Type = { kind: 'timestamp' };
export const UINT: Type = { kind: 'uint' };

export const listOf = (element: Type): Type => ({ kind: 'list', element });
export const mapOf = (key: Type, value: Type): Type => ({ kind: 'map', key, value });
export const optionalOf = (element: Type): Type => ({ kind: 'optional', element });
export const typeOfType = (of?: Type): Type => ({ kind: 'type', of });
export const opaque = (name: string): Type => ({ kind: 'opaque', name });
export const param = (name: string): Type => ({ kind: 'param', name });

/** As cel-go prints it: `list(int)`, `map(string, dyn)`, `optional_type(dyn)`. */
export const typeText = (type: Type): string => {
  switch (type.kind) {
    case 'list':
      return `list(${typeText(type.element)})`;
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`;
    case 'optional':
      return `optional_type(${typeText(type.element)})`;
    case 'type':
      return type.of === undefined ? 'type' : `type(${typeText(type.of)})`;
    case 'opaque':
    case 'struct':
    case 'param':
      return type.name;
    case 'duration':
      return 'google.protobuf.Duration';
    case 'timestamp':
      return 'google.protobuf.Timestamp';
    case 'error':
      return '!error!';
    case 'dyn':
    case 'bool':
    case 'bytes':
    case 'double':
    case 'int':
    case 'null':
    case 'string':
    case 'uint':
      return type.kind;
    default:
      return type satisfies never;
  }
};
