// SPDX-License-Identifier: Apache-2.0
// What a call may cost and how large its result may be, by Kubernetes' rules and those of cel-go's extensions; cel-go's own are in estimate.ts.
import { isExactly } from '../check/type-relations.ts';
import type { Type } from '../types/type.ts';
import { add, fixed, LARGEST, multiply, NOTHING, ONE, times, UNKNOWN, wrapped } from './range.ts';
import type { Range } from './range.ts';
import type { Tree } from './tree.ts';

/** A node with the size that is known of it. */
export type Sized = { readonly tree: Tree; readonly size: Range | undefined };
export type Estimate = { readonly cost: Range; readonly size?: Range };
export type CallSite = {
  readonly name: string;
  readonly overload: string;
  readonly target: Sized | undefined;
  readonly args: readonly Sized[];
};

export const STRING_FACTOR = 0.1;
export const PATTERN_FACTOR = 0.25;
const MAX_FORMAT = 64n;
const MAX_FORMAT_PATTERN = 128;

const sizeOf = (sized: Sized | undefined): Range => sized?.size ?? UNKNOWN;

const allocation = (factor: number, size: Range): Estimate => ({ cost: add(add(times(size, factor), ONE), fixed(10n)), size });

const literalInt = (sized: Sized | undefined, otherwise: bigint): bigint => {
  const tree = sized?.tree;
  if (tree?.kind !== 'literal' || (typeof tree.value !== 'number' && typeof tree.value !== 'bigint')) return otherwise;
  const value = BigInt(tree.value);
  return value < 0n ? 0n : value;
};

const selfComparison = (list: Sized | undefined, overload: string): Estimate => {
  const size = sizeOf(list);
  return allocation(/^list_(?:string|bytes)_/.test(overload) ? 2 + STRING_FACTOR : 2, multiply(size, size));
};

/** cel-go's extensions, by overload. */
const ofExtension = ({ overload, target, args }: CallSite): Estimate | undefined => {
  const [first, second] = args;
  switch (overload) {
    case 'list_sets_contains_list':
    case 'list_sets_intersects_list':
      return { cost: add(multiply(sizeOf(first), sizeOf(second)), ONE) };
    case 'list_sets_equivalent_list':
      return { cost: add(times(multiply(sizeOf(first), sizeOf(second)), 2), ONE) };
    case 'list_slice':
      return allocation(1, fixed(wrapped(literalInt(second, sizeOf(target).max) - literalInt(first, 0n))));
    case 'list_flatten':
      return allocation(1, sizeOf(target));
    case 'list_flatten_int':
      return allocation(Number(literalInt(first, LARGEST)), sizeOf(target));
    case 'lists_range':
      return allocation(1, fixed(literalInt(first, LARGEST)));
    case 'list_reverse':
      return allocation(1, sizeOf(target));
    case 'list_distinct':
      return selfComparison(target, '');
    default:
      if (overload.endsWith('_sort')) return selfComparison(target, overload);
      return overload.endsWith('_sortByAssociatedKeys') ? selfComparison(first, overload) : undefined;
  }
};

const fixedCost: Estimate = { cost: ONE };

const reading = (sized: Sized | undefined, factor = 1): Estimate => ({ cost: times(sizeOf(sized), factor * STRING_FACTOR) });
const readingKept = (sized: Sized | undefined): Estimate => ({ ...reading(sized), size: sizeOf(sized) });

const selector = (text: Sized | undefined): Estimate => {
  const size = sizeOf(text);
  return { cost: add(add(fixed(10n), times(size, STRING_FACTOR)), times(times(size, 0.5), 50)) };
};

/** The first parameter of a type that has some: the element of a list, the key of a map. */
const parameterOf = (type: Type | undefined): Type | undefined => {
  if (type?.kind === 'list' || type?.kind === 'optional') return type.element;
  if (type?.kind === 'map') return type.key;
  return type?.kind === 'type' ? type.of : undefined;
};

const searching = (target: Sized): Estimate => {
  const element = parameterOf(target.tree.type);
  if (element === undefined) return reading(target);
  const isText = element.kind === 'string' || element.kind === 'bytes';
  return { cost: multiply(sizeOf(target), isText ? add(ONE, times(UNKNOWN, STRING_FACTOR)) : ONE) };
};

const ceilDivide = (size: bigint, by: bigint): bigint => BigInt(Math.ceil(Number(size) / Number(by)));
const oneMore = (size: bigint): bigint => (size < LARGEST ? size + 1n : size);

/** How long a text may be after parts of it were replaced. */
const replacing = (text: Range, old: Range, by: Range): Range => {
  const most = (): readonly [count: bigint, kept: bigint] => {
    if (old.min === 0n) return [oneMore(text.max), text.max];
    return by.max <= old.min ? [0n, text.max] : [ceilDivide(text.max, old.min), 0n];
  };
  const least = (): readonly [count: bigint, kept: bigint] => {
    if (old.max === 0n) return [oneMore(text.min), text.min];
    return old.max <= by.min ? [0n, text.min] : [ceilDivide(text.min, old.max), 0n];
  };
  const [maxCount, maxKept] = most();
  const [minCount, minKept] = least();
  const clamp = (value: bigint): bigint => (value > LARGEST ? LARGEST : value);
  return add(multiply({ min: clamp(minCount), max: clamp(maxCount) }, by), { min: minKept, max: maxKept });
};

const joining = (list: Sized, separator: Sized | undefined): Estimate => {
  const count = sizeOf(list);
  const texts = parameterOf(list.tree.type) === undefined ? NOTHING : multiply(count, UNKNOWN);
  const less = (size: bigint): bigint => (size > 0n ? size - 1n : 0n);
  const separators = { min: less(count.min), max: less(count.max) };
  const size = separator === undefined ? texts : add(texts, multiply(sizeOf(separator), separators));
  return { cost: times(size, STRING_FACTOR), size };
};

const finding = (text: Sized, pattern: Sized | undefined): Estimate => {
  const size = sizeOf(text);
  const cost = multiply(times(add(size, ONE), STRING_FACTOR), times(sizeOf(pattern), PATTERN_FACTOR));
  return { cost, size: { min: 0n, max: size.max } };
};

const ADDRESS: Range = { min: 4n, max: 16n };

const containment = (base: Range, other: Sized | undefined, isText: boolean): Estimate => ({
  cost: isText ? add(base, times(sizeOf(other), STRING_FACTOR)) : base,
});

const AT_ONCE = new Set(['net.IP', 'net.CIDR', 'kubernetes.Quantity', 'kubernetes.Semver']);

/** Values of Kubernetes' own types. */
const equality = ([left, right]: readonly Sized[]): Estimate | undefined => {
  const type = left?.tree.type;
  if (type?.kind !== 'opaque' || right === undefined || !isExactly(type, right.tree.type)) return undefined;
  if (AT_ONCE.has(type.name) || type.name.startsWith('kubernetes.authorization.')) return fixedCost;
  if (type.name === 'kubernetes.NamedFormat') return { cost: times({ min: 1n, max: MAX_FORMAT }, STRING_FACTOR) };
  if (type.name !== 'kubernetes.URL') return undefined;
  return { cost: times({ min: 1n, max: right.size?.max ?? 1n }, STRING_FACTOR) };
};

const FIXED = new Set(
  'serviceAccount path group resource subresource namespace name allowed reason error errored masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery'.split(
    ' ',
  ),
);

/** Kubernetes, by function. */
const ofKubernetes = ({ name, overload, target, args }: CallSite): Estimate | undefined => {
  const [first, second] = args;
  if (FIXED.has(name)) return fixedCost;
  switch (name) {
    case 'check':
      return { cost: fixed(350_000n) };
    case 'fieldSelector':
    case 'labelSelector':
      return selector(first);
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return target === undefined ? undefined : searching(target);
    case 'url':
      return readingKept(first);
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
      return readingKept(target);
    case 'replace':
      return { ...reading(target, 2), size: replacing(sizeOf(target), sizeOf(first), sizeOf(second)) };
    case 'split':
      return { ...reading(target, 2), size: { min: 0n, max: splitMax(target, second) } };
    case 'join':
      return target === undefined ? undefined : joining(target, first);
    case 'find':
    case 'findAll':
      return target === undefined ? undefined : finding(target, first);
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
      return reading(first);
    case 'ip':
      return overload === 'cidr_ip' ? fixedCost : first === undefined ? undefined : reading(first);
    case 'ip.isCanonical':
      return reading(first, 2);
    case 'containsIP':
      return containment(times(add(ADDRESS, ADDRESS), STRING_FACTOR), first, overload === 'cidr_contains_ip_string');
    case 'containsCIDR': {
      const base = add(add(times(add(ADDRESS, ADDRESS), STRING_FACTOR), times(ADDRESS, STRING_FACTOR)), ONE);
      return containment(base, first, overload === 'cidr_contains_cidr_string');
    }
    case 'validate':
      return { cost: times(times(sizeOf(first), STRING_FACTOR), MAX_FORMAT_PATTERN * PATTERN_FACTOR) };
    case '_==_':
      return equality(args);
    default:
      return undefined;
  }
};

const splitMax = (text: Sized | undefined, limit: Sized | undefined): bigint => {
  const tree = limit?.tree;
  if (tree?.kind !== 'literal' || (typeof tree.value !== 'number' && typeof tree.value !== 'bigint')) return sizeOf(text).max;
  return wrapped(BigInt(tree.value));
};

/** undefined: only cel-go's own rules say it. */
export const callEstimate = (site: CallSite): Estimate | undefined => ofExtension(site) ?? ofKubernetes(site);

export { sizeOf };
