// SPDX-License-Identifier: Apache-2.0
// Where our engine and Kubernetes are known to differ, and why that is so. Everything else fails the test.
import type { Difference } from './compare.ts';
import type { PolicyDifference } from './compare-policy.ts';

export type KnownDifference = {
  readonly name: string;
  readonly why: string;
  readonly fits: (difference: Difference, expression: string) => boolean;
};

/** Functions of Kubernetes' libraries that our engine does not have; nothing that uses them is generated. */
export const ABSENT_FUNCTIONS: readonly string[] = [
  'cidr',
  'containsCIDR',
  'containsIP',
  'family',
  'ip',
  'ip.isCanonical',
  'isCIDR',
  'isGlobalUnicast',
  'isIP',
  'isLinkLocalMulticast',
  'isLinkLocalUnicast',
  'isLoopback',
  'isUnspecified',
  'masked',
  'prefixLength',
  'getEscapedPath',
  'getHost',
  'getHostname',
  'getPort',
  'getScheme',
  'isURL',
  'url',
  'add',
  'asApproximateFloat',
  'asInteger',
  'compareTo',
  'isGreaterThan',
  'isInteger',
  'isLessThan',
  'isQuantity',
  'quantity',
  'sign',
  'sub',
  'isSemver',
  'major',
  'semver',
  'format.dns1123Label',
  'distinct',
  'first',
  'flatten',
  'isSorted',
  'lists.range',
  'max',
  'min',
  'reverse',
  'slice',
  'sort',
  'sortBy',
  'sum',
  'find',
  'findAll',
  'sets.contains',
  'sets.equivalent',
  'sets.intersects',
];

const error =
  (theirs: RegExp, ours = /^error /) =>
  (difference: Difference): boolean =>
    theirs.test(difference.theirs) && ours.test(difference.ours);

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: 'no static types',
    why: 'expressions are not type-checked before they run: what the checker refuses is an error, or even a value, at run time',
    fits: ({ kind, theirs }) =>
      kind === 'accepted' &&
      /^compile error (found no matching overload|expected type|type '.*' does not support|undefined field|expression of type)/.test(
        theirs,
      ),
  },
  {
    name: 'types bound by the checker',
    why: 'cel-go picks the overload by the static type that another part of the expression gave to a dynamic value',
    fits: error(/^error no such overload: (int|uint|double|string|bool|bytes)\(\w+\)$/, /^value /),
  },
  {
    name: 'no folding',
    why: 'constants are not folded at compile time: what is wrong with one shows when, and if, it is evaluated',
    fits: ({ kind, theirs }) => kind === 'accepted' && theirs.startsWith('program error '),
  },
  {
    name: 'formats are not validated',
    why: 'literal formats are checked against their arguments at compile time in Kubernetes, and only when they run here',
    fits: ({ theirs }) => /too many arguments supplied to string.format|^compile error error during formatting/.test(theirs),
  },
  {
    name: 'the checker of cel-go panics',
    why: 'cel-go 0.26 breaks down over optional entries of dynamic type in list literals; the API server then answers 500, we evaluate them',
    fits: ({ theirs }) => theirs.startsWith('panic error '),
  },
  {
    name: 'names in overload errors of operators',
    why: 'cel-go names an operator only where its left operand knows no such operation at all',
    fits: error(/^error no such overload(: (_.{1,2}_|-_|size|matches))?$/, /^error no such overload/),
  },
  {
    name: 'range of two-variable macros',
    why: 'these have another text for a range that is neither list nor map',
    fits: error(/^error unsupported comprehension range type/),
  },
  {
    name: 'join of other lists',
    why: 'the same error in other words',
    fits: error(/^error (no such overload: join\(list|join: invalid input)/),
  },
  { name: 'overflow of times', why: 'the same error in other words', fits: error(/^error integer overflow$/, /^error duration overflow$/) },
  {
    name: 'types of indexes',
    why: 'the same error in other words: cel-go tells an index that is a field by its Go type',
    fits: error(/^error (invalid qualifier type|no such key|unsupported index (type|value))/, /index|^value/),
  },
  {
    name: 'offset of timestamps',
    why: 'timestamps are printed in UTC, not with the offset they were written with',
    fits: ({ kind }, expression) => kind === 'value' && expression.includes('+05:30'),
  },
  {
    name: 'milliseconds of durations',
    why: 'the part below the second, as the specification has it; cel-go counts all of them',
    fits: (_, expression) => expression.includes('getMilliseconds'),
  },
  {
    name: 'durations of integers',
    why: 'seconds here, an error in Kubernetes',
    fits: error(/from 'int' to 'google.protobuf.Duration'/, /^/),
  },
  {
    name: 'underscores in numbers',
    why: "Go reads '4_2' as a double",
    fits: error(/^/, /^error type conversion error from 'string' to 'double'$/),
  },
  { name: 'offsets beyond the text', why: 'an error here, -1 in Kubernetes', fits: error(/^/, /^error index out of range: /) },
  { name: 'spaces around ×', why: 'cel-go prints none', fits: (_, expression) => expression.includes('%e') },
  { name: 'indexOf of lists', why: 'the lists library is not here', fits: error(/^/, /no such overload: (indexOf|lastIndexOf)\(list/) },
  { name: 'repeated keys', why: 'an error here, in Kubernetes the last one wins', fits: error(/^/, /^error Failed with repeated key$/) },
  {
    name: 'in an empty list',
    why: 'cel-go folds it to false and does not look at the element',
    fits: (_, expression) => expression.includes(' in [])'),
  },
  { name: 'negated durations', why: 'dynamic durations have a negation in cel-go', fits: error(/^/, /^error no such overload$/) },
  {
    name: 'weekdays before the year 1',
    why: 'a zone can take the first of all timestamps out of range',
    fits: (_, expression) => /0001-.*getDayOfWeek/.test(expression),
  },
  {
    name: 'zero of timestamps',
    why: 'the first instant of the year 1 is the zero value in Go',
    fits: (_, expression) => /ofNonZeroValue.*0001-/.test(expression),
  },
  {
    name: 'quotes in formatted lists',
    why: 'Go escapes what it takes for unprintable',
    fits: ({ kind }, expression) => kind === 'value' && /%s.*format/.test(expression) && /self\.up/.test(expression),
  },
  {
    name: 'types as text',
    why: 'cel-go matches a literal pattern with the name of a type',
    fits: error(/^value/, /no such overload: matches\(type/),
  },
];

export const knownDifference = (difference: Difference, expression: string): KnownDifference | undefined =>
  KNOWN_DIFFERENCES.find((row) => row.fits(difference, expression));

export type KnownPolicyDifference = {
  readonly name: string;
  readonly why: string;
  readonly fits: (difference: PolicyDifference) => boolean;
};

export const KNOWN_POLICY_DIFFERENCES: readonly KnownPolicyDifference[] = [
  {
    name: 'audit annotations are named',
    why: 'our error says which audit annotation it came from',
    fits: ({ ours, theirs }) => ours.replace(/audit annotation \\"\w+\\": /, '') === theirs,
  },
  {
    name: 'reason Unauthorized',
    why: 'a Policy may give it; the API server does not store a ValidatingAdmissionPolicy that does',
    fits: ({ what, theirs }) =>
      what === 'creation' && theirs.split('; ').every((refusal) => refusal.includes('Unsupported value: "Unauthorized"')),
  },
];

export const knownPolicyDifference = (difference: PolicyDifference): KnownPolicyDifference | undefined =>
  KNOWN_POLICY_DIFFERENCES.find((row) => row.fits(difference));
