// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant's limits on use say about one more agent workload. Pure: the limits as the Tenant has them now, and where it
 * stands as the operator wrote it last: by a look that began at most an interval ago, a minute, so new work is let in for that long, a look
 * and what a watch takes to arrive after a limit is reached. A limit of which nothing is known yet holds nobody up.
 *
 * In: `spec.usage.limits` of the Tenant, `status.limits` of its TenantUsage. Out: the strictest verdict and a problem for each limit
 * that is used up. Total: both come from the cluster. Whoever answers admission may import it.
 */
import type { TenantLimit, TenantUsageStanding } from '../../crds/generated/objects.ts';
import type { Problem } from '../problem.ts';

/** Throttle: to be tried again, as 429 TooManyRequests tells controllers. Audit: nothing but a record. */
export type UseVerdict = 'Allow' | 'Audit' | 'Warn' | 'Throttle' | 'Deny';

export type UseJudgement = {
  readonly verdict: UseVerdict;
  /** One for each limit that is used up, in the order of the Tenant. */
  readonly problems: readonly (Problem & { readonly verdict: UseVerdict })[];
};

const ORDER: readonly UseVerdict[] = ['Allow', 'Audit', 'Warn', 'Throttle', 'Deny'];

const DECIMAL = /^(\d{1,60})(?:\.\d+)?$/;

/** Whether a decimal text has reached a whole number; false for what is no number. */
export const hasReached = (used: unknown, limit: unknown): boolean => {
  if (typeof used !== 'string' || typeof limit !== 'string' || !/^\d{1,18}$/.test(limit)) return false;
  const whole = DECIMAL.exec(used)?.[1];
  return whole !== undefined && BigInt(whole) >= BigInt(limit);
};

export const judgeUse = (
  limits: readonly TenantLimit[] | undefined,
  standings: readonly TenantUsageStanding[] | undefined,
): UseJudgement => {
  const byName = new Map((standings ?? []).map((standing) => [standing.name, standing]));
  const problems = (limits ?? []).flatMap(({ name, meter, window, limit, onExceed = 'Deny' }, index) => {
    const standing = byName.get(name);
    // Written of another meter or window: the Tenant was changed since, and the next writing will say.
    if (standing === undefined || standing.meter !== meter || standing.window !== window || !hasReached(standing.used, limit)) return [];
    const message = `limit ${name}: ${standing.used} of ${limit} ${meter} are used within ${window}`;
    return [
      {
        code: onExceed === 'Throttle' ? ('USAGE_LIMIT_THROTTLED' as const) : ('USAGE_LIMIT_EXCEEDED' as const),
        message,
        path: `spec.usage.limits[${index}]`,
        verdict: onExceed,
      },
    ];
  });
  const verdict = problems.reduce<UseVerdict>(
    (worst, one) => (ORDER.indexOf(one.verdict) > ORDER.indexOf(worst) ? one.verdict : worst),
    'Allow',
  );
  return { verdict, problems };
};
