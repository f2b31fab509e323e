// SPDX-License-Identifier: Apache-2.0
// Out of quarantine: what has become known is counted, in the transaction that takes it from there.
import { takeAside } from './aside-marks.ts';
import type { UsageEvent } from './event.ts';
import { ingest } from './ingest.ts';
import { isUnknown } from './outcome.ts';
import type { EventOutcome, IngestContext } from './outcome.ts';
import { QUARANTINE_COLUMNS } from './quarantine.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Row, Tx } from './store.ts';
import { bigintText } from './tallies.ts';

const eventOf = (row: Row): UsageEvent => ({
  tenant: textOf(row, 'tenant'),
  source: textOf(row, 'source'),
  id: textOf(row, 'id'),
  seq: integerOf(row, 'seq'),
  atMs: integerOf(row, 'at_ms'),
  meter: textOf(row, 'meter'),
  value: bigintText(row, 'value'),
  dims: textOf(row, 'dims'),
  digest: bytesOf(row, 'digest'),
});

const RELEASE_AT_ONCE = 500;
/** Its sender was told that it is on disk: what its source left out may come yet, and then it counts. */
const STAY: ReadonlySet<EventOutcome | undefined> = new Set(['full', 'gaps']);

/** Counts what has become known of one tenant and meter, at most 500 events at a time; says how many were let go. */
export const releaseQuarantine = async (
  tx: Tx,
  { tenant, meter }: { readonly tenant: string; readonly meter: string },
  context: IngestContext,
): Promise<{ readonly events: readonly UsageEvent[]; readonly outcomes: readonly EventOutcome[] }> => {
  const rows = await tx.all(
    `SELECT ${QUARANTINE_COLUMNS.join(', ')} FROM usage_quarantine WHERE tenant = ? AND meter = ? ORDER BY source, seq LIMIT ${RELEASE_AT_ONCE}`,
    [tenant, meter],
  );
  const events = rows.map(eventOf);
  const outcomes = await ingest(tx, events, context);
  const out = events.filter((_, index) => !isUnknown(outcomes[index]) && !STAY.has(outcomes[index]));
  for (const event of out) {
    await tx.run('DELETE FROM usage_quarantine WHERE tenant = ? AND source = ? AND id = ?', [event.tenant, event.source, event.id]);
  }
  await takeAside(tx, out);
  return { events, outcomes };
};
