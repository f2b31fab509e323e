// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds what senders of events can put on record by being refused: an entry a batch, so many an hour for a source and for a tenant,
 * and one that says how many more there were. The log only grows; whoever can make it grow at will would fill the disk with it.
 *
 * In: events that a transaction refused. Out: facts for that transaction. What was told is stored with it, so that neither a crash nor
 * another leader begins to count anew. Imported by `start.ts`.
 */
import { integerOf, textOf } from '../usage/store.ts';
import type { Tx } from '../usage/store.ts';
import type { UsageEvent } from '../usage/event.ts';
import { conflictsRefused, conflictsUntold } from './facts.ts';
import type { ToldFact } from './sequencer.ts';

const HOUR_MS = 3_600_000;
export const SOURCE_ENTRIES_PER_HOUR = 6;
/** A source names itself as it likes. */
export const TENANT_ENTRIES_PER_HOUR = 60;

/** No tenant and no source has it in its name. */
const BETWEEN = '\n';

type Told = { readonly told: number; readonly more: number };

const toldOf = async (tx: Tx, topic: string): Promise<Told> => {
  const [row] = await tx.all('SELECT told, more FROM audit_bound WHERE topic = ?', [topic]);
  return row === undefined ? { told: 0, more: 0 } : { told: integerOf(row, 'told'), more: integerOf(row, 'more') };
};

const keep = async (tx: Tx, topic: string, { hourMs, told, more }: Told & { readonly hourMs: number }): Promise<void> => {
  await tx.insert({
    into: 'audit_bound',
    columns: ['topic', 'hour_ms', 'told', 'more'],
    rows: [[topic, hourMs, told, more]],
    onConflict: 'ON CONFLICT (topic) DO UPDATE SET hour_ms = excluded.hour_ms, told = excluded.told, more = excluded.more',
  });
};

/** What was held back in hours that are over. To be called now and then, and before more is held back. */
export const factsHeldBack = async (tx: Tx, nowMs: number): Promise<readonly ToldFact[]> => {
  const hourMs = nowMs - (nowMs % HOUR_MS);
  const rows = await tx.all('SELECT topic, hour_ms, more FROM audit_bound WHERE hour_ms < ? AND more > 0 ORDER BY topic', [hourMs]);
  await tx.run('DELETE FROM audit_bound WHERE hour_ms < ?', [hourMs]);
  return rows.map((row) =>
    conflictsUntold({ tenant: textOf(row, 'topic'), hourMs: integerOf(row, 'hour_ms'), count: integerOf(row, 'more') }),
  );
};

/** An entry for those of each source, while its bounds and those of its tenant last. */
export const boundedConflicts = async (tx: Tx, conflicts: readonly UsageEvent[], nowMs: number): Promise<readonly ToldFact[]> => {
  const facts = [...(await factsHeldBack(tx, nowMs))];
  // A clock that was set back counts on in the hour that it was in.
  const [latest] = await tx.all('SELECT MAX(hour_ms) AS hour_ms FROM audit_bound');
  const known = latest === undefined || latest['hour_ms'] === null ? 0 : integerOf(latest, 'hour_ms');
  const hourMs = Math.max(nowMs - (nowMs % HOUR_MS), known);
  for (const [key, [first, ...others]] of Map.groupBy(conflicts, ({ tenant, source }) => `${tenant}${BETWEEN}${source}`)) {
    if (first === undefined) continue;
    const count = others.length + 1;
    const [ofTenant, ofSource] = [await toldOf(tx, first.tenant), await toldOf(tx, key)];
    if (ofSource.told >= SOURCE_ENTRIES_PER_HOUR || ofTenant.told >= TENANT_ENTRIES_PER_HOUR) {
      await keep(tx, first.tenant, { hourMs, told: ofTenant.told, more: ofTenant.more + count });
      continue;
    }
    await keep(tx, first.tenant, { hourMs, told: ofTenant.told + 1, more: ofTenant.more });
    await keep(tx, key, { hourMs, told: ofSource.told + 1, more: 0 });
    facts.push(conflictsRefused(first, count));
  }
  return facts;
};
