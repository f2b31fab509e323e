// SPDX-License-Identifier: Apache-2.0
// Where our engine and Kubernetes are known to differ, and why that is so. Everything else fails the test.
import type { Difference } from './compare.ts';

export type KnownDifference = {
  readonly name: string;
  readonly why: string;
  readonly fits: (difference: Difference, expression: string) => boolean;
};

/** Of a list, in no order. */
const elements = (outcome: string): string => {
  const [, list = ''] = /^value (\[.*\])$/.exec(outcome) ?? [];
  const parsed: unknown = list === '' ? undefined : JSON.parse(list);
  return Array.isArray(parsed)
    ? parsed
        .map((element: unknown) => JSON.stringify(element))
        .toSorted()
        .join()
    : outcome;
};

/** Optionals of optionals as one, which is what a conditional leaves of them. */
const unnested = (outcome: string): string => {
  const merge = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(merge);
    if (typeof value !== 'object' || value === null) return value;
    const parts = Object.entries(value).map(([key, part]: readonly [string, unknown]) => [key, merge(part)] as const);
    const [first] = parts;
    const held: unknown = first?.[0] === 'optional' && Array.isArray(first[1]) ? first[1][0] : undefined;
    if (typeof held !== 'object' || held === null || !('optional' in held)) return Object.fromEntries(parts);
    // Of one that holds nothing a null is left.
    return Array.isArray(held.optional) && held.optional.length === 0 ? { optional: [null] } : held;
  };
  return outcome.startsWith('value {') ? JSON.stringify(merge(JSON.parse(outcome.slice('value '.length)))) : outcome;
};

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: 'optionals that a conditional breaks',
    why: 'cel-go takes an optional apart where a conditional gives it (`optMap` is one), and cannot put quantities, addresses, types and the like together again; of optionals of optionals one is left',
    fits: ({ kind, ours, theirs }, expression) => {
      if (!/ \? |optMap|optFlatMap/.test(expression)) return false;
      // What was taken apart goes on as a text, or not at all; either is refused in other words.
      if (kind === 'error' && ours.startsWith('error no such overload'))
        return (
          theirs.startsWith('error unsupported conversion to ref.Val: ') ||
          (/\)\.opt(?:Flat)?Map\(/.test(expression) && theirs.startsWith('error no such overload'))
        );
      if (kind !== 'value' || !ours.startsWith('value ')) return false;
      if (unnested(ours) === unnested(theirs)) return true;
      return /unsupported conversion to ref\.Val: /.test(theirs) || ours.replaceAll(/\{"type":("[^"]*")\}/g, '$1') === theirs;
    },
  },
  {
    name: 'order of a map',
    why: 'Go runs over a map in another order each time; ours keeps the order of the text',
    fits: ({ kind, ours, theirs }, expression) =>
      kind === 'value' && /transformList|map\(|filter\(/.test(expression) && elements(ours) === elements(theirs),
  },
  {
    name: 'the least integer taken off a quantity',
    why: 'Go cannot negate −2^63, and goes on with a decimal number that is no integer any more',
    fits: ({ kind }, expression) => kind === 'value' && /\.sub\(-9223372036854775808\)/.test(expression),
  },
  {
    name: 'a cost below zero',
    why: 'cel-go takes back what `has` did not read from a cost of nothing, which then is the greatest there is',
    fits: ({ ours, theirs }, expression) =>
      theirs === 'error operation cancelled: actual cost limit exceeded' && ours.startsWith('error ') && expression.includes('has(('),
  },
  {
    name: 'a cost that gives back',
    why: 'a list flattened to a level below zero is an error whose cost cel-go counts below zero too: it takes that off what was spent, so that a loop of them could go on for ever. Ours ends such an evaluation as too dear',
    fits: ({ ours, theirs }, expression) =>
      ours === 'error operation cancelled: actual cost limit exceeded' &&
      ((theirs === 'error level must be non-negative' && /\.flatten\(/.test(expression)) ||
        // Another error of the same expression came first.
        (theirs.startsWith('error ') && /\.flatten\(-/.test(expression))),
  },
  {
    name: 'a variable that a fold over nothing does not have',
    why: 'cel-go folds a macro over an empty list and looks for types in what is left of it',
    fits: ({ kind, theirs }) => kind === 'accepted' && /^program error reference to undefined type: [a-z]$/.test(theirs),
  },
  {
    name: 'data in messages',
    why: 'lists and maps inside of lists and maps are printed as Go holds them, which differs for what was read and what was computed',
    fits: ({ kind, ours, theirs }) => {
      const [beginning] = /^error (?:cannot initialize optional |join: invalid input: )/.exec(theirs) ?? [];
      const bothGoTypes = [ours, theirs].every((text) => text.startsWith('error invalid qualifier type: *types.'));
      return kind === 'error' && (bothGoTypes || (beginning !== undefined && ours.startsWith(beginning)));
    },
  },
  {
    name: 'syntax errors',
    why: "the words and at times the place are those of cel-go's parser generator",
    fits: ({ kind, ours, theirs }) => kind === 'refusal' && [ours, theirs].every((text) => /^\d+:\d+ Syntax error: /.test(text)),
  },
  {
    name: 'mistakes in macros',
    why: 'ours ends at the first mistake in a macro, cel-go goes on and tells of those around it as well',
    fits: ({ kind, ours, theirs }) =>
      kind === 'refusal' &&
      /sortBy can only be applied|must be a simple identifier|is not an identifier/.test(theirs) &&
      theirs.startsWith(ours),
  },
  {
    name: 'several unsupported signs',
    why: 'before 1.28 `?` is no syntax: ours ends at the first one, cel-go tells of all',
    fits: ({ kind, ours, theirs }) => kind === 'refusal' && /^\d+:\d+ unsupported syntax '[.[]?\?'$/.test(ours) && theirs.includes(ours),
  },
  {
    name: 'numbers of unknown types',
    why: 'cel-go numbers them as its macros are expanded, which ours are not',
    fits: ({ kind, ours, theirs }) => kind === 'refusal' && ours.replaceAll(/_var\d+/g, '_var') === theirs.replaceAll(/_var\d+/g, '_var'),
  },
  {
    name: 'NaN as a key',
    why: 'no look-up finds it, so the oracle cannot show its value',
    fits: ({ theirs }) => theirs.includes('{"error":"no such key: NaN"}'),
  },
];

export const knownDifference = (difference: Difference, expression: string): KnownDifference | undefined =>
  KNOWN_DIFFERENCES.find((row) => row.fits(difference, expression));
