// SPDX-License-Identifier: Apache-2.0
// What waits in quarantine, as one sum for each tenant and meter beside its rows: how many events, and their digests added up. Sums, since
// rows come and go in any order; and in the transaction that puts them there or takes them out, so that whatever else happens to a row shows.
import { digestOf } from './event.ts';
import type { UsageEvent } from './event.ts';
import { sameBytes } from './outcome.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row, Tx } from './store.ts';
import { usageSteps } from './tables.ts';
import { bigintText } from './tallies.ts';

type Mark = { readonly tenant: string; readonly meter: string; readonly events: number; readonly sum: bigint };
type Marked = Pick<UsageEvent, 'tenant' | 'meter' | 'digest'>;

const STEPS_WITH_MARKS = 7;
const WRAP = 2n ** 256n;
/** The ledger of a version before this had none: made of what waits when the ledger is opened. */
const NOT_MADE = '';

const numberOf = (digest: Uint8Array): bigint => BigInt(`0x${Buffer.from(digest).toString('hex') || '0'}`);
const keyOf = ({ tenant, meter }: Pick<Mark, 'tenant' | 'meter'>): string => `${tenant} ${meter}`;

const seriesOf = (row: Row): string => keyOf({ tenant: textOf(row, 'tenant'), meter: textOf(row, 'meter') });

const gather = (events: readonly Marked[]): ReadonlyMap<string, Mark> => {
  const marks = new Map<string, Mark>();
  for (const { tenant, meter, digest } of events) {
    const { events: count, sum } = marks.get(keyOf({ tenant, meter })) ?? { events: 0, sum: 0n };
    marks.set(keyOf({ tenant, meter }), { tenant, meter, events: count + 1, sum: (sum + numberOf(digest)) % WRAP });
  }
  return marks;
};

const ZERO = '0'.repeat(64);
const sumText = (sum: bigint): string => sum.toString(16).padStart(ZERO.length, '0');
/** Whatever else stands there is no sum of any events that are there: `writ usage verify` says so, and intake goes on. */
const sumOf = (row: Row): bigint => {
  const text = textOf(row, 'sum');
  return /^[0-9a-f]{64}$/.test(text) ? BigInt(`0x${text}`) : 0n;
};

const markOf = (row: Row): Mark => ({
  tenant: textOf(row, 'tenant'),
  meter: textOf(row, 'meter'),
  events: integerOf(row, 'events'),
  sum: sumOf(row),
});

const change = async (tx: Tx, events: readonly Marked[], sign: 1 | -1): Promise<void> => {
  const rows = [];
  const empty: Pick<Mark, 'tenant' | 'meter'>[] = [];
  for (const { tenant, meter, ...by } of gather(events).values()) {
    const [found] = await tx.all('SELECT tenant, meter, events, sum FROM usage_aside WHERE tenant = ? AND meter = ?', [tenant, meter]);
    const held = found === undefined ? { events: 0, sum: 0n } : markOf(found);
    const sum = (held.sum + BigInt(sign) * by.sum + WRAP) % WRAP;
    const events = held.events + sign * by.events;
    rows.push([tenant, meter, events, sumText(sum)]);
    if (events === 0 && sum === 0n) empty.push({ tenant, meter });
  }
  await tx.insert({
    into: 'usage_aside',
    columns: ['tenant', 'meter', 'events', 'sum'],
    rows,
    onConflict: 'ON CONFLICT (tenant, meter) DO UPDATE SET events = excluded.events, sum = excluded.sum',
  });
  // Names of tenants and meters that never came to be are no reason to grow.
  for (const { tenant, meter } of empty) await tx.run('DELETE FROM usage_aside WHERE tenant = ? AND meter = ?', [tenant, meter]);
};

export const addAside = (tx: Tx, events: readonly Marked[]): Promise<void> => change(tx, events, 1);
export const takeAside = (tx: Tx, events: readonly Marked[]): Promise<void> => change(tx, events, -1);

/** Of a ledger that had events aside before there were marks. Once. */
export const makeMarks = async (tx: Tx): Promise<void> => {
  const unmade = new Set((await tx.all('SELECT tenant, meter FROM usage_aside WHERE sum = ?', [NOT_MADE])).map(seriesOf));
  if (unmade.size === 0) return;
  await tx.run('DELETE FROM usage_aside WHERE sum = ?', [NOT_MADE]);
  const waiting = await tx.all('SELECT tenant, meter, digest FROM usage_quarantine');
  await addAside(
    tx,
    waiting
      .filter((row) => unmade.has(seriesOf(row)))
      .map((row) => ({ tenant: textOf(row, 'tenant'), meter: textOf(row, 'meter'), digest: bytesOf(row, 'digest') })),
  );
};

type Tell = (path: string, message: string) => void;

/** Are the events there that were put aside, and as they came? */
export const checkAside = async (reader: Reader, tell: Tell): Promise<void> => {
  const waiting: Marked[] = [];
  for (const row of await reader.all('SELECT tenant, source, id, seq, meter, at_ms, value, dims, digest FROM usage_quarantine')) {
    const [tenant, source, id, meter] = [textOf(row, 'tenant'), textOf(row, 'source'), textOf(row, 'id'), textOf(row, 'meter')];
    const facts = { tenant, source, id, meter, seq: integerOf(row, 'seq'), atMs: integerOf(row, 'at_ms'), dims: textOf(row, 'dims') };
    const digest = digestOf({ ...facts, value: bigintText(row, 'value') });
    if (!sameBytes(digest, bytesOf(row, 'digest')))
      tell(`event ${tenant} ${source} ${id}`, 'does not have the digest that was stored with it; it is kept aside');
    waiting.push({ tenant, meter, digest });
  }
  if ((await usageSteps(reader)) < STEPS_WITH_MARKS) return;
  const marks = await reader.all('SELECT tenant, meter, events, sum FROM usage_aside ORDER BY tenant, meter');
  const made = new Map(gather(waiting));
  for (const row of marks) {
    const sumless = row['sum'] === NOT_MADE;
    const mark = markOf(row);
    const { events, sum } = made.get(keyOf(mark)) ?? { events: 0, sum: 0n };
    made.delete(keyOf(mark));
    if (mark.events !== events)
      tell(`aside ${keyOf(mark)}`, `${mark.events} events were kept aside and not taken out; ${events} are there`);
    else if (!sumless && mark.sum !== sum)
      tell(`aside ${keyOf(mark)}`, `the ${events} events that are there are not those that were kept aside`);
  }
  for (const mark of made.values()) tell(`aside ${keyOf(mark)}`, `${mark.events} events are there; none was kept aside`);
};
