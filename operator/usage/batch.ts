// SPDX-License-Identifier: Apache-2.0
// One request's body → events → one answer. What counts is on disk when this answers; what does not count is told by its place in
// the batch. Knows no HTTP but the numbers of its answers.
import { isRecord } from '../../crds/wire.ts';
import { LEVEL_SOURCES, levelOf } from '../../policies/service-level/counts.ts';
import { refusal, told, unavailable } from './answers.ts';
import type { Answer, ApiCode, INTAKE_ANSWERS, IntakeStatus, Told } from './answers.ts';
import { readEvent } from './event.ts';
import type { UsageEvent } from './event.ts';
import type { Ledger } from './ledger.ts';
import type { EventOutcome } from './outcome.ts';
import { MAX_BATCH } from './openapi.ts';
import type { Sender } from './sender.ts';
import { StoreError } from './store.ts';

const OUTCOMES: Readonly<
  Record<Exclude<EventOutcome, 'stored' | 'duplicate'>, readonly [status: keyof typeof INTAKE_ANSWERS, code: ApiCode, message: string]>
> = {
  conflict: [409, 'USAGE_EVENT_CONFLICT', 'something else is stored under this id or seq'],
  gaps: [409, 'USAGE_GAPS', 'the source has left out too many sequence numbers'],
  'unknown-tenant': [202, 'USAGE_TENANT_UNKNOWN', 'there is no Tenant of this name'],
  'unknown-meter': [202, 'USAGE_METER_UNKNOWN', 'nobody has declared this meter'],
  full: [503, 'USAGE_QUARANTINE_FULL', 'too many events of unknown tenants and meters wait'],
};
/** Of several answers the first of these is the request's: whoever looks at nothing else must not drop what was not stored. */
const RANK = [503, 409, 403, 422, 202, 200] as const;
const FULL_RETRY_SECONDS = 60;

export const takeBatch = async (input: {
  readonly value: unknown;
  /** A key that an object in it was given twice. */
  readonly twice?: string | undefined;
  readonly sender: Sender;
  readonly ledger: Ledger | undefined;
  readonly nowMs: number;
  readonly onRefused: (code: ApiCode) => void;
}): Promise<Answer<IntakeStatus>> => {
  const { sender, ledger, nowMs, twice } = input;
  if (twice !== undefined) {
    const message = `the key ${JSON.stringify(twice.slice(0, 64))} is given twice in one object`;
    return refusal(400, { code: 'USAGE_KEY_TWICE', message });
  }
  const values: readonly unknown[] | undefined = Array.isArray(input.value)
    ? input.value
    : isRecord(input.value)
      ? [input.value]
      : undefined;
  if (values === undefined || values.length > MAX_BATCH) {
    const message = values === undefined ? 'the body is no event and no list of events' : `more than ${MAX_BATCH} events`;
    return refusal(values === undefined ? 400 : 413, { code: 'USAGE_BODY_REFUSED', message });
  }
  if (ledger === undefined) return unavailable('this process does not lead');
  const events: UsageEvent[] = [];
  const places: number[] = [];
  const wrong: Told[] = [];
  const statuses = new Set<IntakeStatus>([200]);
  for (const [index, value] of values.entries()) {
    const read = readEvent(value, nowMs);
    if (!read.ok) {
      statuses.add(422);
      wrong.push(told(index, read.id, { outcome: 'refused', ...read.problem }));
    } else if (!sender.mayReport(read.event.tenant)) {
      statuses.add(403);
      const message = `${sender.account} may not report for ${read.event.tenant}`;
      wrong.push(told(index, read.event.id, { outcome: 'refused', code: 'USAGE_TENANT_FOREIGN', message, path: 'subject' }));
    } else if (!sender.mayUse(read.event.source)) {
      statuses.add(403);
      const message = `${sender.account} may not send as ${read.event.source}`;
      wrong.push(told(index, read.event.id, { outcome: 'refused', code: 'USAGE_TENANT_FOREIGN', message, path: 'source' }));
    } else if (levelOf(read.event.meter) !== undefined && !read.event.source.startsWith(LEVEL_SOURCES)) {
      // Credits follow from them: a tenant must not be able to count its own answers.
      statuses.add(403);
      const message = `${read.event.meter} is counted by Writ's webhook alone`;
      wrong.push(told(index, read.event.id, { outcome: 'refused', code: 'USAGE_METER_RESERVED', message, path: 'data.meter' }));
    } else {
      events.push(read.event);
      places.push(index);
    }
  }
  for (const { code } of wrong) input.onRefused(code);
  let outcomes: readonly EventOutcome[];
  try {
    outcomes = events.length === 0 ? [] : await ledger.accept(events);
  } catch (error) {
    if (error instanceof StoreError) return unavailable(`nothing of this batch is stored: ${error.failure}`);
    throw error;
  }
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome === 'stored' || outcome === 'duplicate') continue;
    const [status, code, message] = OUTCOMES[outcome];
    statuses.add(status);
    wrong.push(told(places[at] ?? 0, events[at]?.id ?? '', { outcome, code, message }));
  }
  const count = (wanted: EventOutcome): number => outcomes.filter((outcome) => outcome === wanted).length;
  const body = { stored: count('stored'), duplicates: count('duplicate'), events: wrong.toSorted((a, b) => a.index - b.index) };
  const status = RANK.find((one) => statuses.has(one)) ?? 200;
  return { status, body: `${JSON.stringify(body)}\n`, ...(status === 503 ? { retryAfterSeconds: FULL_RETRY_SECONDS } : {}) };
};
