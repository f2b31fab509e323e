// SPDX-License-Identifier: Apache-2.0
// The file that says what a tenant has ordered, and what people decided beside the prices → facts for rating, or all that is wrong.
import { own } from '../../../policies/document/json.ts';
import type { JsonObject, JsonPath, JsonValue } from '../../../policies/document/json.ts';
import { formatPath, isJsonObject } from '../../../policies/document/json.ts';
import type { ParsedDocument } from '../../../policies/document/index.ts';
import { CYCLES, parseTime } from '../../../policies/pricing/calendar.ts';
import { parseMoney } from '../../../policies/pricing/money.ts';
import type { Currency } from '../../../policies/pricing/money.ts';
import type { Problem } from '../../../policies/problem.ts';
import { ADJUSTMENT_KINDS } from './adjustment.ts';
import type { Adjustment } from './adjustment.ts';
import { EXCLUSION_KINDS, exclusionFault } from '../../../policies/service-level/exclusion.ts';
import type { Exclusion } from '../../../policies/service-level/exclusion.ts';
import { subscriptionFault } from './subscription.ts';
import type { Change, Subscription } from './subscription.ts';

export type Facts = {
  readonly subscription: Subscription;
  readonly adjustments: readonly Adjustment[];
  /** In the order of their ids. */
  readonly exclusions: readonly Exclusion[];
};
export type FactsOutcome = { readonly ok: true; readonly facts: Facts } | { readonly ok: false; readonly problems: readonly Problem[] };

const FIELDS = ['tenant', 'customer', 'changes', 'trialEnd', 'end', 'adjustments', 'exclusions'];
const CHANGE_FIELDS = ['at', 'tier', 'cycle'];
const ADJUSTMENT_FIELDS = ['id', 'kind', 'amount', 'reason', 'requester', 'approver', 'at', 'invoice'];
const EXCLUSION_FIELDS = ['id', 'kind', 'from', 'to', 'announced', 'reason', 'requester', 'approver'];
const MAX_ITEMS = 10_000;

/** `currency`: that of the price book, in which amounts are written as `12.50`. */
export const readFacts = (document: ParsedDocument, currency: Currency): FactsOutcome => {
  const problems: Problem[] = [];
  const fault = (path: JsonPath, message: string): undefined =>
    void problems.push({ code: 'BILL_SUBSCRIPTION_INVALID', message, at: document.positionOf(path), path: formatPath(path) });
  const closed = (object: JsonObject, path: JsonPath, fields: readonly string[]): void => {
    for (const key of Object.keys(object))
      if (!fields.includes(key)) fault([...path, key], `there is no such field; known are ${fields.join(', ')}`);
  };
  const text = (object: JsonObject, path: JsonPath, field: string, most = 253): string => {
    const value = own(object, field);
    if (typeof value === 'string' && value !== '' && value.length <= most) return value;
    fault([...path, field], `write a text of at most ${most} characters`);
    return '';
  };
  const time = (object: JsonObject, path: JsonPath, field: string): number => {
    const ms = parseTime(text(object, path, field));
    if (ms === undefined) fault([...path, field], 'write a UTC time as 2026-11-01T00:00:00Z');
    return ms ?? 0;
  };
  const list = (field: string): readonly JsonValue[] => {
    const value = own(document.value, field);
    if (value === undefined) return [];
    if (Array.isArray(value) && value.length <= MAX_ITEMS) return value;
    fault([field], 'write a list');
    return [];
  };
  const objects = (field: string): readonly (readonly [JsonObject, JsonPath])[] =>
    list(field).flatMap((value, index) => {
      if (isJsonObject(value)) return [[value, [field, index]] as const];
      fault([field, index], 'write a mapping');
      return [];
    });

  closed(document.value, [], FIELDS);
  const changes = objects('changes').map(([object, path]): Change => {
    closed(object, path, CHANGE_FIELDS);
    const given = text(object, path, 'cycle');
    const cycle = CYCLES.find((known) => known === given);
    if (cycle === undefined) fault([...path, 'cycle'], `write one of ${CYCLES.join(', ')}`);
    return { atMs: time(object, path, 'at'), tier: text(object, path, 'tier', 63), cycle: cycle ?? 'Monthly' };
  });
  const adjustments = objects('adjustments').map(([object, path]): Adjustment => {
    closed(object, path, ADJUSTMENT_FIELDS);
    const given = text(object, path, 'kind');
    const kind = ADJUSTMENT_KINDS.find((known) => known === given);
    if (kind === undefined) fault([...path, 'kind'], `write one of ${ADJUSTMENT_KINDS.join(', ')}`);
    const amount = parseMoney(text(object, path, 'amount'), currency);
    if (amount === undefined)
      fault([...path, 'amount'], `write an amount of ${currency.code} of at most 24 digits in quotes, such as "12.50"`);
    return {
      id: text(object, path, 'id', 63),
      kind: kind ?? 'Credit',
      amount: amount ?? 1n,
      currency: currency.code,
      reason: text(object, path, 'reason', 500),
      requester: text(object, path, 'requester'),
      approver: text(object, path, 'approver'),
      atMs: time(object, path, 'at'),
      ...(own(object, 'invoice') === undefined ? {} : { invoice: text(object, path, 'invoice') }),
    };
  });
  const exclusions = objects('exclusions').map(([object, path]): Exclusion => {
    closed(object, path, EXCLUSION_FIELDS);
    const given = text(object, path, 'kind');
    const kind = EXCLUSION_KINDS.find((known) => known === given);
    if (kind === undefined) fault([...path, 'kind'], `write one of ${EXCLUSION_KINDS.join(', ')}`);
    const before = problems.length;
    const exclusion: Exclusion = {
      id: text(object, path, 'id', 63),
      kind: kind ?? 'Tenant',
      fromMs: time(object, path, 'from'),
      toMs: time(object, path, 'to'),
      announcedMs: own(object, 'announced') === undefined ? undefined : time(object, path, 'announced'),
      reason: text(object, path, 'reason', 500),
      requester: text(object, path, 'requester'),
      approver: text(object, path, 'approver'),
    };
    const wrong = problems.length === before ? exclusionFault(exclusion) : undefined;
    if (wrong !== undefined) fault(path, wrong);
    return exclusion;
  });
  for (const [field, all] of [
    ['adjustments', adjustments],
    ['exclusions', exclusions],
  ] as const)
    if (new Set(all.map(({ id }) => id)).size < all.length) fault([field], 'an id is there twice');
  const [first, ...later] = changes;
  if (first === undefined) fault(['changes'], 'say since when which tier is ordered');
  const root = document.value;
  const tenant = text(root, [], 'tenant', 63);
  // It becomes the name of a folder.
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(tenant)) fault(['tenant'], 'write the name of the Tenant');
  const subscription: Subscription = {
    tenant,
    ...(own(root, 'customer') === undefined ? {} : { customer: text(root, [], 'customer') }),
    changes: [first ?? { atMs: 0, tier: '', cycle: 'Monthly' }, ...later],
    ...(own(root, 'trialEnd') === undefined ? {} : { trialEndMs: time(root, [], 'trialEnd') }),
    ...(own(root, 'end') === undefined ? {} : { endMs: time(root, [], 'end') }),
  };
  const contradiction = problems.length === 0 ? subscriptionFault(subscription) : undefined;
  if (contradiction !== undefined) fault(['changes'], contradiction);
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, facts: { subscription, adjustments, exclusions: exclusions.toSorted((a, b) => (a.id < b.id ? -1 : 1)) } };
};

/** Those that belong on the invoice at `atMs`: decided since the one before. */
export const adjustmentsFor = ({ adjustments }: Facts, since: { readonly fromMs: number; readonly atMs: number }): readonly Adjustment[] =>
  adjustments.filter(({ atMs }) => atMs >= since.fromMs && atMs < since.atMs);
