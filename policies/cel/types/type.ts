// SPDX-License-Identifier: Apache-2.0

/**
 * A static type. `param` stands for a type parameter inside a signature; a type made of others is `open` where it holds one, and of
 * the size that it has written out. Made by the functions of this file.
 */
export type Type =
  | { readonly kind: 'dyn' | 'bool' | 'bytes' | 'double' | 'duration' | 'int' | 'null' | 'string' | 'timestamp' | 'uint' | 'error' }
  | { readonly kind: 'list'; readonly element: Type; readonly open: boolean; readonly size: number }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type; readonly open: boolean; readonly size: number }
  | { readonly kind: 'optional'; readonly element: Type; readonly open: boolean; readonly size: number }
  | { readonly kind: 'type'; readonly of: Type | undefined; readonly open: boolean; readonly size: number }
  | { readonly kind: 'opaque'; readonly name: string }
  /** Known fields only; the name stands for the whole, so two structs of one name are one type. */
  | { readonly kind: 'struct'; readonly name: string; readonly fields: ReadonlyMap<string, Type> }
  /** A scalar that may be null as well. */
  | { readonly kind: 'wrapper'; readonly of: Type }
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
/** Of what could not be typed: it fits everywhere, so that one mistake is told once. */
export const ERROR: Type = { kind: 'error' };

/** Whether it holds a type parameter, or is one: what is known of parameters changes no other type. */
export const isOpen = (type: Type): boolean => ('open' in type ? type.open : type.kind === 'param');

/** How many types it is made of, those that it holds several times as often: a short expression can make one of 2^100. */
export const sizeOf = (type: Type): number => ('size' in type ? type.size : 1);

export const listOf = (element: Type): Type => ({ kind: 'list', element, open: isOpen(element), size: sizeOf(element) + 1 });
export const mapOf = (key: Type, value: Type): Type => ({
  kind: 'map',
  key,
  value,
  open: isOpen(key) || isOpen(value),
  size: sizeOf(key) + sizeOf(value) + 1,
});
export const optionalOf = (element: Type): Type => ({ kind: 'optional', element, open: isOpen(element), size: sizeOf(element) + 1 });
export const typeOfType = (of?: Type): Type => ({
  kind: 'type',
  of,
  open: of !== undefined && isOpen(of),
  size: of === undefined ? 1 : sizeOf(of) + 1,
});
export const opaque = (name: string): Type => ({ kind: 'opaque', name });
export const structOf = (name: string, fields: Readonly<Record<string, Type>>): Type => ({
  kind: 'struct',
  name,
  fields: new Map(Object.entries(fields)),
});
export const wrapperOf = (of: Type): Type => ({ kind: 'wrapper', of });
export const param = (name: string): Type => ({ kind: 'param', name });

/** As cel-go prints it outside of its checker: `list(int)`, `map(string, dyn)`, `optional_type(dyn)`, `null_type`. */
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
    case 'null':
      return 'null_type';
    case 'wrapper':
      return `wrapper(${typeText(type.of)})`;
    case 'dyn':
    case 'bool':
    case 'bytes':
    case 'double':
    case 'int':
    case 'string':
    case 'uint':
      return type.kind;
    default:
      return type satisfies never;
  }
};
