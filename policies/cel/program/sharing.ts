// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../values/value.ts';
import type { Node } from './evaluation.ts';

/**
 * Nodes that do the same are one node, whichever programs they belong to. A set of many policies asks the same of each object again and
 * again (`has(c.securityContext)`), and what it costs is mostly the way to memory: of what is shared, only the first one pays it. The
 * price is that a shared node does not know where it stands in a source, so errors of such programs tell no place.
 */
export type Sharing = { readonly node: (parts: readonly Part[], make: () => Node) => Node };

/** What a node is made of: its kind and settings, its children, functions. Texts, numbers and the like are compared, others must be the same. */
export type Part = Value | undefined | Node | object;

/** The oldest are forgotten beyond these; programs that have them keep them, and new ones get nodes of their own. */
const MAX_NODES = 65_536;

export const createSharing = (): Sharing => {
  const nodes = new Map<string, Node>();
  const ids = new WeakMap<object, number>();
  let last = 0;
  const idOf = (part: object): number => {
    const known = ids.get(part);
    if (known !== undefined) return known;
    last += 1;
    ids.set(part, last);
    return last;
  };
  const keyOf = (part: Part): string => {
    if (typeof part === 'string') return JSON.stringify(part);
    if (typeof part === 'bigint') return `${part}n`;
    return typeof part === 'function' || (typeof part === 'object' && part !== null) ? `#${idOf(part)}` : String(part);
  };
  return {
    node: (parts, make) => {
      const key = parts.map(keyOf).join(' ');
      const known = nodes.get(key);
      if (known !== undefined) return known;
      const made = make();
      const oldest = nodes.size >= MAX_NODES ? nodes.keys().next().value : undefined;
      if (oldest !== undefined) nodes.delete(oldest);
      nodes.set(key, made);
      return made;
    },
  };
};
