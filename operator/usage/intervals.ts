// SPDX-License-Identifier: Apache-2.0
/**
 * What the operator sees running → use by time. Each thing is a source of its own, whose row says up to when its use is recorded;
 * that row moves in the transaction that stores the use, so that a crash, a new leader or a clock that jumps counts no
 * second twice. While the operator was away the API server knows that a thing ran on: that time is recorded when it is back.
 */
import { digestOf } from './event.ts';
import type { UsageEvent } from './event.ts';
import { ingest } from './ingest.ts';
import type { EventOutcome, IngestContext } from './outcome.ts';
import { HOUR_MS, LATEST_MS, hourOf } from './period.ts';
import { sourceOf } from './sources.ts';
import { integerOf, textOf } from './store.ts';
import type { Reader, Tx } from './store.ts';

export type Running = {
  readonly tenant: string;
  readonly source: string;
  readonly meter: string;
  /** Millionths of the meter's event unit in a second; of bytes: bytes times a million. */
  readonly perSecond: bigint;
  readonly sinceMs: number;
  /** When it became this tenant's; absent where it always was. */
  readonly tenantSinceMs?: number;
  /** When it ended, if it has. */
  readonly endMs?: number;
  /** Where less or more of it was used up to some time. */
  readonly before?: { readonly perSecond: bigint; readonly untilMs: number };
};

/** A thing that vanished while nobody looked ran for at most this long after it was last seen. */
const UNSEEN_MS = 60_000;

export type Recorded = { readonly events: readonly UsageEvent[]; readonly outcomes: readonly EventOutcome[] };

type Piece = { readonly fromMs: number; readonly toMs: number };

/** Cut at full hours, so that each hour has what was used in it. */
export const hourPieces = ({ fromMs, toMs }: Piece): readonly Piece[] => {
  const pieces: Piece[] = [];
  for (let at = fromMs; at < toMs;) {
    const end = Math.min(hourOf(at) + HOUR_MS, toMs);
    pieces.push({ fromMs: at, toMs: end });
    at = end;
  }
  return pieces;
};

/** Up to when it is recorded, for whichever tenant: no second of it is billed twice. */
const billedUntil = async (tx: Tx, source: string): Promise<number> => {
  const [row] = await tx.all('SELECT COALESCE(MAX(until_ms), 0) AS until_ms FROM usage_source WHERE source = ? AND until_ms IS NOT NULL', [
    source,
  ]);
  return row === undefined ? 0 : integerOf(row, 'until_ms');
};

type Used = Piece & { readonly perSecond: bigint };

const usedIn = ({ fromMs, toMs }: Piece, { perSecond, before }: Pick<Running, 'perSecond' | 'before'>): readonly Used[] => {
  const cutMs = Math.min(Math.max(before?.untilMs ?? fromMs, fromMs), toMs);
  const at = (piece: Piece, rate: bigint): readonly Used[] => hourPieces(piece).map((one) => ({ ...one, perSecond: rate }));
  return [...at({ fromMs, toMs: cutMs }, before?.perSecond ?? perSecond), ...at({ fromMs: cutMs, toMs }, perSecond)];
};

export const recordRunning = async (tx: Tx, running: readonly Running[], context: IngestContext): Promise<Recorded> => {
  const events: UsageEvent[] = [];
  const outcomes: EventOutcome[] = [];
  for (const one of running) {
    const { tenant, source, meter, sinceMs, tenantSinceMs = 0, endMs } = one;
    const row = await sourceOf(tx, { tenant, source }, context.storedMs);
    // One that is open goes on where it was recorded last, whatever is known of its tenant; one that has ended may have come back.
    const goesOnMs = row.open ? row.untilMs : undefined;
    const billedMs = await billedUntil(tx, source);
    const fromMs = Math.max(goesOnMs ?? Math.max(sinceMs, tenantSinceMs), billedMs, context.storedMs - LATEST_MS);
    const toMs = Math.min(endMs ?? context.storedMs, context.storedMs);
    if (!row.open && fromMs >= toMs) continue;
    const mine = usedIn({ fromMs, toMs }, one).map((piece, index) => {
      const facts = {
        tenant,
        source,
        id: String(piece.fromMs),
        seq: row.cursor.highest + index + 1,
        atMs: piece.fromMs,
        meter,
        value: (piece.perSecond * BigInt(piece.toMs - piece.fromMs)) / 1000n,
        dims: '{}',
      };
      return { ...facts, digest: digestOf(facts) };
    });
    outcomes.push(...(await ingest(tx, mine, context)));
    events.push(...mine);
    await tx.run('UPDATE usage_source SET until_ms = ?, open = ?, last_ms = ? WHERE number = ?', [
      Math.max(toMs, fromMs),
      endMs === undefined ? 1 : 0,
      context.storedMs,
      row.number,
    ]);
  }
  return { events, outcomes };
};

export type Followed = { readonly tenant: string; readonly source: string; readonly untilMs: number };

/** Sources under a prefix that have not ended, as the ledger knows them. */
export const followedSources = async (reader: Reader, prefix: string): Promise<readonly Followed[]> =>
  (
    await reader.all('SELECT tenant, source, until_ms FROM usage_source WHERE open = 1 AND until_ms IS NOT NULL AND source LIKE ?', [
      `${prefix}%`,
    ])
  ).map((row) => ({ tenant: textOf(row, 'tenant'), source: textOf(row, 'source'), untilMs: integerOf(row, 'until_ms') }));

/** Those that are not there any more, ended at the latest moment at which they can have run. */
export const vanished = (
  followed: readonly Followed[],
  live: { readonly sources: ReadonlySet<string>; readonly endOf: (source: string) => number | undefined },
): readonly (Followed & { readonly endMs: number })[] =>
  followed.flatMap((one) =>
    live.sources.has(`${one.tenant}\n${one.source}`)
      ? []
      : [{ ...one, endMs: Math.max(one.untilMs, live.endOf(one.source) ?? one.untilMs + UNSEEN_MS) }],
  );
