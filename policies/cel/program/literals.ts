// SPDX-License-Identifier: Apache-2.0
import { goText, unhashable } from '../values/go-type.ts';
import { CelMap } from '../values/map.ts';
import { CelOptional } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import type { Node } from './evaluation.ts';

/** cel-go's costs of making a list and a map, and of failing to. */
const LIST_COST = 10;
const MAP_COST = 30;

export type ElementNode = { readonly optional: boolean; readonly value: Node };
export type EntryNode = { readonly optional: boolean; readonly key: Node; readonly value: Node; readonly offset: number };

/** `[a, ?b]`: an optional element without value is left out. */
export const listLiteralNode = (elements: readonly ElementNode[], offset: number): Node => {
  const make: Node = (evaluation) => {
    const list: Value[] = [];
    for (const element of elements) {
      const value = element.value(evaluation);
      if (value === undefined) return undefined;
      evaluation.at = offset;
      if (!element.optional) list.push(value);
      else if (!(value instanceof CelOptional)) {
        return evaluation.fail(`cannot initialize optional list element from non-optional value ${goText(value)}`);
      } else if (value.value !== undefined) list.push(value.value);
    }
    return list;
  };
  return (evaluation) => {
    const list = make(evaluation);
    return list === undefined ? evaluation.chargeFailed(LIST_COST) : evaluation.charge(LIST_COST) ? list : undefined;
  };
};

/** `{k: v, ?k: o}` */
export const mapLiteralNode = (entries: readonly EntryNode[]): Node => {
  const make: Node = (evaluation) => {
    const map = new CelMap();
    for (const entry of entries) {
      const key = entry.key(evaluation);
      if (key === undefined) return undefined;
      const given = entry.value(evaluation);
      if (given === undefined) return undefined;
      evaluation.at = entry.offset;
      const broken = typeof key === 'object' ? unhashable(key) : undefined;
      if (broken !== undefined) return evaluation.breakDown(broken);
      if (entry.optional && !(given instanceof CelOptional))
        return evaluation.fail(`cannot initialize optional entry '${goText(key)}' from non-optional value ${goText(given)}`);
      const value = entry.optional && given instanceof CelOptional ? given.value : given;
      if (value === undefined) map.delete(key);
      else map.set(key, value);
    }
    return map;
  };
  return (evaluation) => {
    const map = make(evaluation);
    return map === undefined ? evaluation.chargeFailed(MAP_COST) : evaluation.charge(MAP_COST) ? map : undefined;
  };
};
