// SPDX-License-Identifier: Apache-2.0
/**
 * What a call costs at run time, exactly as the API server of Kubernetes 1.36 counts it: cel-go's tracker, the overrides of its
 * extensions by overload, and Kubernetes' own by function name.
 *
 * In: the name of a function and the one overload that the checker left, if it left one (dynamic arguments often leave several, and
 * then the dear overload is not charged). Out: a fixed cost, or a function of the first two arguments and the result, where undefined
 * stands for one that failed. Only the folders `program/` and `cost/` import it.
 */
import { noIntText, noListText } from '../functions/refusal.ts';
import { Boxed } from '../values/boxed.ts';
import { NamedFormat } from '../values/named-format.ts';
import { isBytes, isInt, isList } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { actualSize, patternSearch, patternTimes, traversal, treeTraversal, unwrappedSize } from './sizes.ts';

type Argument = Value | undefined;
/** A text instead of a cost: counting it breaks cel-go down, which ends the evaluation with that text. */
export type CostFunction = (first: Argument, second: Argument, result: Argument) => number | string;
export type CallCost = number | CostFunction;

/** A call that makes a list costs this besides its work. */
const ALLOCATION = 11;

const readingFirst: CostFunction = (first) => traversal(actualSize(first));
/** Its reckoning reads all that is in the list, so it is work by itself. */
export const readingAll: CostFunction = (first) => treeTraversal(first);
const readingTwice: CostFunction = (first) => traversal(actualSize(first) * 2);
const search: CostFunction = (text, pattern) => patternSearch(actualSize(text), actualSize(pattern));
const result: CostFunction = (_first, _second, made) => ALLOCATION + actualSize(made);

/** Comparing all elements with each other, twice; texts a little more. */
const selfComparison = (items: Argument): number | string => {
  if (items === undefined || !isList(items)) return noListText(items);
  const size = actualSize(items);
  const [first] = items;
  const isText = first !== undefined && (typeof first === 'string' || isBytes(first));
  return ALLOCATION + Math.floor(size * size * (isText ? 2.1 : 2));
};

/** What Go makes of a number that an unsigned one can't hold: it begins again at the other end, or at 2^63 when it is far off. */
const flatteningCost = (work: number): number => {
  if (work >= 0 && work < 2 ** 64) return ALLOCATION + work;
  const rounded = work < 0 && work > -(2 ** 63) ? BigInt(Math.trunc(work)) : 2n ** 63n;
  return Number(BigInt.asUintN(64, rounded + BigInt(ALLOCATION)));
};

const flattening: CostFunction = (items, depth) =>
  depth !== undefined && isInt(depth) ? flatteningCost(actualSize(items) * Number(depth)) : noIntText(depth);

const setComparison =
  (rounds: number): CostFunction =>
  (left, right) =>
    1 + actualSize(left) * actualSize(right) * rounds;

/** Extensions of cel-go, by overload. */
const extensions = new Map<string, CallCost>([
  ['list_sets_contains_list', setComparison(1)],
  ['list_sets_intersects_list', setComparison(1)],
  ['list_sets_equivalent_list', setComparison(2)],
  ['list_slice', result],
  ['lists_range', result],
  ['list_reverse', result],
  ['list_flatten', (items) => ALLOCATION + actualSize(items)],
  ['list_flatten_int', flattening],
  ['list_distinct', (items) => selfComparison(items)],
]);

const ofExtension = (overload: string): CallCost | undefined => {
  if (overload.endsWith('_sort')) return (items) => selfComparison(items);
  if (overload.endsWith('_sortByAssociatedKeys')) return (_items, keys) => selfComparison(keys);
  return extensions.get(overload);
};

const CHECK = 350_000;
const REQUIREMENT = 50;

/** A selector's text is read, and every two characters may be a requirement. */
const selector: CostFunction = (_check, text) => {
  const size = actualSize(text);
  return 10 + traversal(size) + Math.ceil(size * 0.5) * REQUIREMENT;
};

const containment =
  (base: (network: Argument) => number, parsed: string): ((overload: string | undefined) => CallCost) =>
  (overload) =>
  (network, other) =>
    base(network) + (overload === parsed ? traversal(actualSize(other)) : 0);

const twoNetworks = (network: Argument): number => traversal(2 * actualSize(network));

const validation: CostFunction = (format, text) =>
  format instanceof NamedFormat ? patternSearch(actualSize(text), format.rule.patternSize) : 1;

const comparison: CostFunction = (left, right) => traversal(Math.min(unwrappedSize(left), unwrappedSize(right)));

/** Values of Kubernetes' own types are compared at once. */
const equality: CostFunction = (left, right) =>
  left instanceof Boxed && /^(?:kubernetes|net)\./.test(left.type.name) ? 1 : comparison(left, right, undefined);

const named = (names: string, cost: (overload: string | undefined) => CallCost): (readonly [string, typeof cost])[] =>
  names.split(' ').map((name) => [name, cost]);

/** Kubernetes, by function. */
const kubernetes = new Map<string, (overload: string | undefined) => CallCost>([
  ...named('check', () => CHECK),
  ...named('serviceAccount path group resource subresource namespace name allowed reason error errored', () => 1),
  ...named('fieldSelector labelSelector', () => selector),
  ...named('isSorted sum max min indexOf lastIndexOf', () => readingAll),
  ...named('url lowerAscii upperAscii substring trim cidr isIP isCIDR quantity isQuantity semver isSemver', () => readingFirst),
  ...named('replace split ip.isCanonical', () => readingTwice),
  ...named('join', () => (_list, _separator, joined) => traversal(actualSize(joined) * 2)),
  ...named('find findAll', () => search),
  ...named('ip', (overload) => (overload === 'cidr_ip' ? 1 : readingFirst)),
  ...named('containsIP', containment(twoNetworks, 'cidr_contains_ip_string')),
  ...named(
    'containsCIDR',
    containment((network) => twoNetworks(network) + traversal(actualSize(network)) + 1, 'cidr_contains_cidr_string'),
  ),
  ...named('validate', () => validation),
  ...named('_==_', () => equality),
]);

const readingText: CostFunction = (first) => traversal(unwrappedSize(first));
const sum: CostFunction = (left, right) => traversal(unwrappedSize(left) + unwrappedSize(right));
const contained: CostFunction = (text, part) => traversal(unwrappedSize(text)) * traversal(unwrappedSize(part));

const matching: CostFunction = (text, pattern) => patternSearch(unwrappedSize(text), unwrappedSize(pattern));

/** The cost of `matches` with a pattern that is known: what depends on that alone is reckoned once. */
export const costOfMatching = (pattern: string, cost: CallCost): ((text: Value) => number | string) => {
  if (typeof cost === 'number') return () => cost;
  if (cost !== matching) return (text) => cost(text, pattern, undefined);
  const times = patternTimes(unwrappedSize(pattern));
  return (text) => traversal(1 + unwrappedSize(text)) * times;
};

/** cel-go's standard library, by overload. Equality is known by its name alone. */
const standard = new Map<string, CallCost>([
  // The argument that is read is the first, which is the text and not the part that it begins with.
  ['starts_with_string', readingText],
  ['ends_with_string', readingText],
  ['string_to_bytes', readingText],
  ['bytes_to_string', readingText],
  ['strings_quote', readingText],
  ['string_format', readingText],
  ['in_list', (_needle, haystack) => unwrappedSize(haystack)],
  ['add_string', sum],
  ['add_bytes', sum],
  ['matches_string', matching],
  ['contains_string', contained],
  ...['less', 'less_equals', 'greater', 'greater_equals'].flatMap((order) =>
    ['string', 'bytes'].map((type): [string, CallCost] => [`${order}_${type}`, comparison]),
  ),
]);

/** `overload`: where the checker left one. */
export const callCost = (name: string, overload: string | undefined): CallCost => {
  if (name === '_!=_') return comparison;
  const extension = overload === undefined ? undefined : ofExtension(overload);
  return extension ?? kubernetes.get(name)?.(overload) ?? (overload === undefined ? undefined : standard.get(overload)) ?? 1;
};
