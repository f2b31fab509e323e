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
/** Its sender was told that it is on disk: what its source left out may come yet, or its source begin in another
 * hour, and then it counts. */
const STAY: ReadonlySet<EventOutcome | undefined> = new Set(['full', 'gaps', 'sources']);

/** Of one source the numbers in their order, so that fewer are left out at a time. */
const PLACE = ['source', 'seq', 'id'];
export type Place = readonly [source: string, seq: number, id: string];

export type Released = {
  /** Those that were let go; the others are where they were. */
  readonly events: readonly UsageEvent[];
  readonly outcomes: readonly EventOutcome[];
  /** The last that was looked at, where there may be more: what stays must not keep those behind it from being looked at. */
  readonly next: Place | undefined;
};

/** Counts what has become known of one tenant and meter, at most 500 events at a time, from behind `after` on. */
export const releaseQuarantine = async (
  tx: Tx,
  { tenant, meter, after }: { readonly tenant: string; readonly meter: string; readonly after: Place | undefined },
  context: IngestContext,
): Promise<Released> => {
  const behind = after === undefined ? '' : `AND (${PLACE.join(', ')}) > (?, ?, ?)`;
  const rows = await tx.all(
    `SELECT ${QUARANTINE_COLUMNS.join(', ')} FROM usage_quarantine WHERE tenant = ? AND meter = ? ${behind}
      ORDER BY ${PLACE.join(', ')} LIMIT ${RELEASE_AT_ONCE}`,
    [tenant, meter, ...(after ?? [])],
  );
  const looked = rows.map(eventOf);
  const found = await ingest(tx, looked, context);
  const isOut = (outcome: EventOutcome | undefined): boolean => !isUnknown(outcome) && !STAY.has(outcome);
  const events = looked.filter((_, index) => isOut(found[index]));
  for (const event of events) {
    await tx.run('DELETE FROM usage_quarantine WHERE tenant = ? AND source = ? AND id = ?', [event.tenant, event.source, event.id]);
  }
  await takeAside(tx, events);
  const last = looked.length < RELEASE_AT_ONCE ? undefined : looked.at(-1);
  return { events, outcomes: found.filter(isOut), next: last === undefined ? undefined : [last.source, last.seq, last.id] };
};
