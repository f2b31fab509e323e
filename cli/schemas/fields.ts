// SPDX-License-Identifier: Apache-2.0
// Names of fields as the API server declares them to expressions: what is no CEL name is written with escapes.
import type { Type } from '../../policies/cel/index.ts';

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const ESCAPES: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' };

/** Reserved words may be written as they are, too. */
const namesOf = (name: string): readonly string[] => {
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(name)) return [];
  return RESERVED.has(name) ? [name, `__${name}__`] : [name.replaceAll(/__|[./-]/g, (part) => ESCAPES[part] ?? part)];
};

/** An object's type; fields without a type, and those that no expression can name, are left out. */
export const fieldsOf = (name: string, fields: readonly (readonly [name: string, type: Type | undefined])[]): Type => ({
  kind: 'struct',
  name,
  fields: new Map(
    fields.flatMap(([field, type]) => (type === undefined ? [] : namesOf(field).map((shown): readonly [string, Type] => [shown, type]))),
  ),
});
