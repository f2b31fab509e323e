// SPDX-License-Identifier: Apache-2.0
// Which sources of a tenant are heard of. Silence is not read as no use: a source that says nothing is named. But a replica of the webhook
// that has ended is no silent one, and one that lives is silent only if it has promised to speak: it tells of each tenant that has
// objectives every quarter of an hour, and of one that has none nothing until it uses something.
import { LEVEL_SOURCES } from '../../policies/service-level/counts.ts';
import { missingOf } from './cursor.ts';
import type { Ledger } from './ledger.ts';
import { DAY_MS } from './period.ts';
import { SILENT_MS, openSources } from './sources.ts';
import type { SourceRow } from './sources.ts';

/** One that says nothing for so long is taken for gone. */
const GONE_MS = DAY_MS;
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

/**
 * A process may report under several names, and what has nothing to tell is silent while another of them speaks; and one that has ended is
 * silent for ever, while the next one of its place sends what it had left.
 */
const heardOf = (sources: readonly SourceRow[], hasObjectives: Look['hasObjectives']): ((source: SourceRow) => Heard) => {
  const places = new Map<string, (Pick<SourceRow, 'tenant' | 'source' | 'lastMs'> & { readonly boot: number })[]>();
  for (const row of sources) {
    const at = bootOf(row);
    if (at !== undefined) places.set(at.place, [...(places.get(at.place) ?? []), { ...row, boot: at.boot }]);
  }
  const known = new Map<string, Heard>();
  return (row) => {
    const at = bootOf(row);
    if (at === undefined) return { lastMs: row.lastMs, isDue: false };
    const name = `${at.place} ${at.boot}`;
    const since = known.has(name) ? [] : (places.get(at.place) ?? []).filter(({ boot }) => boot >= at.boot);
    const heard = known.get(name) ?? {
      lastMs: since.reduce((last, { lastMs }) => Math.max(last, lastMs), row.lastMs),
      isDue: at.replica !== undefined && since.some(({ tenant, source }) => source.endsWith(LEVELS) && hasObjectives(tenant)),
    };
    known.set(name, heard);
    return heard;
  };
};

type Look = {
  readonly nowMs: number;
  /** Whether that replica of the webhook runs. */
  readonly isLive: (replica: string) => boolean;
  /** Whether it is told of each quarter of an hour. */
  readonly hasObjectives: (tenant: string) => boolean;
};

/** By tenant. */
const sourceHealth = (sources: readonly SourceRow[], { nowMs, isLive, hasObjectives }: Look): ReadonlyMap<string, SourceHealth> => {
  const byTenant = new Map<string, SourceHealth>();
  const heard = heardOf(sources, hasObjectives);
  for (const row of sources) {
    const { tenant, source, cursor } = row;
    const { open, silent, missing, due, overdue, quiet } = byTenant.get(tenant) ?? UNHEARD;
    const replica = bootOf(row)?.replica;
    const hasEnded = replica !== undefined && !isLive(replica);
    const { lastMs, isDue } = heard(row);
    const isSilent = !hasEnded && nowMs - lastMs > SILENT_MS && (replica === undefined || isDue);
    byTenant.set(tenant, {
      open: open + (hasEnded ? 0 : 1),
      silent: silent + (isSilent ? 1 : 0),
      missing: missing + missingOf(cursor),
      due: due + (isDue && !hasEnded ? 1 : 0),
      overdue: overdue + (isDue && isSilent ? 1 : 0),
      quiet: isSilent && quiet.length < NAMED_MAX ? [...quiet, source] : quiet,
    });
  }
  return byTenant;
};

export const loadHealth = async (ledger: Ledger, look: Look): Promise<ReadonlyMap<string, SourceHealth>> =>
  sourceHealth(await ledger.store.read((reader) => openSources(reader, look.nowMs - GONE_MS)), look);
