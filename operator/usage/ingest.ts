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
import { findSource, makeSource, saveSource } from './sources.ts';
import type { SourceRow } from './sources.ts';
import { bytesOf, integerOf } from './store.ts';
import type { Tx } from './store.ts';
import { addTallies } from './tallies.ts';

/** Events of one source, and where each stood in the batch. */
type Mine = { readonly tenant: string; readonly source: string; readonly events: UsageEvent[]; readonly indexes: number[] };

/** What is in the list at the index of each event is what became of it. */
export const ingest = async (tx: Tx, events: readonly UsageEvent[], context: IngestContext): Promise<readonly EventOutcome[]> => {
  const outcomes: EventOutcome[] = events.map(() => 'stored');
  const bySource = new Map<string, Mine>();
  let mine: Mine | undefined;
  for (const [index, event] of events.entries()) {
    const { tenant, source, meter } = event;
    if (!context.hasTenant(tenant)) outcomes[index] = 'unknown-tenant';
    else if (!context.hasMeter(meter)) outcomes[index] = 'unknown-meter';
    if (outcomes[index] !== 'stored') continue;
    if (mine === undefined || mine.source !== source || mine.tenant !== tenant) {
      const name = `${tenant}\n${source}`;
      mine = bySource.get(name) ?? { tenant, source, events: [], indexes: [] };
      bySource.set(name, mine);
    }
    mine.events.push(event);
    mine.indexes.push(index);
  }
  const added: UsageEvent[] = [];
  for (const name of bySource.values()) {
    const known = await findSource(tx, name);
    if (known === undefined && !context.mayBegin(name, context.storedMs)) {
      for (const index of name.indexes) outcomes[index] = 'sources';
      continue;
    }
    const row = known ?? (await makeSource(tx, name, context.storedMs));
    const found = await storeOfSource(tx, { row, events: name.events, storedMs: context.storedMs });
    for (const [at, outcome] of found.outcomes.entries()) outcomes[name.indexes[at] ?? 0] = outcome;
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
  const added = await insertEvents(tx, { row, events: [...fresh.values()], storedMs });
  // Undefined where all were new, as they are unless something is sent again: then there is nothing to look up.
  const inserted = added.length === events.length ? undefined : new Map(added.map(({ id, digest }) => [id, digest]));
  for (const [index, event] of inserted === undefined ? [] : events.entries()) {
    const known = outcomes[index];
    if (known === 'gaps' || (known === 'stored' && inserted?.has(event.id))) continue;
    const digest = inserted?.get(event.id) ?? (await storedDigest(tx, row.number, event.id));
    outcomes[index] = digest !== undefined && sameBytes(digest, event.digest) ? 'duplicate' : 'conflict';
  }
  // An identity that was there already leaves its new number unseen.
  if (added.length < fresh.size) cursor = added.reduce((at, { seq }) => see(at, seq) ?? at, row.cursor);
  const unchanged = added.length === 0 && row.lastMs >= storedMs;
  if (!unchanged) await saveSource(tx, { ...row, cursor, lastMs: storedMs, open: true });
  return { outcomes: outcomes.map((outcome) => outcome ?? 'conflict'), added };
};

/** Those that were not there. */
const insertEvents = async (tx: Tx, { row, events, storedMs }: OfSource): Promise<readonly UsageEvent[]> => {
  if (events.length === 0) return [];
  const written = await tx.insert({
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
  });
  if (written === events.length) return events;
  // None of their numbers was seen before, so what is there under another number is another event.
  const added: UsageEvent[] = [];
  for (const event of events) {
    const [found] = await tx.all('SELECT seq FROM usage_event WHERE source = ? AND id = ?', [row.number, event.id]);
    if (found !== undefined && integerOf(found, 'seq') === event.seq) added.push(event);
  }
  return added;
};

const storedDigest = async (tx: Tx, source: number, id: string): Promise<Uint8Array | undefined> => {
  const [row] = await tx.all('SELECT digest FROM usage_event WHERE source = ? AND id = ?', [source, id]);
  return row === undefined ? undefined : bytesOf(row, 'digest');
};
