// SPDX-License-Identifier: Apache-2.0
// One event of use as CloudEvents 1.0 spells it → what the ledger keeps of it, or why not. Total: senders are strangers.
import { hash } from 'node:crypto';
import { isRecord, isText, timeOf } from '../../crds/wire.ts';
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import { EARLIEST_MS, LATEST_MS } from './period.ts';
import { parseQuantity } from './quantity.ts';
import type { QuantityRefusal } from './quantity.ts';

const EVENT_TYPE = 'dev.writ.usage.v1';

export type UsageEvent = {
  readonly tenant: string;
  /** Where it comes from, with the number of its start: /clusters/c1/agents/7f3/boots/18. */
  readonly source: string;
  readonly id: string;
  /** Place among the source's events for this tenant, from 1, without gaps. */
  readonly seq: number;
  readonly atMs: number;
  readonly meter: string;
  /** Millionths of the meter's event unit. */
  readonly value: bigint;
  /** Canonical JSON object of texts; `{}` for none. */
  readonly dims: string;
  /** sha256 over all of the above. */
  readonly digest: Uint8Array;
};

export type EventFacts = Omit<UsageEvent, 'digest'>;

/** The digest that tells an event sent again from another one under its identity. */
export const digestOf = (facts: EventFacts): Uint8Array => {
  const { tenant, source, id, seq, atMs, meter, value, dims } = facts;
  const text = JSON.stringify([EVENT_TYPE, tenant, source, id, seq, atMs, meter, String(value), dims]);
  // By way of a text: a buffer that `hash` makes costs more than the hashing, and this is done for every event.
  return Buffer.from(hash('sha256', text, 'binary'), 'latin1');
};

export type ReadEvent =
  | { readonly ok: true; readonly event: UsageEvent }
  | { readonly ok: false; readonly id: string; readonly problem: Problem };

const refused = (id: unknown, code: ProblemCode, rest: Omit<Problem, 'code'>): ReadEvent => ({
  ok: false,
  id: typeof id === 'string' ? id.slice(0, MAX_ID) : '',
  problem: { code, ...rest },
});

const MAX_ID = 128;
const MAX_SOURCE = 256;
/** Printable and without blanks: a name that a database, a log and a URL read alike. */
const PLAIN = /^[!-~]+$/;
const TENANT = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const METER = /^[a-z][a-z0-9_.]{0,62}$/;
const SEQ = /^[1-9][0-9]{0,14}$/;
const DIM = /^[a-z][a-z0-9_]{0,31}$/;
const MAX_DIMS = 8;
const MAX_DIM_VALUE = 128;

const QUANTITY: Readonly<Record<QuantityRefusal, string>> = {
  'not-decimal': 'is no decimal text such as "12.5"',
  negative: 'is negative; what was too much is given back by a credit',
  'too-many-digits': 'has more than 15 significant digits',
  'too-fine': 'has more than 6 digits after the point',
};

export const readEvent = (value: unknown, nowMs: number): ReadEvent => {
  if (!isRecord(value)) return refused('', 'USAGE_EVENT_INVALID', { message: 'an event is a JSON object' });
  const { specversion, type, source, id, subject, time, seq, data } = value;
  const wrong = (path: string, message: string): ReadEvent => refused(id, 'USAGE_EVENT_INVALID', { message: `${path} ${message}`, path });
  if (specversion !== '1.0') return wrong('specversion', 'is not "1.0"');
  if (type !== EVENT_TYPE) return wrong('type', `is not "${EVENT_TYPE}"`);
  if (!isText(id, MAX_ID) || !PLAIN.test(id)) return wrong('id', `needs 1 to ${MAX_ID} printable characters without blanks`);
  if (!isText(source, MAX_SOURCE) || !PLAIN.test(source))
    return wrong('source', `needs 1 to ${MAX_SOURCE} printable characters without blanks`);
  if (!isText(subject, 63) || !TENANT.test(subject)) return wrong('subject', 'is no name of a tenant');
  const number = typeof seq === 'number' ? String(seq) : seq;
  if (typeof number !== 'string' || !SEQ.test(number)) return wrong('seq', 'is no whole number from 1 on');
  // A server that filled in its own time would let one event be counted in two periods.
  const atMs = timeOf(time);
  if (atMs === undefined) return wrong('time', 'is no RFC 3339 time');
  if (!isRecord(data)) return wrong('data', 'is no JSON object');
  const { meter, value: amount, dims } = data;
  if (!isText(meter, 63) || !METER.test(meter)) return wrong('data.meter', 'is no name of a meter');
  const quantity = parseQuantity(amount);
  if (!quantity.ok) return wrong('data.value', QUANTITY[quantity.why]);
  const dimensions = dimsText(dims);
  if (dimensions === undefined) return wrong('data.dims', `holds at most ${MAX_DIMS} short texts`);
  if (atMs > nowMs + EARLIEST_MS) {
    const message = `time is ${Math.round((atMs - nowMs) / 1000)} s ahead of the ledger's clock`;
    return refused(id, 'USAGE_EVENT_EARLY', { message, path: 'time' });
  }
  if (atMs < nowMs - LATEST_MS) return refused(id, 'USAGE_EVENT_LATE', { message: 'time is more than 35 days ago', path: 'time' });
  const facts: EventFacts = { tenant: subject, source, id, seq: Number(number), atMs, meter, value: quantity.scaled, dims: dimensions };
  return { ok: true, event: { ...facts, digest: digestOf(facts) } };
};

const isDimValue = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_DIM_VALUE && value.isWellFormed() && !value.includes('\0');

const dimsText = (dims: unknown): string | undefined => {
  if (dims === undefined) return '{}';
  if (!isRecord(dims)) return undefined;
  const names = Object.keys(dims);
  if (names.length > MAX_DIMS) return undefined;
  const fields: string[] = [];
  for (const name of names.length > 1 ? names.toSorted() : names) {
    const value = dims[name];
    if (!DIM.test(name) || !isDimValue(value)) return undefined;
    fields.push(`"${name}":${JSON.stringify(value)}`);
  }
  return `{${fields.join(',')}}`;
};
