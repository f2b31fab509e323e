// SPDX-License-Identifier: Apache-2.0
// Where our engine and Kubernetes are known to differ, and why that is so. Everything else fails the test.
import type { Difference } from './compare.ts';
import type { PolicyDifference } from './compare-policy.ts';

export type KnownDifference = { readonly name: string; readonly why: string; readonly fits: (difference: Difference) => boolean };

/** Functions of Kubernetes' libraries that our engine does not have; nothing that uses them is generated. */
export const ABSENT_FUNCTIONS: readonly string[] = [
  'cidr', 'containsCIDR', 'containsIP', 'family', 'ip', 'ip.isCanonical', 'isCIDR', 'isGlobalUnicast', 'isIP', 'isLinkLocalMulticast',
  'isLinkLocalUnicast', 'isLoopback', 'isUnspecified', 'masked', 'prefixLength',
  'getEscapedPath', 'getHost', 'getHostname', 'getPort', 'getScheme', 'isURL', 'url',
  'add', 'asApproximateFloat', 'asInteger', 'compareTo', 'isGreaterThan', 'isInteger', 'isLessThan', 'isQuantity', 'quantity', 'sign', 'sub',
  'isSemver', 'major', 'semver', 'format.dns1123Label',
  'distinct', 'first', 'flatten', 'isSorted', 'lists.range', 'max', 'min', 'reverse', 'slice', 'sort', 'sortBy', 'sum',
  'find', 'findAll', 'sets.contains', 'sets.equivalent', 'sets.intersects',
];

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: 'no static types',
    why: 'expressions are not type-checked before they run: what the checker refuses is an error, or even a value, at run time',
    fits: ({ kind, theirs }) =>
      kind === 'accepted' && /^compile error (found no matching overload|expected type|type '.*' does not support|undefined field|expression of type)/.test(theirs),
  },
  {
    name: 'no folding',
    why: 'constants are not folded at compile time: what is wrong with one shows when, and if, it is evaluated',
    fits: ({ kind, theirs }) => kind === 'accepted' && theirs.startsWith('program error '),
  },
  {
    name: 'the checker of cel-go panics',
    why: 'cel-go 0.26 breaks down over some optional entries of list literals; the API server then answers 500, and we evaluate them',
    fits: ({ theirs }) => theirs.startsWith('panic error '),
  },
];

export const knownDifference = (difference: Difference): KnownDifference | undefined => KNOWN_DIFFERENCES.find((row) => row.fits(difference));

export type KnownPolicyDifference = { readonly name: string; readonly why: string; readonly fits: (difference: PolicyDifference) => boolean };

export const KNOWN_POLICY_DIFFERENCES: readonly KnownPolicyDifference[] = [];

export const knownPolicyDifference = (difference: PolicyDifference): KnownPolicyDifference | undefined =>
  KNOWN_POLICY_DIFFERENCES.find((row) => row.fits(difference));
