// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant was promised of Writ's own service, and whether one answer keeps the promise.
 *
 * In: `spec.slo` of a Tenant, and how a review ended. Out: the objectives that admission itself can be held to, each a share of
 * good answers among all, so that they add up over replicas and time (a quantile would not). Two are known by their names:
 * `availability`, whose answer is good where policies decided, and `admission-latency`, whose answer is good where they did
 * within the threshold. An objective of another name is somebody else's to measure. Pure and total. The webhook counts by it.
 */
import { isRecord } from '../../crds/wire.ts';
import { durationMs } from '../document/duration.ts';

export type Objective = {
  readonly name: 'availability' | 'admission-latency';
  /** Share of answers that are to be good, from 0 to 1. */
  readonly target: number;
  /** Of `admission-latency`: the longest time that still is good. */
  readonly withinMs: number;
};

export type Answered = {
  /** closed: nothing could be decided, so the answer was no. */
  readonly outcome: 'decided' | 'closed';
  readonly durationMs: number;
};

const shareOf = (percent: unknown): number | undefined => {
  const share = typeof percent === 'string' && /^\d{1,3}(?:\.\d+)?$/.test(percent) ? Number(percent) / 100 : Number.NaN;
  return share >= 0 && share <= 1 ? share : undefined;
};

const readObjective = (entry: unknown): Objective | undefined => {
  if (!isRecord(entry)) return undefined;
  const target = shareOf(entry['target']);
  if (target === undefined) return undefined;
  if (entry['name'] === 'availability') return { name: 'availability', target, withinMs: Number.POSITIVE_INFINITY };
  const withinMs = typeof entry['threshold'] === 'string' ? durationMs(entry['threshold']) : Number.NaN;
  // Without a threshold no answer is late, so there is nothing to measure.
  return entry['name'] === 'admission-latency' && withinMs > 0 ? { name: 'admission-latency', target, withinMs } : undefined;
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
