// SPDX-License-Identifier: Apache-2.0
// Objects nested deeper than any document of ours may be. Schemas that keep unknown fields let them through, and whatever looks into
// one step by step would use up the stack: so they are refused before anybody looks.
import { MAX_DEPTH } from '../../policies/document/complexity.ts';
import type { Problem } from '../../policies/problem.ts';
import type { GuardedChange } from './change.ts';

/** Single fields are read of these, and field ownership is as deep as what is owned. */
const UNREAD: ReadonlySet<string> = new Set(['metadata', 'status']);

const isWithin = (value: unknown, levels = MAX_DEPTH): boolean =>
  typeof value !== 'object' || value === null || (levels > 0 && Object.values(value).every((part) => isWithin(part, levels - 1)));

/** Why the object may not come. */
export const depthProblem = ({ after = {} }: GuardedChange): Problem | undefined => {
  const deep = Object.entries(after).find(([part, value]) => !UNREAD.has(part) && !isWithin(value));
  return deep && { code: 'DOCUMENT_TOO_COMPLEX', message: `more than ${MAX_DEPTH} levels of nesting`, path: deep[0] };
};

/** What is to be replaced may have come while nobody was asked: of one that is too deep the spec, which no seal holds, is left unread. */
export const withinDepth = (change: GuardedChange): GuardedChange => {
  const { before } = change;
  return before === undefined || isWithin(before['spec']) ? change : { ...change, before: { ...before, spec: undefined } };
};
