// SPDX-License-Identifier: Apache-2.0
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';

/** What overload resolution needs to know of an overload. */
export type Signature = { readonly id?: string; readonly member: boolean; readonly params: readonly Type[]; readonly result: Type };

const A = types.param('A');
const B = types.param('B');
const LIST = types.listOf(A);
const MAP = types.mapOf(A, B);

const global = (result: Type, ...params: readonly Type[]): Signature => ({ member: false, params, result });

/** Operators that the engine evaluates itself, so no library has them; and the steps of macros. */
export const operators: ReadonlyMap<string, readonly Signature[]> = new Map([
  ['_?_:_', [global(A, types.BOOL, A, A)]],
  [
    '_[_]',
    [
      global(A, LIST, types.INT),
      global(B, MAP, A),
      global(types.optionalOf(A), types.optionalOf(LIST), types.INT),
      global(types.optionalOf(B), types.optionalOf(MAP), A),
    ],
  ],
  [
    '_[?_]',
    [
      global(types.optionalOf(A), LIST, types.INT),
      global(types.optionalOf(A), types.optionalOf(LIST), types.INT),
      global(types.optionalOf(B), MAP, A),
      global(types.optionalOf(B), types.optionalOf(MAP), A),
    ],
  ],
  ['cel.@mapInsert', [global(MAP, MAP, A, B), global(MAP, MAP, MAP)]],
]);
