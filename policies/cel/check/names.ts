// SPDX-License-Identifier: Apache-2.0
import type * as ast from '../syntax/ast.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';

/** Names that stand for types. */
export const typeNames: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['bool', types.BOOL],
  ['bytes', types.BYTES],
  ['double', types.DOUBLE],
  ['google.protobuf.Duration', types.DURATION],
  ['int', types.INT],
  ['list', types.listOf(types.param('A'))],
  ['map', types.mapOf(types.param('A'), types.param('B'))],
  ['null_type', types.NULL],
  ['optional_type', types.opaque('optional_type')],
  ['string', types.STRING],
  ['google.protobuf.Timestamp', types.TIMESTAMP],
  ['type', types.typeOfType()],
  ['uint', types.UINT],
]);

/** Steps of the longest name that stands for something: chains with more of them are no names. */
export const mostSteps = (names: Iterable<string>): number => {
  let most = 0;
  for (const name of names) most = Math.max(most, name.split('.').length - 1);
  return most;
};

/** What a name can be: `steps` selects at most, on a word that no macro binds. */
export type Naming = { readonly steps: number; readonly isBound: (name: string) => boolean };

/** `a.b.c` of plain selects; undefined for anything else. */
export const qualifiedName = (expr: ast.Expr, { steps, isBound }: Naming): string | undefined => {
  let root = expr;
  const fields: string[] = [];
  while (root.kind === 'select' && root.mode === 'plain' && fields.length < steps) {
    fields.push(root.field);
    root = root.operand;
  }
  if (root.kind !== 'ident' || (!root.absolute && isBound(root.name))) return undefined;
  return fields.length === 0 ? root.name : `${root.name}.${fields.toReversed().join('.')}`;
};
