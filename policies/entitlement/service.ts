// SPDX-License-Identifier: Apache-2.0
// Metered use and service in a tier: a Tenant may limit itself further and ask for less, never the other way round.
import type { TenantObjective, TenantSpec, TenantLimit } from '../../crds/generated/objects.ts';
import { durationMs } from '../document/duration.ts';
import { excessAt } from './excess.ts';
import type { Bounded, Excess } from './excess.ts';
import type { Tier } from './tier.ts';

const windowOf = (window: string): string => (window === 'Month' ? window : String(durationMs(window)));
const usageKey = ({ meter, window }: Pick<TenantLimit, 'meter' | 'window'>): string => `${meter} ${windowOf(window)}`;

const amountOf = (limit: string): bigint | undefined => (/^\d{1,18}$/.test(limit) ? BigInt(limit) : undefined);

/** From the least strict; a limit that says nothing denies. */
const ON_EXCEED = ['Audit', 'Warn', 'Throttle', 'Deny'] as const;
const strictness = ({ onExceed = 'Deny' }: Pick<TenantLimit, 'onExceed'>): number => ON_EXCEED.indexOf(onExceed);

const freeName = (wanted: string, taken: ReadonlySet<string>): string => {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted.slice(0, 58)}-${number}`;
    if (!taken.has(name)) return name;
  }
};

export const boundUsage = (spec: TenantSpec, { usage }: Tier): Bounded => {
  if (usage.length === 0) return { spec, excesses: [] };
  const caps = new Map(usage.map((cap) => [usageKey(cap), cap]));
  const excesses: Excess[] = [];
  const limits = (spec.usage?.limits ?? []).map((asked, index): TenantLimit => {
    const cap = caps.get(usageKey(asked));
    if (cap === undefined) return asked;
    const [wanted, most] = [amountOf(asked.limit), amountOf(cap.limit)];
    const isMore = wanted === undefined || most === undefined || wanted > most;
    const isLaxer = strictness(asked) < strictness(cap);
    const path = ['usage', 'limits', index] as const;
    if (isMore) excesses.push(excessAt([...path, 'limit'], asked.limit, cap.limit));
    if (isLaxer) excesses.push(excessAt([...path, 'onExceed'], asked.onExceed ?? 'Deny', cap.onExceed ?? 'Deny'));
    return { ...asked, ...(isMore ? { limit: cap.limit } : {}), ...(isLaxer ? { onExceed: cap.onExceed ?? 'Deny' } : {}) };
  });
  const named = new Set(limits.map(usageKey));
  const taken = new Set(limits.map(({ name }) => name));
  for (const cap of usage) {
    if (named.has(usageKey(cap))) continue;
    const name = freeName(cap.name, taken);
    taken.add(name);
    limits.push({ ...cap, name });
  }
  return { spec: { ...spec, usage: { ...spec.usage, limits } }, excesses };
};

const shareOf = (target: string): number => Number(target);
const within = (threshold: string | undefined): number => (threshold === undefined ? Number.POSITIVE_INFINITY : durationMs(threshold));

export const boundObjectives = (spec: TenantSpec, { slo, features }: Tier): Bounded => {
  const promised = new Map((slo.objectives ?? []).map((objective) => [objective.name, objective]));
  const excesses: Excess[] = [];
  const objectives = (spec.slo?.objectives ?? []).flatMap((asked, index): readonly TenantObjective[] => {
    const path = ['slo', 'objectives', index] as const;
    const known = promised.get(asked.name);
    if (known === undefined) {
      if (features.has('custom-objectives')) return [asked];
      excesses.push(excessAt(path, asked.name, 'none without the feature custom-objectives'));
      return [];
    }
    const isMore = !(shareOf(asked.target) <= shareOf(known.target));
    const isFaster = within(asked.threshold) < within(known.threshold);
    if (isMore) excesses.push(excessAt([...path, 'target'], asked.target, known.target));
    if (isFaster) excesses.push(excessAt([...path, 'threshold'], asked.threshold ?? '', known.threshold ?? 'no threshold'));
    return isMore || isFaster ? [known] : [asked];
  });
  const named = new Set(objectives.map(({ name }) => name));
  const all = [...objectives, ...[...promised.values()].filter(({ name }) => !named.has(name))];
  return all.length === 0 && spec.slo === undefined
    ? { spec, excesses }
    : { spec: { ...spec, slo: { ...spec.slo, objectives: all } }, excesses };
};
