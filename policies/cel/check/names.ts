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

/** `a.b.c` of plain selects on a name that no macro binds; undefined for anything else. */
export const qualifiedName = (expr: ast.Expr, isBound: (name: string) => boolean): string | undefined => {
  if (expr.kind === 'ident') return !expr.absolute && isBound(expr.name) ? undefined : expr.name;
  if (expr.kind !== 'select' || expr.mode !== 'plain') return undefined;
  const operand = qualifiedName(expr.operand, isBound);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
};
