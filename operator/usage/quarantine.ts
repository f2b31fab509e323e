// SPDX-License-Identifier: Apache-2.0
// Events whose tenant or meter nobody knows: on disk, shown by metrics, and counted as soon as somebody does. A sender is told of
// them with every batch; a silent success here is how usage is lost. Nothing else is derived of them yet, so what was put here and not
// taken out is kept as a sum beside the rows (`aside-marks.ts`): a row that is deleted or changed is missed there.
import { addAside } from './aside-marks.ts';
import type { UsageEvent } from './event.ts';
import { isUnknown, sameBytes } from './outcome.ts';
import type { EventOutcome } from './outcome.ts';
import { OWN_SOURCES } from './sources.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row, Tx } from './store.ts';

type Room = { readonly ofTenant: number; readonly ofAll: number; readonly where: string };
/** One tenant's senders must not fill what others need. */
const SENT: Room = { ofTenant: 10_000, ofAll: 80_000, where: `substr(source, 1, ${OWN_SOURCES.length}) <> '${OWN_SOURCES}'` };
/** Nor may anybody's events be in the way of what Writ itself counts: credits follow from what is missing of that. */
const OWN: Room = { ofTenant: 1_000, ofAll: 20_000, where: `substr(source, 1, ${OWN_SOURCES.length}) = '${OWN_SOURCES}'` };

export const QUARANTINE_COLUMNS = ['tenant', 'source', 'id', 'seq', 'meter', 'at_ms', 'stored_ms', 'value', 'dims', 'digest'];

/** Takes room for one more, as long as there is some; counts what is there once for each tenant. */
const createRooms = (tx: Tx): ((event: UsageEvent) => Promise<boolean>) => {
  const left = new Map<string, number>();
  const leftOf = async (key: string, most: number, count: () => Promise<readonly Row[]>): Promise<number> => {
    const known = left.get(key);
    if (known !== undefined) return known;
    const [row] = await count();
    return most - (row === undefined ? 0 : integerOf(row, 'waiting'));
  };
  return async ({ tenant, source }) => {
    const { ofTenant, ofAll, where } = source.startsWith(OWN_SOURCES) ? OWN : SENT;
    const count = `SELECT COUNT(*) AS waiting FROM usage_quarantine WHERE ${where}`;
    const [mine, all] = [`${tenant} ${where}`, where];
    const leftMine = await leftOf(mine, ofTenant, () => tx.all(`${count} AND tenant = ?`, [tenant]));
    left.set(mine, leftMine);
    // All are not counted for one that has filled its share.
    if (leftMine <= 0) return false;
    const leftAll = await leftOf(all, ofAll, () => tx.all(count));
    left.set(all, leftAll);
    if (leftAll <= 0) return false;
    left.set(mine, leftMine - 1).set(all, leftAll - 1);
    return true;
  };
};

/** Keeps the unknown among `events`; the outcome of those for whom there is no room becomes `full`. */
export const quarantine = async (
  tx: Tx,
  { events, outcomes, storedMs }: { readonly events: readonly UsageEvent[]; readonly outcomes: EventOutcome[]; readonly storedMs: number },
): Promise<void> => {
  const takeRoom = createRooms(tx);
  // Of one identity sent twice in a batch the first is kept, as it would be by two batches.
  const held = new Map<string, Uint8Array>();
  const fresh: UsageEvent[] = [];
  for (const [index, event] of events.entries()) {
    if (!isUnknown(outcomes[index])) continue;
    const { tenant, source, id } = event;
    const name = `${tenant}\n${source}\n${id}`;
    const kept = held.get(name) ?? (await keptDigest(tx, event));
    if (kept !== undefined) {
      held.set(name, kept);
      if (!sameBytes(kept, event.digest)) outcomes[index] = 'conflict';
    } else if (await takeRoom(event)) {
      held.set(name, event.digest);
      fresh.push(event);
    } else outcomes[index] = 'full';
  }
  if (fresh.length === 0) return;
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
