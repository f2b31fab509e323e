// SPDX-License-Identifier: Apache-2.0
import { CelMap, isKey } from '../values/map.ts';
import { CelOptional } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import type { Node } from './evaluation.ts';

/** cel-go's costs of making a list and a map. */
const LIST_COST = 10;
const MAP_COST = 30;

export type ElementNode = { readonly optional: boolean; readonly value: Node };
export type EntryNode = { readonly optional: boolean; readonly key: Node; readonly value: Node; readonly offset: number };

/** `[a, ?b]`: an optional element without value is left out. */
export const listLiteralNode = (elements: readonly ElementNode[], offset: number): Node => {
  return (evaluation) => {
    const list: Value[] = [];
    for (const element of elements) {
      const value = element.value(evaluation);
      if (value === undefined) return undefined;
      evaluation.at = offset;
      if (!element.optional) list.push(value);
      else if (!(value instanceof CelOptional)) return evaluation.fail('no such overload');
      else if (value.value !== undefined) list.push(value.value);
    }
    return evaluation.charge(LIST_COST) ? list : undefined;
  };
};

/** `{k: v, ?k: o}` */
export const mapLiteralNode = (entries: readonly EntryNode[]): Node => {
  return (evaluation) => {
    const map = new CelMap();
    for (const entry of entries) {
      const key = entry.key(evaluation);
      if (key === undefined) return undefined;
      const given = entry.value(evaluation);
      if (given === undefined) return undefined;
      evaluation.at = entry.offset;
      if (!isKey(key)) return evaluation.fail('unsupported key type');
      if (entry.optional && !(given instanceof CelOptional)) return evaluation.fail('no such overload');
      const value = entry.optional && given instanceof CelOptional ? given.value : given;
      if (value !== undefined && !map.insert(key, value)) return evaluation.fail('Failed with repeated key');
    }
    return evaluation.charge(MAP_COST) ? map : undefined;
  };
};
