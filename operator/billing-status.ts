// SPDX-License-Identifier: Apache-2.0
// What a Tenant says of its customer and subscription: `status.billing` and the condition Billed, by a writer of their own beside that of the
// tenant's namespaces. Written where it says something new.
import { conditionReason } from '../crds/conditions.ts';
import { tenants } from '../crds/kinds.ts';
import type { KubeClient } from '../kube/client.ts';
import { applyStatus } from '../kube/status.ts';
import { formatProblem } from '../policies/problem.ts';
import type { Problem } from '../policies/problem.ts';
import { formatTime } from '../policies/pricing/calendar.ts';
import type { Clock } from '../process/clock.ts';
import type { Log } from '../process/log.ts';
import type { Terms } from './billing/accounts/provider.ts';
import type { Account } from './billing/accounts/tables.ts';
import type { LiveTenant } from './controllers/live.ts';

const FIELD_MANAGER = 'writ-billing';

const shownOf = ({ customer, subscription, terms, next }: Account): NonNullable<NonNullable<LiveTenant['status']>['billing']> => ({
  ...(customer === '' ? {} : { customer }),
  ...(subscription === '' ? {} : { subscription }),
  ...(terms === undefined ? {} : { tier: terms.tier, cycle: terms.cycle, paidFrom: formatTime(terms.anchorMs) }),
  ...(next === undefined
    ? {}
    : { next: { at: formatTime(next.atMs), ...(next.terms === undefined ? {} : { tier: next.terms.tier, cycle: next.terms.cycle }) } }),
});

const termsText = (terms: Terms | undefined): string => (terms === undefined ? 'it ends' : `${terms.tier}, ${terms.cycle}`);

const notBilled = (problem: Problem) =>
  ({ type: 'Billed', status: 'False', reason: conditionReason(problem.code), message: formatProblem(problem) }) as const;

const conditionOf = ({ customer, subscription, terms, next, problem }: Account) => {
  if (problem !== undefined) return notBilled(problem);
  if (subscription === '' || terms === undefined)
    return { type: 'Billed', status: 'Unknown', reason: 'Progressing', message: 'the subscription is being made' } as const;
  const change = next === undefined ? '' : `; from ${formatTime(next.atMs)}: ${termsText(next.terms)}`;
  const message = `${subscription} of ${customer}: ${termsText(terms)}${change}`;
  return { type: 'Billed', status: 'True', reason: 'Succeeded', message } as const;
};

/** `account` is undefined where the tenant has none and wants none: what was said of one goes. */
export const tellBilled = async (
  client: Pick<KubeClient, 'apply'>,
  clock: Clock,
  told: { readonly tenant: LiveTenant; readonly account: Account | undefined },
): Promise<void> => {
  const { tenant, account } = told;
  const said = tenant.status?.billing !== undefined || tenant.status?.conditions?.some(({ type }) => type === 'Billed') === true;
  if (account === undefined && !said) return;
  const status = account === undefined ? {} : { billing: shownOf(account), conditions: [conditionOf(account)] };
  await applyStatus(client, { resource: tenants, object: tenant, clock, status, fieldManager: FIELD_MANAGER });
};

/** Where this operator can keep no subscription. What was said of one still stands at the provider, and nobody changes or ends it. */
export const tellUnbilled = async (
  { client, clock, log }: { readonly client: Pick<KubeClient, 'apply'>; readonly clock: Clock; readonly log: Log },
  listed: readonly LiveTenant[],
  why: string,
): Promise<void> => {
  const condition = notBilled({ code: 'BILL_PROVIDER_NONE', message: why, path: 'spec.billing.provider' });
  for (const tenant of listed) {
    const billing = tenant.status?.billing;
    try {
      if (tenant.spec.billing?.provider === undefined && billing === undefined) {
        await tellBilled(client, clock, { tenant, account: undefined });
        continue;
      }
      const status = { ...(billing === undefined ? {} : { billing }), conditions: [condition] };
      await applyStatus(client, { resource: tenants, object: tenant, clock, status, fieldManager: FIELD_MANAGER });
    } catch (error) {
      // One that cannot be written keeps no other from being told.
      log.warn({ err: error, tenant: tenant.metadata.name }, 'a Tenant could not be told that nobody bills it; it is tried again');
    }
  }
};
