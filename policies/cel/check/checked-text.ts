// SPDX-License-Identifier: Apache-2.0
import { typeText } from '../types/type.ts';
import type { Type } from '../types/type.ts';

/** A type as the messages of cel-go's checker write it: `timestamp`, `duration` and `null` have short names there. */
export const checkedText = (type: Type): string => {
  switch (type.kind) {
    case 'list':
      return `list(${checkedText(type.element)})`;
    case 'map':
      return `map(${checkedText(type.key)}, ${checkedText(type.value)})`;
    case 'optional':
      return `optional_type(${checkedText(type.element)})`;
    case 'type':
      return type.of === undefined ? 'type' : `type(${checkedText(type.of)})`;
    case 'wrapper':
      return `wrapper(${checkedText(type.of)})`;
    case 'null':
    case 'timestamp':
    case 'duration':
      return type.kind;
    case 'dyn':
    case 'bool':
    case 'bytes':
    case 'double':
    case 'int':
    case 'string':
    case 'uint':
    case 'error':
    case 'opaque':
    case 'struct':
    case 'param':
      return typeText(type);
    default:
      return type satisfies never;
  }
};

/** The arguments of a call: `(int, string)`, and `string.(int)` with a target. */
export const signatureText = (args: readonly Type[], member: boolean): string => {
  const [target] = args;
  const given = member && target !== undefined ? args.slice(1) : args;
  return `${member && target !== undefined ? `${checkedText(target)}.` : ''}(${given.map(checkedText).join(', ')})`;
};
