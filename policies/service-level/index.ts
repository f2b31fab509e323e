// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant was promised of Writ's own service, and whether one answer keeps the promise.
 *
 * In: `spec.slo` of a Tenant, and how a review ended. Out: the objectives that admission itself can be held to, each a share of
 * good answers among those that it speaks of, so that they add up over replicas and time (a quantile would not). `KINDS` says of
 * each what it speaks of; whoever counts, promises or shows one goes by it. An objective of another name is somebody else's to
 * measure. Pure and total. The webhook counts by it, and `counts.ts` says how it tells the ledger what it counted.
 */
import { isRecord } from '../../crds/wire.ts';
import { durationMs } from '../document/duration.ts';

/** Of the signed statements of what was promised and kept. */
export const SLA_FORMAT = 'writ.dev/sla-statement/v1';

export const OBJECTIVES = ['availability', 'admission-latency', 'policy-evaluation'] as const;
export type ObjectiveName = (typeof OBJECTIVES)[number];

export type Objective = {
  readonly name: ObjectiveName;
  /** Share of answers that are to be good, from 0 to 1. */
  readonly target: number;
  /** The same as it was written, in percent: what money follows from is reckoned by this one. */
  readonly percent: string;
  /** Of one with a threshold the longest time that still is good; else infinite. */
  readonly withinMs: number;
};

export type Answered = {
  /** closed: nothing could be decided, so the answer was no. */
  readonly outcome: 'decided' | 'closed';
  readonly durationMs: number;
  /** whole: each policy that applied came to its end; failed: one of them, or all together, did not; none: no policy was asked. */
  readonly evaluation: 'none' | 'whole' | 'failed';
};

type Kind = {
  /** Told for each objective by OpenSLO, and in the description of an alert. */
  readonly good: string;
  readonly hasThreshold: boolean;
  /** Undefined of an answer that it does not speak of. */
  readonly keeps: (answered: Answered, withinMs: number) => boolean | undefined;
};

const KINDS: Readonly<Record<ObjectiveName, Kind>> = {
  availability: { good: 'policies decided', hasThreshold: false, keeps: ({ outcome }) => outcome === 'decided' },
  'admission-latency': {
    good: 'policies decided in time',
    hasThreshold: true,
    keeps: ({ outcome, durationMs: tookMs }, withinMs) => outcome === 'decided' && tookMs <= withinMs,
  },
  'policy-evaluation': {
    good: 'each policy that applied was evaluated to its end',
    hasThreshold: false,
    // Where nothing was decided no policy was asked: that is what availability speaks of.
    keeps: ({ evaluation }) => (evaluation === 'none' ? undefined : evaluation === 'whole'),
  },
};

export const hasThreshold = (name: ObjectiveName): boolean => KINDS[name].hasThreshold;
/** What a good answer is. */
export const goodOf = (name: ObjectiveName): string => KINDS[name].good;

/** Undefined of an answer that the objective does not speak of. */
export const keeps = ({ name, withinMs }: Pick<Objective, 'name' | 'withinMs'>, answered: Answered): boolean | undefined =>
  KINDS[name].keeps(answered, withinMs);

/** Refused before any policy was asked: too many at once, too late, nothing verified, a bug. */
export const REFUSED: Pick<Answered, 'outcome' | 'evaluation'> = { outcome: 'closed', evaluation: 'none' };

/** Whether a refusal of whom nobody knows who it was is held against it. */
export const speaksOfRefusals = (objective: Pick<Objective, 'name' | 'withinMs'>): boolean =>
  keeps(objective, { ...REFUSED, durationMs: 0 }) !== undefined;

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
  const name = OBJECTIVES.find((known) => known === entry['name']);
  if (name === undefined) return undefined;
  if (!hasThreshold(name)) return { name, target, percent, withinMs: Number.POSITIVE_INFINITY };
  const withinMs = typeof entry['threshold'] === 'string' ? durationMs(entry['threshold']) : Number.NaN;
  // Without a threshold no answer is late, so there is nothing to measure.
  return withinMs > 0 ? { name, target, percent, withinMs } : undefined;
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
