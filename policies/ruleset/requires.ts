// SPDX-License-Identifier: Apache-2.0
/**
 * Which rulesets have what they require, among all that are there together.
 *
 * In: every release by name with its requirements. Out: for each whose requirements are not met, why. A requirement is met
 * by the ruleset of that name when its release fits the range and it has not ended; rulesets that require each other in a
 * circle are never met, since none could be installed first. What follows from it is the caller's: what is new is not
 * enforced, and what stood stands.
 */
import type { Problem } from '../problem.ts';
import { fitsRange, isRange, rangesMeet } from './range.ts';

export type Requirement = { readonly name: string; readonly release?: string };

export type InstalledRelease = {
  readonly name: string;
  readonly release: string | undefined;
  readonly retired: boolean;
  readonly requires: readonly Requirement[];
};

const rangeText = ({ release }: Requirement): string => (release === undefined ? 'any release' : `release ${release}`);

/** Who are left when nobody can be taken away who has nothing open: circles, and what lies between circles. */
const inCircles = (releases: ReadonlyMap<string, InstalledRelease>): ReadonlySet<string> => {
  const left = new Set(releases.keys());
  const peel = (edges: ReadonlyMap<string, readonly string[]>, back: ReadonlyMap<string, readonly string[]>): void => {
    const open = new Map([...left].map((name) => [name, (edges.get(name) ?? []).filter((to) => left.has(to)).length]));
    const free = [...left].filter((name) => open.get(name) === 0);
    for (let name = free.pop(); name !== undefined; name = free.pop()) {
      left.delete(name);
      for (const from of back.get(name) ?? []) {
        const count = (open.get(from) ?? 0) - 1;
        open.set(from, count);
        if (count === 0 && left.has(from)) free.push(from);
      }
    }
  };
  const needs = new Map([...releases].map(([name, { requires }]) => [name, [...new Set(requires.map((one) => one.name))]]));
  const neededBy = new Map<string, string[]>();
  for (const [name, names] of needs) for (const other of names) neededBy.set(other, [...(neededBy.get(other) ?? []), name]);
  peel(needs, neededBy);
  peel(neededBy, needs);
  return left;
};

const MAX_TOLD = 8;

/** A way from the ruleset round to itself, or into the circle that it leads to. */
const circleFrom = (start: string, circles: ReadonlySet<string>, releases: ReadonlyMap<string, InstalledRelease>): readonly string[] => {
  const way: string[] = [];
  const seen = new Set<string>();
  let name: string | undefined = start;
  while (name !== undefined && !seen.has(name) && way.length < MAX_TOLD) {
    seen.add(name);
    way.push(name);
    name = releases.get(name)?.requires.find((one) => circles.has(one.name))?.name;
  }
  if (name === undefined) return way;
  return seen.has(name) ? [...way, name] : [...way, '…'];
};

type Asked = { readonly by: string; readonly requirement: Requirement };

type Facts = {
  readonly releases: ReadonlyMap<string, InstalledRelease>;
  readonly asked: ReadonlyMap<string, readonly Asked[]>;
};

const unmet = (by: string, requirement: Requirement, index: number, { releases, asked }: Facts): Problem | undefined => {
  const path = `spec.requires[${index}]`;
  const { name, release: range } = requirement;
  if (range !== undefined && !isRange(range))
    return { code: 'RULESET_REQUIRES_RANGE', message: `${JSON.stringify(range)} is no range of releases`, path: `${path}.release` };
  const found = releases.get(name);
  if (found !== undefined && !found.retired && fitsRange(found.release, range)) return undefined;
  const other = (asked.get(name) ?? []).find((one) => one.by !== by && !rangesMeet(range, one.requirement.release));
  if (other !== undefined) {
    const message = `${by} requires ${name} in ${rangeText(requirement)}, ${other.by} in ${rangeText(other.requirement)}: no release fits both`;
    return { code: 'RULESET_REQUIRES_CONFLICT', message, path };
  }
  if (found === undefined || found.retired) {
    const why = found === undefined ? 'it is not there' : 'it has ended';
    return { code: 'RULESET_REQUIRES_MISSING', message: `${by} requires the ruleset ${name}, ${rangeText(requirement)}, and ${why}`, path };
  }
  const has = found.release === undefined ? 'it says no release' : `it is ${found.release}`;
  return { code: 'RULESET_REQUIRES_RELEASE', message: `${by} requires the ruleset ${name} in ${rangeText(requirement)}, and ${has}`, path };
};

/** By the name of the ruleset; one that has all it requires is not among them. */
export const unmetRequirements = (installed: readonly InstalledRelease[]): ReadonlyMap<string, readonly Problem[]> => {
  const releases = new Map(installed.map((one) => [one.name, one]));
  if (installed.every(({ requires }) => requires.length === 0)) return new Map();
  const asked = Map.groupBy(
    installed.flatMap(({ name: by, requires }) => requires.map((requirement): Asked => ({ by, requirement }))),
    ({ requirement }) => requirement.name,
  );
  const circles = inCircles(releases);
  const problems = new Map<string, readonly Problem[]>();
  for (const { name, requires } of releases.values()) {
    const found = requires.flatMap((requirement, index) => unmet(name, requirement, index, { releases, asked }) ?? []);
    if (circles.has(name)) {
      const told = circleFrom(name, circles, releases);
      found.push({ code: 'RULESET_REQUIRES_CYCLE', message: `rulesets require each other: ${told.join(' → ')}`, path: 'spec.requires' });
    }
    if (found.length > 0) problems.set(name, found);
  }
  return problems;
};
