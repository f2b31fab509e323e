// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../values/value.ts';
import type { Node } from './evaluation.ts';
import type { Ir } from './ir.ts';
import { rememberingElementNode, rememberingNode } from './remembering.ts';
import { traitsReader } from './traits.ts';

/**
 * Nodes that do the same are one node, whichever programs they belong to. A set of many policies asks the same of each object again and
 * again (`has(c.securityContext)`), and what it costs is mostly the way to memory: of what is shared, only the first one pays it. What
 * several programs ask of the same variable, or of the same element of a list, is evaluated once where they are given a memo. The
 * price is that a shared node does not know where it stands in a source, so errors of such programs tell no place.
 */
export type Sharing = {
  readonly node: (parts: readonly Part[], make: () => Node) => Node;
  /** The node as its parents have it: remembering what it comes to, where that can be worth it. */
  readonly again: (node: Node, ir: Ir) => Node;
  /** Whether elements of this range are asked about by others too. */
  readonly lasts: (range: Ir) => boolean;
};

/** What a node is made of: its kind and settings, its children, functions. Texts, numbers and the like are compared, others must be the same. */
export type Part = Value | undefined | Node | object;

/** The oldest are forgotten beyond these; programs that have them keep them, and new ones get nodes of their own. */
const MAX_NODES = 65_536;
/** To look up what is remembered is about as much as two nodes. */
const WORTH_REMEMBERING = 4;

/** A node and its remembering form are the same to those who are made of it. */
type Known = { readonly id: number; parents: number; remembering: Node | undefined };

const isChain = ({ kind }: Ir): boolean => kind === 'select' || kind === 'index' || kind === 'variable' || kind === 'local';

/** `stable`: the variables that every evaluation with one memo is given the same values of. */
export const createSharing = (stable: readonly string[] = []): Sharing => {
  const nodes = new Map<string, Node>();
  const known = new WeakMap<object, Known>();
  const traitsOf = traitsReader(new Set(stable));
  let last = 0;

  const about = (part: object): Known => {
    const found = known.get(part);
    if (found !== undefined) return found;
    last += 1;
    const made: Known = { id: last, parents: 0, remembering: undefined };
    known.set(part, made);
    return made;
  };

  const keyOf = (part: Part): string => {
    if (typeof part === 'string') return JSON.stringify(part);
    if (typeof part === 'bigint') return `${part}n`;
    return typeof part === 'function' || (typeof part === 'object' && part !== null) ? `#${about(part).id}` : String(part);
  };

  const rememberingForm = (node: Node, ir: Ir): Node | undefined => {
    const { free, steady, weight } = traitsOf(ir);
    if (!steady || weight < WORTH_REMEMBERING || free.length > 1) return undefined;
    const [slot] = free;
    return slot === undefined ? rememberingNode(node, about(node)) : rememberingElementNode(node, about(node), slot);
  };

  return {
    node: (parts, make) => {
      const key = parts.map(keyOf).join(' ');
      const found = nodes.get(key);
      if (found !== undefined) return found;
      const made = make();
      for (const part of parts) if (typeof part === 'function') about(part).parents += 1;
      const oldest = nodes.size >= MAX_NODES ? nodes.keys().next().value : undefined;
      if (oldest !== undefined) nodes.delete(oldest);
      nodes.set(key, made);
      return made;
    },
    again: (node, ir) => {
      const state = about(node);
      if (state.remembering === undefined) {
        const form = rememberingForm(node, ir);
        if (form === undefined) return node;
        state.remembering = form;
        known.set(form, state);
      }
      return state.remembering;
    },
    lasts: (range) => range.kind !== 'constant' && (isChain(range) || traitsOf(range).free.length === 0),
  };
};
