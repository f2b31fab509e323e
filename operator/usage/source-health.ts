// SPDX-License-Identifier: Apache-2.0
// Which sources of a tenant are heard of. Silence is not read as no use: a source that says nothing is named. But a replica of the webhook
// that has ended is no silent one, and one that lives is silent only if it has promised to speak: it tells of each tenant that has
// objectives every quarter of an hour, and of one that has none nothing until it uses something.
import { LEVEL_SOURCES } from '../../policies/service-level/counts.ts';
import { unfinishedPeriods } from './close.ts';
import { missingOf } from './cursor.ts';
import type { Ledger } from './ledger.ts';
import { DAY_MS, monthOf, nextMonth } from './period.ts';
import { SILENT_MS, openSources, pastSources } from './sources.ts';
import type { SourceRow } from './sources.ts';
import type { Reader } from './store.ts';
import { ledgerState } from './tallies.ts';

/** One that was not heard of for so long is not open; that it is silent is said until the month ends of whose use it may have more. */
const OPEN_MS = DAY_MS;
/** What people read of a long list. */
const NAMED_MAX = 3;
const LEVELS = '/levels';

export type SourceHealth = {
  readonly open: number;
  readonly silent: number;
  readonly missing: number;
  /** Of replicas of the webhook that live and have promised to speak, and of them those that did not. */
  readonly due: number;
  readonly overdue: number;
  /** The names of the first that are silent. */
  readonly quiet: readonly string[];
};

export const UNHEARD: SourceHealth = { open: 0, silent: 0, missing: 0, due: 0, overdue: 0, quiet: [] };

/** Of a process: where it runs, and the number of its start. The webhook's speaks of all tenants, others of one. */
type Boot = { readonly place: string; readonly boot: number; readonly replica: string | undefined };

const PROCESS = /^(.+)\/boots\/(\d{1,15})(?:\/|$)/;

const bootOf = ({ tenant, source }: SourceRow): Boot | undefined => {
  const [, place, boot] = PROCESS.exec(source) ?? [];
  if (place === undefined) return undefined;
  const replica = source.startsWith(LEVEL_SOURCES) ? place.slice(LEVEL_SOURCES.length) : undefined;
  return { place: replica === undefined ? `${tenant}\n${place}` : place, boot: Number(boot), replica };
};

/** When a process was heard of last under any of its names, and whether one of them is due to speak. */
type Heard = { readonly lastMs: number; readonly isDue: boolean };

const later = (one: Heard, other: Heard | undefined): Heard =>
  other === undefined ? one : { lastMs: Math.max(one.lastMs, other.lastMs), isDue: one.isDue || other.isDue };

/**
 * A process may report under several names, and what has nothing to tell is silent while another of them speaks; and one that has ended is
 * silent for ever, while the next one of its place sends what it had left.
 */
const heardOf = (sources: readonly SourceRow[], hasObjectives: Look['hasObjectives']): ((source: SourceRow) => Heard) => {
  const places = new Map<string, Map<number, Heard>>();
  for (const row of sources) {
    const at = bootOf(row);
    if (at === undefined) continue;
    const boots = places.get(at.place) ?? new Map<number, Heard>();
    const isDue = at.replica !== undefined && row.source.endsWith(LEVELS) && hasObjectives(row.tenant);
    places.set(at.place, boots.set(at.boot, later({ lastMs: row.lastMs, isDue }, boots.get(at.boot))));
  }
  // Whoever sends chooses how many there are: one way through each place, the last start first.
  for (const boots of places.values()) {
    let since: Heard | undefined;
    for (const [boot, heard] of [...boots].toSorted(([a], [b]) => b - a)) {
      since = later(heard, since);
      boots.set(boot, since);
    }
  }
  return (row) => {
    const at = bootOf(row);
    return (at === undefined ? undefined : places.get(at.place)?.get(at.boot)) ?? { lastMs: row.lastMs, isDue: false };
  };
};

type Look = {
  readonly nowMs: number;
  /** The replicas of the webhook that run. */
  readonly live: ReadonlySet<string>;
  /** Whether it is told of each quarter of an hour. */
  readonly hasObjectives: (tenant: string) => boolean;
};

/** By tenant. */
const sourceHealth = (sources: readonly SourceRow[], { nowMs, live, hasObjectives }: Look): ReadonlyMap<string, SourceHealth> => {
  const byTenant = new Map<string, SourceHealth>();
  const heard = heardOf(sources, hasObjectives);
  const openMs = nowMs - OPEN_MS;
  const silentMs = Math.min(openMs, monthOf(nowMs));
  for (const row of sources) {
    const { tenant, source, cursor } = row;
    const { open, silent, missing, due, overdue, quiet } = byTenant.get(tenant) ?? UNHEARD;
    const replica = bootOf(row)?.replica;
    const hasEnded = replica !== undefined && !live.has(replica);
    const { lastMs, isDue } = heard(row);
    const isSilent = !hasEnded && row.lastMs >= silentMs && nowMs - lastMs > SILENT_MS && (replica === undefined || isDue);
    const isOpen = !hasEnded && (isSilent || row.lastMs >= openMs);
    byTenant.set(tenant, {
      open: open + (isOpen ? 1 : 0),
      silent: silent + (isSilent ? 1 : 0),
      missing: missing + missingOf(cursor),
      due: due + (isDue && isOpen ? 1 : 0),
      overdue: overdue + (isDue && isSilent ? 1 : 0),
      quiet: isSilent && quiet.length < NAMED_MAX ? [...quiet, source] : quiet,
    });
  }
  return byTenant;
};

/** From then on nothing is billed for good: begin of the first month whose statements are not all made. */
const unstatedMs = async (reader: Reader): Promise<number> => {
  const [unfinished] = await unfinishedPeriods(reader);
  const { frozenMs } = await ledgerState(reader);
  return unfinished ?? (frozenMs === undefined ? 0 : nextMonth(frozenMs));
};

export const loadHealth = async ({ store }: Ledger, look: Look): Promise<ReadonlyMap<string, SourceHealth>> =>
  await store.read(async (reader) => {
    const beforeMs = look.nowMs - OPEN_MS;
    const past = await pastSources(reader, {
      beforeMs,
      missingSinceMs: await unstatedMs(reader),
      sinceMs: monthOf(look.nowMs),
      replicas: [...look.live],
    });
    return sourceHealth([...past, ...(await openSources(reader, beforeMs))], look);
  });
