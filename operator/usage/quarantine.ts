// SPDX-License-Identifier: Apache-2.0
// Events whose tenant or meter nobody knows: on disk, shown by metrics, and counted as soon as somebody does. A sender is told of
// them with every batch; a silent success here is how usage is lost. Nothing else is derived of them yet, so what was put here and not
// taken out is kept as a sum beside the rows (`aside-marks.ts`): a row that is deleted or changed is missed there.
import { addAside } from './aside-marks.ts';
import type { UsageEvent } from './event.ts';
import { isUnknown, sameBytes } from './outcome.ts';
import type { EventOutcome } from './outcome.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Tx } from './store.ts';

const QUARANTINE_MAX = 100_000;

export const QUARANTINE_COLUMNS = ['tenant', 'source', 'id', 'seq', 'meter', 'at_ms', 'stored_ms', 'value', 'dims', 'digest'];

/** Keeps the unknown among `events`; where there is no room their outcome becomes `full`. */
export const quarantine = async (
  tx: Tx,
  { events, outcomes, storedMs }: { readonly events: readonly UsageEvent[]; readonly outcomes: EventOutcome[]; readonly storedMs: number },
): Promise<void> => {
  const unknown = events.filter((_, index) => isUnknown(outcomes[index]));
  if (unknown.length === 0) return;
  const [row] = await tx.all('SELECT COUNT(*) AS waiting FROM usage_quarantine');
  if (row !== undefined && integerOf(row, 'waiting') + unknown.length > QUARANTINE_MAX) {
    for (const [index, outcome] of outcomes.entries()) if (isUnknown(outcome)) outcomes[index] = 'full';
    return;
  }
  // Of one identity sent twice in a batch the first is kept, as it would be by two batches.
  const held = new Map<string, Uint8Array>();
  const fresh: UsageEvent[] = [];
  for (const [index, event] of events.entries()) {
    if (!isUnknown(outcomes[index])) continue;
    const { tenant, source, id } = event;
    const name = `${tenant}\n${source}\n${id}`;
    const kept = held.get(name) ?? (await keptDigest(tx, event));
    held.set(name, kept ?? event.digest);
    if (kept === undefined) fresh.push(event);
    else if (!sameBytes(kept, event.digest)) outcomes[index] = 'conflict';
  }
  await tx.insert({
    into: 'usage_quarantine',
    columns: QUARANTINE_COLUMNS,
    rows: fresh.map(({ tenant, source, id, seq, meter, atMs, value, dims, digest }) => [
      tenant,
      source,
      id,
      seq,
      meter,
      atMs,
      storedMs,
      String(value),
      dims,
      digest,
    ]),
  });
  await addAside(tx, fresh);
};

const keptDigest = async (tx: Tx, { tenant, source, id }: UsageEvent): Promise<Uint8Array | undefined> => {
  const [row] = await tx.all('SELECT digest FROM usage_quarantine WHERE tenant = ? AND source = ? AND id = ?', [tenant, source, id]);
  return row === undefined ? undefined : bytesOf(row, 'digest');
};

/** What waits, by tenant and meter. */
export const quarantined = async (
  reader: Reader,
): Promise<readonly { readonly tenant: string; readonly meter: string; readonly events: number }[]> =>
  (await reader.all('SELECT tenant, meter, COUNT(*) AS events FROM usage_quarantine GROUP BY tenant, meter ORDER BY tenant, meter')).map(
    (row) => ({ tenant: textOf(row, 'tenant'), meter: textOf(row, 'meter'), events: integerOf(row, 'events') }),
  );
