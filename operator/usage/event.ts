// SPDX-License-Identifier: Apache-2.0
// One event of use as CloudEvents 1.0 spells it → what the ledger keeps of it, or why not. Total: senders are strangers.
import { hash } from 'node:crypto';
import { isRecord, timeOf } from '../../crds/wire.ts';
import type { ApiCode, ApiProblem } from './answers.ts';
import { EARLIEST_MS, LATEST_MS } from './period.ts';
import { QUANTITY_PATTERN, parseQuantity } from './quantity.ts';
import type { QuantityRefusal } from './quantity.ts';
import { TIME, isTextField, textSchema } from './wire-schema.ts';
import type { Schema, TextField } from './wire-schema.ts';

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
  | { readonly ok: false; readonly id: string; readonly problem: ApiProblem };

const refused = (id: unknown, code: ApiCode, rest: Omit<ApiProblem, 'code'>): ReadEvent => ({
  ok: false,
  id: typeof id === 'string' ? id.slice(0, ID.maxLength) : '',
  problem: { code, ...rest },
});

/** Printable and without blanks: a name that a database, a log and a URL read alike. */
const PLAIN = /^[!-~]+$/;
const ID: TextField = {
  maxLength: 128,
  pattern: PLAIN,
  about: 'The name of the event for ever: tenant, source and id together are counted once.',
};
const SOURCE: TextField = {
  maxLength: 256,
  pattern: PLAIN,
  about: 'Names the sender and its start, such as /clusters/c1/agents/7f3/boots/18: numbers begin anew with a new process.',
};
export const TENANT: TextField = { maxLength: 63, pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, about: 'Name of the Tenant.' };
const METER: TextField = { maxLength: 63, pattern: /^[a-z][a-z0-9_.]{0,62}$/, about: 'What was used.' };
const SEQ = /^[1-9][0-9]{0,14}$/;
const DIM = /^[a-z][a-z0-9_]{0,31}$/;
const MAX_DIMS = 8;
const MAX_DIM_VALUE = 128;
const SPEC_VERSION = '1.0';

/** What `readEvent` takes, but for what depends on the clock. */
export const EVENT_SCHEMA: Schema = {
  type: 'object',
  required: ['specversion', 'type', 'source', 'id', 'subject', 'time', 'seq', 'data'],
  description: 'A CloudEvent 1.0 in JSON. Other attributes of CloudEvents are allowed and mean nothing here.',
  properties: {
    specversion: { const: SPEC_VERSION },
    type: { const: EVENT_TYPE },
    source: textSchema(SOURCE),
    id: textSchema(ID),
    subject: textSchema(TENANT),
    time: {
      ...TIME,
      description: `When it was used, at most ${LATEST_MS / 86_400_000} days ago and ${EARLIEST_MS / 60_000} minutes ahead. It is never filled in.`,
    },
    seq: {
      description: 'Place among the events of the source for this tenant, from 1, without gaps; at most a billion beyond the one before.',
      oneOf: [
        { type: 'string', pattern: SEQ.source },
        { type: 'integer', minimum: 1, maximum: 999_999_999_999_999 },
      ],
    },
    data: {
      type: 'object',
      required: ['meter', 'value'],
      properties: {
        meter: textSchema(METER),
        value: { type: 'string', pattern: QUANTITY_PATTERN, description: 'How much, as a decimal text.' },
        dims: {
          type: 'object',
          maxProperties: MAX_DIMS,
          propertyNames: { pattern: DIM.source },
          additionalProperties: { type: 'string', maxLength: MAX_DIM_VALUE },
        },
      },
    },
  },
};

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
  if (specversion !== SPEC_VERSION) return wrong('specversion', `is not "${SPEC_VERSION}"`);
  if (type !== EVENT_TYPE) return wrong('type', `is not "${EVENT_TYPE}"`);
  if (!isTextField(ID, id)) return wrong('id', `needs 1 to ${ID.maxLength} printable characters without blanks`);
  if (!isTextField(SOURCE, source)) return wrong('source', `needs 1 to ${SOURCE.maxLength} printable characters without blanks`);
  if (!isTextField(TENANT, subject)) return wrong('subject', 'is no name of a tenant');
  const number = typeof seq === 'number' ? String(seq) : seq;
  if (typeof number !== 'string' || !SEQ.test(number)) return wrong('seq', 'is no whole number from 1 on');
  // A server that filled in its own time would let one event be counted in two periods.
  const atMs = timeOf(time);
  if (atMs === undefined) return wrong('time', 'is no RFC 3339 time');
  if (!isRecord(data)) return wrong('data', 'is no JSON object');
  const { meter, value: amount, dims } = data;
  if (!isTextField(METER, meter)) return wrong('data.meter', 'is no name of a meter');
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
