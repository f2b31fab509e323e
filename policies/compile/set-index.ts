// SPDX-License-Identifier: Apache-2.0
/**
 * Which policies may apply, found by group, resource, operation and a label of the namespace, so that a thousand loaded of
 * which thirty apply cost about as thirty. An index may name too many, never too few; matching proper is `match.ts`.
 */
import type { AdmissionRequest, GroupVersionResource } from '../decide/request.ts';
import { setDigest, sha256 } from './digest.ts';
import { isClusterScoped, isNamespaceResource } from './match.ts';
import type { MatchRule } from './match.ts';
import type { CompiledPolicy, PolicySet } from './policy-set.ts';
import { indexable } from './selector.ts';
import type { Labels } from './selector.ts';

/** Positions in the list of policies, ascending. */
type Bucket = {
  readonly all: readonly number[];
  /** Those whose namespaceSelector names no value of a label. */
  readonly anywhere: readonly number[];
  readonly byLabel: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;
  /** What was found for the labels of a namespace, which stay the same object between its changes. */
  readonly found: WeakMap<Labels, readonly CompiledPolicy[]>;
};

const key = (group: string, resource: string, operation: string): string => `${group}\n${resource}\n${operation}`;

const keysOf = (rule: MatchRule): readonly string[] =>
  [...rule.groups].flatMap((group) =>
    rule.resources.flatMap(({ resource }) => [...rule.operations].map((operation) => key(group, resource, operation))),
  );

/** Names what the rules of a policy match, so that policies which match the same are indexed as one. Known since it was compiled. */
const names = new WeakMap<readonly MatchRule[], string>();

const nameOf = (rules: readonly MatchRule[]): string => {
  const known = names.get(rules);
  if (known !== undefined) return known;
  const name = sha256(rules.flatMap(keysOf).join('\t'));
  names.set(rules, name);
  return name;
};

const bucketOf = (positions: readonly number[], policies: readonly CompiledPolicy[]): Bucket => {
  const anywhere: number[] = [];
  const byLabel = new Map<string, Map<string, number[]>>();
  for (const position of positions) {
    const selector = policies[position]?.match.namespaceSelector;
    const wanted = selector === undefined ? undefined : indexable(selector);
    if (wanted === undefined) {
      anywhere.push(position);
      continue;
    }
    const byValue = byLabel.get(wanted.key) ?? new Map<string, number[]>();
    byLabel.set(wanted.key, byValue);
    for (const value of wanted.values) {
      const list = byValue.get(value) ?? [];
      byValue.set(value, list);
      list.push(position);
    }
  }
  return { all: positions, anywhere, byLabel, found: new WeakMap() };
};

const ascending = (positions: Iterable<number>): number[] => [...new Set(positions)].toSorted((a, b) => a - b);

/** Kinds of requests that a cluster sends are few; should something make up names without end, they are not kept. */
const MAX_BUCKETS = 4_096;

const NOTHING: Bucket = { all: [], anywhere: [], byLabel: new Map(), found: new WeakMap() };

const indexPolicies = (policies: readonly CompiledPolicy[]): PolicySet['candidates'] => {
  const alike = new Map<string, number[]>();
  for (const [position, policy] of policies.entries()) {
    const name = nameOf(policy.match.rules);
    const list = alike.get(name);
    if (list === undefined) alike.set(name, [position]);
    else list.push(position);
  }
  const byKey = new Map<string, (readonly number[])[]>();
  for (const positions of alike.values()) {
    const [first = 0] = positions;
    for (const name of new Set(policies[first]?.match.rules.flatMap(keysOf))) {
      const lists = byKey.get(name);
      if (lists === undefined) byKey.set(name, [positions]);
      else lists.push(positions);
    }
  }
  const buckets = new Map<string, Bucket>();

  const bucketFor = (resource: GroupVersionResource, operation: string): Bucket => {
    const name = key(resource.group, resource.resource, operation);
    const known = buckets.get(name);
    if (known !== undefined) return known;
    const positions = [resource.group, '*'].flatMap((group) =>
      [resource.resource, '*'].flatMap((plural) => [operation, '*'].flatMap((verb) => byKey.get(key(group, plural, verb)) ?? []).flat()),
    );
    const bucket = positions.length === 0 ? NOTHING : bucketOf(ascending(positions), policies);
    if (buckets.size < MAX_BUCKETS) buckets.set(name, bucket);
    return bucket;
  };

  const positionsIn = (bucket: Bucket, labels: Labels | undefined): readonly number[] => {
    if (labels === undefined) return bucket.all;
    if (bucket.byLabel.size === 0) return bucket.anywhere;
    const found = [...bucket.anywhere];
    for (const [label, byValue] of bucket.byLabel) {
      const value = labels.get(label);
      if (value !== undefined) found.push(...(byValue.get(value) ?? []));
    }
    return found.length === bucket.anywhere.length ? bucket.anywhere : found.sort((a, b) => a - b);
  };

  return (request: AdmissionRequest, namespaceLabels) => {
    const { resource, requestResource: asSent, operation } = request;
    // Objects outside of namespaces match every namespaceSelector.
    const labels = isClusterScoped(request) && !isNamespaceResource(resource) ? undefined : namespaceLabels;
    const bucket = bucketFor(resource, operation);
    const named = (positions: readonly number[]): readonly CompiledPolicy[] => positions.flatMap((position) => policies[position] ?? []);
    if (asSent !== undefined && (asSent.group !== resource.group || asSent.resource !== resource.resource))
      return named(ascending([...positionsIn(bucket, labels), ...positionsIn(bucketFor(asSent, operation), labels)]));
    const known = labels === undefined ? undefined : bucket.found.get(labels);
    if (known !== undefined) return known;
    const candidates = named(positionsIn(bucket, labels));
    if (labels !== undefined) bucket.found.set(labels, candidates);
    return candidates;
  };
};

export const createSet = (policies: readonly CompiledPolicy[]): PolicySet =>
  Object.freeze({
    digest: setDigest(policies),
    policies: Object.freeze([...policies]),
    asksAuthorizer: policies.some(({ asksAuthorizer }) => asksAuthorizer),
    isUnsigned: policies.every(({ unsigned, confinedTo }) => unsigned === true || confinedTo !== undefined),
    candidates: indexPolicies(policies),
  });
