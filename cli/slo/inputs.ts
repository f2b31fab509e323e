// SPDX-License-Identifier: Apache-2.0
// What a statement of service levels is made of, as the command line is told: prices and promises, the subscription, the ledger; and the
// statements that lie in a folder.
import { issuedOnRecord } from '../../operator/billing/issued.ts';
import type { IssuedOnRecord } from '../../operator/billing/issued.ts';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { readSlaStatement } from '../../operator/slo/statement.ts';
import type { KeptStatement, SlaStatement } from '../../operator/slo/statement.ts';
import { slaStatement } from '../../operator/slo/index.ts';
import { readLevels } from '../../operator/slo/levels.ts';
import type { Levels } from '../../operator/slo/levels.ts';
import { promisedSpans } from '../../operator/slo/spans.ts';
import { pruningState } from '../../operator/usage/pruning.ts';
import { nextMonth } from '../../operator/usage/period.ts';
import type { Problem } from '../../policies/problem.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import { unheard } from '../bill/heard-of.ts';
import { readBooks, readSubscription } from '../bill/inputs.ts';
import { readText } from '../files.ts';
import { UserError } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { asProblem, openLedger } from '../usage/open-ledger.ts';

export type SlaOptions = {
  readonly prices: readonly string[];
  readonly subscription: string;
  readonly subscriptionKey?: readonly string[];
  readonly ledger?: string;
  readonly trust?: string;
  readonly trustDigest?: string;
  readonly output: Format;
};

export const addSlaOptions = (command: Command): Command =>
  command
    .requiredOption('--prices <files...>', 'price books, which say what is promised and what is given back')
    .requiredOption('--subscription <file>', 'what the tenant has ordered, and exclusions')
    .option('--subscription-key <files...>', 'public keys each of which must have signed that file, PEM')
    .option('--ledger <file>', 'the ledger; default: WRIT_LEDGER')
    .option('--trust <file>', 'the trust policy by which the seals of the prices must count')
    .option('--trust-digest <digest>', 'digest that the trust policy must have, sha256:…')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'));

export type Kept = { readonly path: string; readonly text: string; readonly statement: KeptStatement };

export type StatementAsked = {
  readonly periodMs: number;
  readonly cutMs: number;
  readonly previous?: Kept;
};

export type SlaSource = {
  readonly tenant: string;
  /** What the operator put on record; undefined where the ledger is older than that. */
  issued(): Promise<readonly IssuedOnRecord[] | undefined>;
  /** Why the ledger can say nothing of the month, so that it is not to be signed. */
  unheard(periodMs: number): Promise<Problem | undefined>;
  /** Throws UserError. */
  make(asked: StatementAsked): Promise<SlaStatement>;
};

/** Reads the documents once; each statement reads the ledger anew. */
export const slaSource = (options: SlaOptions, terminal: Terminal): SlaSource => {
  const books = readBooks(options, terminal);
  const { subscription, exclusions } = readSubscription(options, books);
  const { tenant } = subscription;
  return {
    tenant,
    issued: async () => {
      const open = await openLedger(options.ledger, terminal);
      try {
        return await open.read((reader) => issuedOnRecord(reader, tenant));
      } catch (error) {
        throw asProblem(open.location, error);
      } finally {
        await open.close();
      }
    },
    unheard: async (periodMs) => {
      const open = await openLedger(options.ledger, terminal);
      try {
        return await open.read((reader) => unheard(reader, { tenant, periodMs }));
      } catch (error) {
        throw asProblem(open.location, error);
      } finally {
        await open.close();
      }
    },
    make: async ({ periodMs, cutMs, previous }) => {
      const period = { startMs: periodMs, endMs: nextMonth(periodMs) };
      const promised = promisedSpans({ books, subscription, period });
      if (!promised.ok) throw new UserError(promised.problems);
      const { spans, currency } = promised;
      const open = await openLedger(options.ledger, terminal);
      try {
        const levels = await open.read(async (reader) => {
          const { prunedMs } = await pruningState(reader);
          if (period.startMs < prunedMs)
            throw new UserError([
              {
                code: 'SLO_MONTH_PRUNED',
                message: `counts of before ${new Date(prunedMs).toISOString().slice(0, 10)} have left the ledger`,
              },
            ]);
          const all: ReadonlyMap<ObjectiveName, Levels>[] = [];
          for (const { startMs, endMs, owed } of spans) {
            const withinMs = (name: ObjectiveName): number | undefined => owed.find((one) => one.name === name)?.withinMs;
            all.push(await readLevels(reader, { tenant, fromMs: startMs, toMs: endMs, cutMs, withinMs }));
          }
          return all;
        });
        return slaStatement({
          tenant,
          period,
          spans,
          currency,
          exclusions,
          levels,
          cutMs,
          ...(previous === undefined ? {} : { previous }),
        });
      } catch (error) {
        throw asProblem(open.location, error);
      } finally {
        await open.close();
      }
    },
  };
};

const NAME = /^(\d{4}-\d\d)\.r([1-9]\d{0,3})\.json$/;

export const statementPath = (
  folder: string,
  { tenant, month, revision }: { readonly tenant: string; readonly month: string; readonly revision: number },
): string => join(folder, tenant, `${month}.r${revision}.json`);

const readKept = (path: string, is: { readonly tenant: string; readonly revision: number }): Kept => {
  const text = readText(path);
  const statement = readSlaStatement(text);
  if (statement === undefined || statement.tenant !== is.tenant || statement.revision !== is.revision)
    throw new UserError([{ code: 'SLO_STATEMENT_INVALID', message: `${path}: it is no revision ${is.revision} for ${is.tenant}` }]);
  return { path, text, statement };
};

/** By month, every revision in its order. None may be left out. */
export const keptStatements = (folder: string, tenant: string): ReadonlyMap<string, readonly Kept[]> => {
  const place = join(folder, tenant);
  const months = new Map<string, Kept[]>();
  const found = (existsSync(place) ? readdirSync(place) : [])
    .flatMap((name) => {
      const [, month, revision] = NAME.exec(name) ?? [];
      return month === undefined ? [] : [{ month, revision: Number(revision) }];
    })
    .toSorted((a, b) => (a.month === b.month ? a.revision - b.revision : a.month < b.month ? -1 : 1));
  for (const { month, revision } of found) {
    const before = months.get(month) ?? [];
    const path = statementPath(folder, { tenant, month, revision });
    if (revision !== before.length + 1)
      throw new UserError([{ code: 'SLO_STATEMENT_INVALID', message: `${path}: revision ${before.length + 1} is not there` }]);
    before.push(readKept(path, { tenant, revision }));
    months.set(month, before);
  }
  return months;
};
