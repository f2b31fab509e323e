// SPDX-License-Identifier: Apache-2.0
// A ledger on the engine under test, a clock that is set, and events of use, for whatever asks a ledger something.
import assert from 'node:assert/strict';
import { readEvent } from '../../operator/usage/event.ts';
import type { UsageEvent } from '../../operator/usage/event.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import type { Ledger, LedgerHooks } from '../../operator/usage/ledger.ts';
import type { EventOutcome } from '../../operator/usage/outcome.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { systemClock } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { EngineUnderTest } from './store-suite.ts';

export const START = Date.UTC(2026, 9, 20, 12);
export const OCTOBER = Date.UTC(2026, 9);
export const NOVEMBER = Date.UTC(2026, 10);

/** Time that a test sets; timers are the system's, since the store's group waits by them. */
type SetClock = Clock & { set(ms: number): void };
const setClock = (startMs: number): SetClock => {
  let nowMs = startMs;
  return { ...systemClock, now: () => nowMs, set: (ms) => (nowMs = ms) };
};

type Fields = {
  dims?: Readonly<Record<string, string>>;
  tenant?: string;
  source?: string;
  id?: string;
  seq?: number;
  atMs?: number;
  meter?: string;
  value?: string;
};

export const event = (fields: Fields, nowMs = START): UsageEvent => {
  const {
    tenant = 'acme',
    source = '/a/boots/1',
    seq = 1,
    id = String(seq),
    atMs = START,
    meter = 'api_calls',
    value = '1',
    dims,
  } = fields;
  const read = readEvent(
    {
      specversion: '1.0',
      type: 'dev.writ.usage.v1',
      source,
      id,
      subject: tenant,
      time: new Date(atMs).toISOString(),
      seq,
      data: { meter, value, ...(dims === undefined ? {} : { dims }) },
    },
    Math.max(nowMs, atMs),
  );
  return read.ok ? read.event : assert.fail(read.problem.message);
};

export const NEVER = new AbortController().signal;
let made = 0;

export type Scene = { readonly ledger: Ledger; readonly clock: SetClock; readonly name: string; readonly tenants: Set<string> };

export const scene = async (
  engine: EngineUnderTest,
  hooks: LedgerHooks = {},
  name = `usage${(made += 1)}`,
  onEvents?: (outcome: EventOutcome, count: number) => void,
): Promise<Scene> => {
  const clock = setClock(START);
  const tenants = new Set(['acme', 'beta']);
  const ledger = createLedger({
    store: await engine.open(name),
    clock,
    hasTenant: (tenant) => tenants.has(tenant),
    hooks,
    observe: { events: (_meter, outcome, count) => onEvents?.(outcome, count) },
  });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  return { ledger, clock, name, tenants };
};

export const lines = async (ledger: Ledger, tenant: string, periodMs: number): Promise<readonly string[]> =>
  (await ledger.preview(tenant, periodMs)).lines.map(
    ({ meter, quantity, carriedFrom }) => `${meter} ${quantity}${carriedFrom === undefined ? '' : ` of ${carriedFrom.start.slice(0, 7)}`}`,
  );
