// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant was promised of Writ's own service, and whether one answer keeps the promise.
 *
 * In: `spec.slo` of a Tenant, and how a review ended. Out: the objectives that admission itself can be held to, each a share of
 * good answers among all, so that they add up over replicas and time (a quantile would not). Two are known by their names:
 * `availability`, whose answer is good where policies decided, and `admission-latency`, whose answer is good where they did
 * within the threshold. An objective of another name is somebody else's to measure. Pure and total. The webhook counts by it, and
 * `counts.ts` says how it tells the ledger what it counted.
 */
import { isRecord } from '../../crds/wire.ts';
import { durationMs } from '../document/duration.ts';

export const OBJECTIVES = ['availability', 'admission-latency'] as const;
export type ObjectiveName = (typeof OBJECTIVES)[number];

export type Objective = {
  readonly name: ObjectiveName;
  /** Share of answers that are to be good, from 0 to 1. */
  readonly target: number;
  /** The same as it was written, in percent: what money follows from is reckoned by this one. */
  readonly percent: string;
  /** Of `admission-latency`: the longest time that still is good. */
  readonly withinMs: number;
};

export type Answered = {
  /** closed: nothing could be decided, so the answer was no. */
  readonly outcome: 'decided' | 'closed';
  readonly durationMs: number;
};

/** From 0 to 1; undefined for what is no percentage. */
export const shareOf = (percent: string): number | undefined => {
  const share = /^\d{1,3}(?:\.\d{1,12})?$/.test(percent) ? Number(percent) / 100 : Number.NaN;
  return share >= 0 && share <= 1 ? share : undefined;
};

const readObjective = (entry: unknown): Objective | undefined => {
  if (!isRecord(entry)) return undefined;
  const percent = entry['target'];
  const target = typeof percent === 'string' ? shareOf(percent) : undefined;
  if (target === undefined || typeof percent !== 'string') return undefined;
  if (entry['name'] === 'availability') return { name: 'availability', target, percent, withinMs: Number.POSITIVE_INFINITY };
  const withinMs = typeof entry['threshold'] === 'string' ? durationMs(entry['threshold']) : Number.NaN;
  // Without a threshold no answer is late, so there is nothing to measure.
  return entry['name'] === 'admission-latency' && withinMs > 0 ? { name: 'admission-latency', target, percent, withinMs } : undefined;
};

/** `slo`: `spec.slo` of a Tenant, whatever it holds. One objective a name, the first. */
export const objectivesOf = (slo: unknown): readonly Objective[] => {
  const entries = isRecord(slo) ? slo['objectives'] : undefined;
  if (!Array.isArray(entries)) return [];
  const objectives = new Map<string, Objective>();
  for (const entry of entries) {
    const objective = readObjective(entry);
    if (objective !== undefined && !objectives.has(objective.name)) objectives.set(objective.name, objective);
  }
  return [...objectives.values()];
};

export const isGood = ({ withinMs }: Objective, { outcome, durationMs: tookMs }: Answered): boolean =>
  outcome === 'decided' && tookMs <= withinMs;
