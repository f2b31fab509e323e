// SPDX-License-Identifier: Apache-2.0
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { CelMap } from '../values/map.ts';
import { CelDuration, CelTimestamp } from '../values/time.ts';
import { CelDouble, CelOptional, CelUint, isBytes, isInt, isJsonMap, isList } from '../values/value.ts';
import type { CelInt, JsonMap, Value } from '../values/value.ts';
import type { Parameter } from './table.ts';

/** The parameters that signatures are made of. Generic ones give their type arguments: `list(param('A'))`. */
export const any = (type: Type = types.DYN): Parameter<Value> => ({ type, accepts: (_value): _value is Value => true });

export const bool: Parameter<boolean> = { type: types.BOOL, accepts: (value) => typeof value === 'boolean' };
export const string: Parameter<string> = { type: types.STRING, accepts: (value) => typeof value === 'string' };
export const int: Parameter<CelInt> = { type: types.INT, accepts: isInt };
export const bytes: Parameter<Uint8Array> = { type: types.BYTES, accepts: isBytes };
export const double: Parameter<CelDouble> = { type: types.DOUBLE, accepts: (value) => value instanceof CelDouble };
export const uint: Parameter<CelUint> = { type: types.UINT, accepts: (value) => value instanceof CelUint };
export const timestamp: Parameter<CelTimestamp> = { type: types.TIMESTAMP, accepts: (value) => value instanceof CelTimestamp };
export const duration: Parameter<CelDuration> = { type: types.DURATION, accepts: (value) => value instanceof CelDuration };

export const list = (element: Type = types.DYN): Parameter<readonly Value[]> => ({ type: types.listOf(element), accepts: isList });

/** A list by the type of its first element, as overloads are told apart at run time; an empty list is of any type. */
export const listOf = <T extends Value>(element: Parameter<T>): Parameter<readonly Value[]> => ({
  type: types.listOf(element.type),
  accepts: (value): value is readonly Value[] => {
    const first = isList(value) ? value[0] : undefined;
    return isList(value) && (first === undefined || element.accepts(first));
  },
});

export const map = (key: Type = types.DYN, value: Type = types.DYN): Parameter<CelMap | JsonMap> => ({
  type: types.mapOf(key, value),
  accepts: (candidate) => candidate instanceof CelMap || isJsonMap(candidate),
});

export const optional = (element: Type): Parameter<CelOptional> => ({
  type: types.optionalOf(element),
  accepts: (value) => value instanceof CelOptional,
});
