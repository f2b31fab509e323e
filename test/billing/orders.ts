// SPDX-License-Identifier: Apache-2.0
// What Tenants order of a scene, and what they are told of it.
import type { Store } from '../../operator/usage/store.ts';
import { scene } from './scene.ts';

export type It = Awaited<ReturnType<typeof scene>>;
export type Tier = NonNullable<It['tenants'][number]['spec']['tier']>;
export type Billing = NonNullable<It['tenants'][number]['spec']['billing']>;

export const order = (it: It, tier: Tier | undefined, billing: Billing | undefined, tenant = 'acme'): void => {
  const index = it.tenants.findIndex(({ metadata }) => metadata.name === tenant);
  const before = it.tenants[index];
  const spec: It['tenants'][number]['spec'] = { ...(tier === undefined ? {} : { tier }), ...(billing === undefined ? {} : { billing }) };
  if (before === undefined) it.tenants.push({ metadata: { name: tenant, uid: `${tenant}-1` }, spec });
  else it.tenants[index] = { ...before, spec };
};

/** The Tenant is deleted, and another one of its name made. */
export const replace = (it: It, atMs: number, billing: Billing | undefined, tenant = 'acme'): void => {
  const index = it.tenants.findIndex(({ metadata }) => metadata.name === tenant);
  const metadata = { name: tenant, uid: `${tenant}-${atMs}`, creationTimestamp: new Date(atMs).toISOString() };
  it.tenants.splice(index, 1, { metadata, spec: { tier: 'Starter', ...(billing === undefined ? {} : { billing }) } });
};

/** `store`: one that was never used; SQLite unless given. */
export const keeping = async (store?: Store) => {
  const it = await scene({ config: { 'stripe-prices': true }, ...(store === undefined ? {} : { store }) });
  order(it, 'Starter', { provider: 'Stripe' });
  return it;
};
export const live = ({ fake }: It) => fake.accounts.subscriptions.filter(({ endedS }) => endedS === undefined);
export const statusOf = ({ tenants }: It, tenant = 'acme') => tenants.find(({ metadata }) => metadata.name === tenant)?.status;
export const billed = (it: It, tenant = 'acme') => statusOf(it, tenant)?.conditions?.find(({ type }) => type === 'Billed');
