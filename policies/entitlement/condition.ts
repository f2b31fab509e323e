// SPDX-License-Identifier: Apache-2.0
// What a tenant's tier comes to, as the condition `Entitled` of its status: operator and command line say the same.
import { conditionReason } from '../../crds/conditions.ts';
import type { EffectiveTenant, EntitlementProblem } from './effective.ts';

export type Entitled = { readonly status: 'True' | 'False' | 'Unknown'; readonly reason: string; readonly message: string };

/** Conditions are bounded and read by people; the fields themselves say the rest. */
const SHOWN = 4;

const DAY_MS = 24 * 3600_000;
/** How long before its end a license is told to be renewed. */
const ENDING_MS = 14 * DAY_MS;

const dayOf = (ms: number): string => new Date(ms).toISOString();

const describe = ({ path, message }: EntitlementProblem): string => (path === undefined ? message : `${path}: ${message}`);

const licensed = ({ entitled }: EffectiveTenant, atMs: number): Entitled | undefined => {
  const { tier, license, table } = entitled ?? {};
  const title = `tier ${tier?.name} of catalog version ${table?.version}`;
  if (tier?.needsLicense !== true || license === undefined) return undefined;
  const { name, expiresMs, closesMs } = license;
  if (expiresMs === undefined || closesMs === undefined)
    return { status: 'True', reason: 'Entitled', message: `${title}, by license ${name}` };
  const end = `license ${name} ${expiresMs <= atMs ? 'ended' : 'ends'} at ${dayOf(expiresMs)}`;
  const grace = closesMs > expiresMs ? `, its grace period at ${dayOf(closesMs)}` : '';
  const reason = expiresMs <= atMs ? 'LicenseInGracePeriod' : expiresMs - ENDING_MS <= atMs ? 'LicenseEndsSoon' : 'Entitled';
  return {
    status: 'True',
    reason,
    message: reason === 'Entitled' ? `${title}, by license ${name} until ${dayOf(expiresMs)}` : `${title}; ${end}${grace}`,
  };
};

/** `problems`: with those that were found by asking `checkEntitlement` for what the tenant has. `atMs`: now. */
export const entitledCondition = (tenant: EffectiveTenant, atMs: number, problems = tenant.problems): Entitled => {
  const { entitled } = tenant;
  if (entitled === undefined) {
    return { status: 'Unknown', reason: 'NoCatalog', message: 'no TierCatalog is in force: the spec counts as it is written' };
  }
  const first = problems.find(({ code }) => code === 'ENTITLEMENT_EXCEEDED') ?? problems[0];
  if (first !== undefined) {
    const others = problems.length > SHOWN ? `; and ${problems.length - SHOWN} more` : '';
    return {
      status: 'False',
      reason: conditionReason(first.code),
      message: `${problems.slice(0, SHOWN).map(describe).join('; ')}${others}`,
    };
  }
  const message = `tier ${entitled.tier.name} of catalog version ${entitled.table.version}`;
  return licensed(tenant, atMs) ?? { status: 'True', reason: 'Entitled', message };
};

/** When time alone next changes what the condition says, epoch ms. */
export const conditionTurnsMs = ({ entitled }: EffectiveTenant, atMs: number): number | undefined => {
  const { expiresMs, closesMs } = entitled?.license ?? {};
  const turns = [expiresMs === undefined ? undefined : expiresMs - ENDING_MS, expiresMs, closesMs].flatMap((ms) =>
    ms !== undefined && ms > atMs ? [ms] : [],
  );
  return turns.length === 0 ? undefined : Math.min(...turns);
};
