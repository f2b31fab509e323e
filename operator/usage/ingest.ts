// SPDX-License-Identifier: Apache-2.0
/**
 * Events → rows, in one transaction: the event, its source's cursor, what it adds to hour and period, or the reason why it counts
 * for nothing. Sent again it is a duplicate and changes nothing; under the same identity with another content it is a conflict.
 */
import { hasSeen, see } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import type { UsageEvent } from './event.ts';
import { sameBytes } from './outcome.ts';
import type { EventOutcome, IngestContext } from './outcome.ts';
import { quarantine } from './quarantine.ts';
import { saveSource, sourceOf } from './sources.ts';
import type { SourceRow } from './sources.ts';
import { bytesOf } from './store.ts';
import type { Tx } from './store.ts';
import { addTallies } from './tallies.ts';

/** What is in the list at the index of each event is what became of it. */
export const ingest = async (tx: Tx, events: readonly UsageEvent[], context: IngestContext): Promise<readonly EventOutcome[]> => {
  const outcomes: EventOutcome[] = events.map(() => 'stored');
  const bySource = new Map<string, number[]>();
  for (const [index, { tenant, source, meter }] of events.entries()) {
    if (!context.hasTenant(tenant)) outcomes[index] = 'unknown-tenant';
    else if (!context.hasMeter(meter)) outcomes[index] = 'unknown-meter';
    if (outcomes[index] !== 'stored') continue;
    const name = `${tenant}\n${source}`;
    const indexes = bySource.get(name);
    if (indexes === undefined) bySource.set(name, [index]);
    else indexes.push(index);
  }
  const added: UsageEvent[] = [];
  for (const indexes of bySource.values()) {
    const mine = indexes.flatMap((index) => events[index] ?? []);
    const [first] = mine;
    if (first === undefined) continue;
    const row = await sourceOf(tx, first, context.storedMs);
    const found = await storeOfSource(tx, { row, events: mine, storedMs: context.storedMs });
    for (const [at, outcome] of found.outcomes.entries()) outcomes[indexes[at] ?? 0] = outcome;
    added.push(...found.added);
  }
  await addTallies(tx, added, context.state);
  await quarantine(tx, { events, outcomes, storedMs: context.storedMs });
  return outcomes;
};

type OfSource = { readonly row: SourceRow; readonly events: readonly UsageEvent[]; readonly storedMs: number };

const storeOfSource = async (
  tx: Tx,
  { row, events, storedMs }: OfSource,
): Promise<{ readonly outcomes: readonly EventOutcome[]; readonly added: readonly UsageEvent[] }> => {
  const fresh = new Map<string, UsageEvent>();
  let cursor: Cursor = row.cursor;
  const outcomes: (EventOutcome | undefined)[] = [];
  for (const event of events) {
    const next = hasSeen(cursor, event.seq) || fresh.has(event.id) ? cursor : see(cursor, event.seq);
    if (next === undefined) {
      outcomes.push('gaps');
    } else if (next === cursor) {
      // Its number or identity was used before: by itself, or by another one.
      outcomes.push(undefined);
    } else {
      cursor = next;
      fresh.set(event.id, event);
      outcomes.push('stored');
    }
  }
  const inserted = await insertEvents(tx, { row, events: [...fresh.values()], storedMs });
  const digests = new Map([...inserted].flatMap((id) => [[id, fresh.get(id)?.digest] as const]));
  for (const [index, event] of events.entries()) {
    const known = outcomes[index];
    if (known === 'gaps' || (known === 'stored' && inserted.has(event.id))) continue;
    const digest = digests.get(event.id) ?? (await storedDigest(tx, row.number, event.id));
    outcomes[index] = digest !== undefined && sameBytes(digest, event.digest) ? 'duplicate' : 'conflict';
  }
  const added = [...fresh.values()].filter(({ id }) => inserted.has(id));
  // An identity that was there already leaves its new number unseen.
  if (added.length < fresh.size) cursor = added.reduce((at, { seq }) => see(at, seq) ?? at, row.cursor);
  const unchanged = added.length === 0 && row.lastMs >= storedMs;
  if (!unchanged) await saveSource(tx, { ...row, cursor, lastMs: storedMs, open: true });
  return { outcomes: outcomes.map((outcome) => outcome ?? 'conflict'), added };
};

/** The ids of those that were not there. */
const insertEvents = async (tx: Tx, { row, events, storedMs }: OfSource): Promise<ReadonlySet<string>> => {
  if (events.length === 0) return new Set();
  const rows = await tx.insert({
    into: 'usage_event',
    columns: ['source', 'id', 'seq', 'meter', 'at_ms', 'stored_ms', 'value', 'dims', 'digest'],
    rows: events.map(({ id, seq, meter, atMs, value, dims, digest }) => [
      row.number,
      id,
      seq,
      meter,
      atMs,
      storedMs,
      String(value),
      dims,
      digest,
    ]),
    onConflict: 'ON CONFLICT (source, id) DO NOTHING',
    returning: ['id'],
  });
  return new Set(rows.map(({ id }) => String(id)));
};

const storedDigest = async (tx: Tx, source: number, id: string): Promise<Uint8Array | undefined> => {
  const [row] = await tx.all('SELECT digest FROM usage_event WHERE source = ? AND id = ?', [source, id]);
  return row === undefined ? undefined : bytesOf(row, 'digest');
};
