// SPDX-License-Identifier: Apache-2.0
/**
 * Does the ledger hold what it says? Everything that is derived is made again from the events alone: digests of bodies, hours and
 * totals of periods (`recount.ts`), the chain of seals, the bytes of statements; `whole.ts` asks whether anything is gone. In: any view
 * of a ledger. Out: problems by place, none when all is well.
 */
import { hash } from 'node:crypto';
import type { Problem } from '../../policies/problem.ts';
import { statementOf } from './close.ts';
import type { Meter } from './meters.ts';
import { sameBytes } from './outcome.ts';
import { pruningState } from './pruning.ts';
import { recount } from './recount.ts';
import type { ReadArchive, Tell } from './recount.ts';
import { hourDigest } from './seals.ts';
import { statementText } from './statement.ts';
import { storedMeters } from './stored-meters.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Store } from './store.ts';
import { checkWhole } from './whole.ts';

export type LedgerReport = {
  readonly events: number;
  readonly hours: number;
  readonly seals: number;
  readonly statements: number;
  /** Events that left, which were used before that moment (0: none), and how many of them were found in the archive and added up. */
  readonly pruned: { readonly beforeMs: number; readonly events: number; readonly archived: number };
  readonly problems: readonly Problem[];
};

const PAGE = 2000;
const MAX_PROBLEMS = 100;

const checkSeals = async (reader: Reader, tell: Tell): Promise<number> => {
  const reopened = new Set((await reader.all('SELECT hour_ms FROM usage_reopened')).map((row) => integerOf(row, 'hour_ms')));
  const last = await reader.all('SELECT hour_ms, MAX(revision) AS revision FROM usage_seal GROUP BY hour_ms');
  const latest = new Map(last.map((row) => [integerOf(row, 'hour_ms'), integerOf(row, 'revision')]));
  let previous: Uint8Array = new Uint8Array();
  let seals = 0;
  let at = Number.MIN_SAFE_INTEGER;
  for (let isMore = true; isMore;) {
    const rows = await reader.all(
      `SELECT position, hour_ms, revision, root FROM usage_seal WHERE position > ? ORDER BY position LIMIT ${PAGE}`,
      [at],
    );
    for (const row of rows) {
      const [hourMs, revision, root] = [integerOf(row, 'hour_ms'), integerOf(row, 'revision'), bytesOf(row, 'root')];
      const place = `seal ${new Date(hourMs).toISOString()} revision ${revision}`;
      at = integerOf(row, 'position');
      seals += 1;
      if (at !== seals) tell(place, 'the chain of seals has a hole before it');
      // An earlier revision sealed what the hour held then; the last one seals what it holds now.
      if (latest.get(hourMs) === revision && !reopened.has(hourMs)) {
        if (!sameBytes(await hourDigest(reader, { hourMs, revision, previous }), root))
          tell(place, 'does not fit its hour and the seal before it');
      }
      previous = root;
    }
    isMore = rows.length === PAGE;
  }
  return seals;
};

const checkStatements = async (reader: Reader, meterOf: (name: string) => Meter, tell: Tell): Promise<number> => {
  let statements = 0;
  let at: readonly [number, string, number] = [Number.MIN_SAFE_INTEGER, '', 0];
  for (let isMore = true; isMore;) {
    const rows = await reader.all(
      `SELECT s.period_ms, s.tenant, s.revision, s.body, s.digest, p.cut_ms FROM usage_statement s
        JOIN usage_period p ON p.period_ms = s.period_ms WHERE (s.period_ms, s.tenant, s.revision) > (?, ?, ?)
        ORDER BY s.period_ms, s.tenant, s.revision LIMIT ${PAGE}`,
      at,
    );
    for (const row of rows) {
      const [periodMs, tenant, body] = [integerOf(row, 'period_ms'), textOf(row, 'tenant'), textOf(row, 'body')];
      const place = `statement ${tenant} ${new Date(periodMs).toISOString().slice(0, 7)}`;
      if (!sameBytes(hash('sha256', body, 'buffer'), bytesOf(row, 'digest')))
        tell(place, 'does not have the digest that was stored with it');
      const again = statementText(await statementOf(reader, tenant, { periodMs, cutMs: integerOf(row, 'cut_ms'), meterOf }));
      if (again !== body) tell(place, 'is not what its totals give');
      at = [periodMs, tenant, integerOf(row, 'revision')];
    }
    statements += rows.length;
    isMore = rows.length === PAGE;
  }
  return statements;
};

/** With an archive, what left is made again from its events too. */
export const verifyLedger = (
  store: Pick<Store, 'read'>,
  progress: (events: number) => void = () => undefined,
  archive?: ReadArchive,
): Promise<LedgerReport> =>
  store.read(async (reader) => {
    const problems: Problem[] = [];
    const tell: Tell = (path, message) => {
      if (problems.length < MAX_PROBLEMS) problems.push({ code: 'USAGE_LEDGER_DAMAGED', message, path });
    };
    // First: there are few of these, and what is changed may be found in hundreds of places.
    await checkWhole(reader, tell);
    const { events, hours, pruned, archived } = await recount(reader, { tell, progress, archive });
    const meters = await storedMeters(reader);
    const seals = await checkSeals(reader, tell);
    const statements = await checkStatements(reader, meters.get, tell);
    const { prunedMs } = await pruningState(reader);
    return { events, hours, seals, statements, pruned: { beforeMs: prunedMs, events: pruned, archived }, problems };
  });
