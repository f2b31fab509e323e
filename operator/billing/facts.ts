// SPDX-License-Identifier: Apache-2.0
// What of billing goes on record in the audit log: whatever moves money, or keeps it from moving.
import { OPERATOR } from '../audit/facts.ts';
import type { ToldFact } from '../audit/sequencer.ts';
import type { JsonObject } from '../../policies/document/json.ts';
import type { Tx } from '../usage/store.ts';
import type { Terms } from './accounts/provider.ts';
import type { Entry } from './outbox/entry.ts';
import type { IssuedDocument } from './issued-document.ts';
import type { Draft } from './provider.ts';

/** Stores facts in the transaction of the effect that they describe. */
export type RecordFacts = (tx: Tx, facts: readonly ToldFact[]) => Promise<void>;

const hourText = (ms: number): string => new Date(ms).toISOString();

const reportDetail = ({ meter, hourMs, revision, customer, encoding, total, value, identifier, note }: Entry): JsonObject => ({
  meter,
  hour: hourText(hourMs),
  revision,
  customer,
  encoding,
  total,
  value,
  identifier,
  ...(note === '' ? {} : { note }),
});

/** `reported` once the provider took it; that it also counts it says nothing new. */
export const reportMoved = (before: Entry, after: Entry): ToldFact | undefined => {
  const about = { actor: OPERATOR, tenant: after.tenant, detail: reportDetail(after) };
  if (before.state === after.state) return undefined;
  if (after.state === 'rejected' || after.state === 'quarantined') return { ...about, action: `billing.${after.state}`, decision: 'Deny' };
  return after.state === 'accepted' && before.state !== 'verified' ? { ...about, action: 'billing.reported' } : undefined;
};

export const invoiceHeld = (held: {
  readonly tenant: string;
  readonly draft: Draft;
  readonly untilMs: number;
  readonly why: string;
  readonly isLate: boolean;
}): ToldFact => ({
  action: held.isLate ? 'billing.late' : 'billing.held',
  actor: OPERATOR,
  tenant: held.tenant,
  detail: {
    invoice: held.draft.id,
    customer: held.draft.customer,
    start: hourText(held.draft.periodStartMs),
    end: hourText(held.draft.periodEndMs),
    until: hourText(held.untilMs),
    why: held.why,
  },
});

export const statementSettled = (settled: {
  readonly tenant: string;
  readonly month: string;
  readonly revision: number;
  readonly sink: 'file' | 'provider';
  readonly digest: string;
}): ToldFact => {
  const { tenant, ...detail } = settled;
  return { action: 'billing.statement', actor: OPERATOR, tenant, detail };
};

export const providerTold = (told: {
  readonly tenant: string;
  readonly action: 'billing.final' | 'billing.credit';
  readonly event: string;
  readonly document: string;
  readonly customer: string;
  readonly amount: string;
  readonly currency: string;
}): ToldFact => {
  const { tenant, action, ...detail } = told;
  return { action, actor: 'stripe', tenant, detail };
};

/** Without terms it ends at `atMs`. */
export const accountMoved = (moved: {
  readonly tenant: string;
  readonly action: 'billing.customer' | 'billing.subscribed' | 'billing.planned';
  readonly customer: string;
  readonly subscription?: string;
  readonly terms?: Terms | undefined;
  readonly atMs?: number;
}): ToldFact => {
  const { tenant, action, customer, subscription, terms, atMs } = moved;
  const detail = {
    customer,
    ...(subscription === undefined ? {} : { subscription }),
    ...(terms === undefined ? {} : { tier: terms.tier, cycle: terms.cycle }),
    ...(atMs === undefined ? {} : { from: hourText(atMs) }),
  };
  return { action, actor: OPERATOR, tenant, detail };
};

export const documentIssued = ({ action, tenant, id, moves, ...rest }: IssuedDocument): ToldFact => ({
  action,
  actor: OPERATOR,
  tenant,
  detail: { document: id, ...rest, ...(moves.length === 0 ? {} : { moves: moves.map((move) => ({ ...move })) }) },
});

/** `found`: the digest of what a file says instead of what is on record. */
export const documentAltered = (altered: {
  readonly id: string;
  readonly tenant: string;
  readonly digest: string;
  readonly found: string;
}): ToldFact => ({
  action: 'billing.altered',
  actor: OPERATOR,
  tenant: altered.tenant,
  decision: 'Deny',
  detail: { document: altered.id, digest: altered.digest, found: altered.found },
});
