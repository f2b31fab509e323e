// SPDX-License-Identifier: Apache-2.0
// Tenants that were verified, for those of a process who ask about the objects of one cache, which are replaced and never changed: what
// one of them has verified the others know. webhook/ and operator/ make it.
import { atOnce } from './steps.ts';
import type { Steps } from './steps.ts';
import { judgeTenantInSteps } from './tenant-object.ts';
import type { JudgedTenant, LookedTenant, TenantObject } from './tenant-object.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';
import { isCurrent } from './trust/term.ts';
import type { Trust } from './trust/index.ts';

export type TenantMemory = {
  judge(object: TenantObject, trust: Trust, atMs: number): JudgedTenant;
  /** The same in steps of some milliseconds each, however many seals there are. */
  judgeInSteps(object: TenantObject, trust: Trust, atMs: number): Steps<JudgedTenant>;
  /** Whether that costs nothing. */
  knows(object: TenantObject, trust: Trust, atMs: number): boolean;
};

type Remembered = LookedTenant & { readonly under: string; readonly atMs: number };

const underOf = ({ digest, root }: Trust): string => `${digest} ${root.ok}`;

export const rememberTenants = (evidence?: EvidenceMemory): TenantMemory => {
  const memory = new WeakMap<TenantObject, Remembered>();
  const recall = (object: TenantObject, trust: Trust, nowMs: number): JudgedTenant | undefined => {
    const known = memory.get(object);
    if (known === undefined || known.under !== underOf(trust)) return undefined;
    const { judged, atMs, untilMs } = known;
    return isCurrent({ isGood: judged.ok, atMs, untilMs }, nowMs) ? judged : undefined;
  };
  const judgeInSteps = function* (object: TenantObject, trust: Trust, atMs: number): Steps<JudgedTenant> {
    const known = recall(object, trust, atMs);
    if (known !== undefined) return known;
    const looked = yield* judgeTenantInSteps(object, { trust, atMs, evidence });
    memory.set(object, { ...looked, under: underOf(trust), atMs });
    return looked.judged;
  };
  return {
    judge: atOnce(judgeInSteps),
    judgeInSteps,
    knows: (object, trust, atMs) => recall(object, trust, atMs) !== undefined,
  };
};
