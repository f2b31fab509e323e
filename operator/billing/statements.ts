// SPDX-License-Identifier: Apache-2.0
/**
 * The sink for those who bill elsewhere: each statement of a frozen month becomes a file and, beside it, its Sigstore bundle.
 *
 * In: the ledger's statements, a folder, a private key. Out: `TENANT/2026-11.json` and its signature, once; the ledger's database says
 * which were written. Of a month that the payment provider bills only what that one is not told of is. A file that is there with other
 * bytes is never touched: somebody may have billed by it. Imported by billing-wiring.ts.
 */
import type { KeyObject } from 'node:crypto';
import { isName } from '../../crds/wire.ts';
import { makeSeal } from '../../policies/trust/seal.ts';
import type { LogFolder } from '../audit/log-folder.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Reader, Store } from '../usage/store.ts';
import { statementSettled } from './facts.ts';
import type { RecordFacts } from './facts.ts';
import { textDigest } from './rating/invoice.ts';
import { billedMonths } from './hours.ts';
import { settlingOf } from './settling.ts';
import { isOverdue } from './waits.ts';
import type { Waiting } from './waits.ts';
import type { Scope, UsageSink } from './sink.ts';

export type StatementDeps = {
  readonly store: Store;
  readonly files: Pick<LogFolder, 'read' | 'write'>;
  readonly key: KeyObject;
  readonly nowMs: () => number;
  readonly record: RecordFacts | undefined;
  /** A file is there that says something else; told with every look. */
  readonly onTaken: (taken: { readonly path: string; readonly digest: string }) => void;
  /** The provider is to bill it and does not count all of it; told with every look, a day after the freeze. */
  readonly onWaiting: (waiting: Waiting) => void;
};

type Statement = { readonly tenant: string; readonly periodMs: number; readonly revision: number; readonly body: string };

const AT_ONCE = 200;

/** Which meters the provider is told of is nothing to it. */
export type StatementSink = UsageSink<Pick<Scope, 'customers'>>;

const statementPath = ({ tenant, periodMs, revision }: Omit<Statement, 'body'>): string =>
  `${tenant}/${new Date(periodMs).toISOString().slice(0, 7)}${revision === 1 ? '' : `.${revision}`}.json`;

/** What the provider is not told of a month that it bills. */
const restPath = (statement: Omit<Statement, 'body'>): string => statementPath(statement).replace(/\.json$/, '.rest.json');

const FROM_THE_FIRST: Omit<Statement, 'body'> = { tenant: '', periodMs: Number.MIN_SAFE_INTEGER, revision: 0 };

/** Of which nothing has become yet, after the one that was looked at last. */
const unsettled = async (reader: Reader, after: Omit<Statement, 'body'>): Promise<readonly Statement[]> => {
  const rows = await reader.all(
    `SELECT s.tenant AS tenant, s.period_ms AS period_ms, s.revision AS revision, s.body AS body FROM usage_statement AS s
      LEFT JOIN billing_statement AS b ON b.tenant = s.tenant AND b.period_ms = s.period_ms AND b.revision = s.revision
      WHERE (b.tenant IS NULL OR (b.sink = 'file' AND b.digest = '')) AND (s.period_ms > ? OR (s.period_ms = ? AND (s.tenant > ? OR (s.tenant = ? AND s.revision > ?))))
      ORDER BY s.period_ms, s.tenant, s.revision LIMIT ${AT_ONCE}`,
    [after.periodMs, after.periodMs, after.tenant, after.tenant, after.revision],
  );
  return rows.map((row) => ({
    tenant: textOf(row, 'tenant'),
    periodMs: integerOf(row, 'period_ms'),
    revision: integerOf(row, 'revision'),
    body: textOf(row, 'body'),
  }));
};

export type StatementCounts = Readonly<Record<'file' | 'provider' | 'waiting', number>> & {
  /** Begin of the oldest month of which a statement waits. */
  readonly oldestMs: number | undefined;
};

/** How many statements are files, are billed by the provider, wait. */
export const countStatements = async (reader: Reader): Promise<StatementCounts> => {
  const rows = await reader.all("SELECT sink, COUNT(*) AS count FROM billing_statement WHERE digest != '' GROUP BY sink");
  const [all] = await reader.all('SELECT COUNT(*) AS count FROM usage_statement');
  const count = (sink: string): number => {
    const row = rows.find((one) => one['sink'] === sink);
    return row === undefined ? 0 : integerOf(row, 'count');
  };
  const [file, provider] = [count('file'), count('provider')];
  const waiting = Math.max(0, (all === undefined ? 0 : integerOf(all, 'count')) - file - provider);
  const [oldest] = waiting === 0 ? [] : await unsettled(reader, FROM_THE_FIRST);
  return { file, provider, waiting, oldestMs: oldest?.periodMs };
};

export const createStatementSink = ({ store, files, key, nowMs, record, onTaken, onWaiting }: StatementDeps): StatementSink => {
  /** False where another file is in the way. The signature last: a file without one was never issued, and is finished by the next look. */
  const write = async (path: string, body: string): Promise<boolean> => {
    const bytes = Buffer.from(body);
    const found = files.read(path);
    if (found !== undefined && !bytes.equals(found)) {
      onTaken({ path, digest: textDigest(Buffer.from(found).toString('utf8')) });
      return false;
    }
    if (found === undefined) await files.write(path, bytes);
    const bundle = `${path}.sigstore.json`;
    if (files.read(bundle) === undefined) await files.write(bundle, makeSeal({ message: bytes }, key));
    return true;
  };

  /** On disk before there is a file: from then on nothing of the month is reported. */
  const claim = ({ tenant, periodMs, revision }: Statement): Promise<number> =>
    store.transact((tx) =>
      tx.insert({
        into: 'billing_statement',
        columns: ['tenant', 'period_ms', 'revision', 'sink', 'digest', 'at_ms'],
        rows: [[tenant, periodMs, revision, 'file', '', nowMs()]],
        onConflict: 'ON CONFLICT (tenant, period_ms, revision) DO NOTHING',
      }),
    );

  const settle = async (statement: Statement, sink: 'file' | 'provider'): Promise<void> => {
    const { tenant, periodMs, revision, body } = statement;
    const digest = textDigest(body);
    await store.transact(async (tx) => {
      await tx.insert({
        into: 'billing_statement',
        columns: ['tenant', 'period_ms', 'revision', 'sink', 'digest', 'at_ms'],
        rows: [[tenant, periodMs, revision, sink, digest, nowMs()]],
        onConflict: 'ON CONFLICT (tenant, period_ms, revision) DO UPDATE SET digest = excluded.digest, at_ms = excluded.at_ms',
      });
      const month = new Date(periodMs).toISOString().slice(0, 7);
      await record?.(tx, [statementSettled({ tenant, month, revision, sink, digest })]);
    });
  };

  return {
    turn: async ({ customers }, signal) => {
      const isBilled = billedMonths(customers);
      let after = FROM_THE_FIRST;
      for (;;) {
        const from = after;
        const some = await store.read((reader) => unsettled(reader, from));
        for (const statement of some) {
          if (signal?.aborted === true) return { refused: false, drift: undefined };
          // It becomes the name of a folder.
          if (!isName(statement.tenant)) continue;
          const asked = { ...statement, isCustomer: isBilled(statement.tenant, statement.periodMs), nowMs: nowMs() };
          const settling = await store.read((reader) => settlingOf(reader, asked));
          if (settling.kind === 'waiting') {
            const { tenant, periodMs } = statement;
            if (isOverdue(periodMs, nowMs())) onWaiting({ tenant, periodMs, why: settling.why });
          } else if (settling.kind === 'file') {
            await claim(statement);
            if (await write(statementPath(statement), statement.body)) await settle(statement, 'file');
          } else if (settling.rest === undefined || (await write(restPath(statement), settling.rest))) await settle(statement, 'provider');
        }
        const last = some.at(-1);
        if (last === undefined) return { refused: false, drift: undefined };
        after = last;
      }
    },
  };
};
