// SPDX-License-Identifier: Apache-2.0
// The statements of use that an invoice is made of, from files or from the ledger, and which of them can still change.
import { FREEZE_AFTER_MS, monthOf } from '../../operator/usage/period.ts';
import { statementOf } from '../../operator/usage/close.ts';
import { storedStatement } from '../../operator/usage/statement.ts';
import type { UsageLine, UsageStatement } from '../../operator/usage/statement.ts';
import { integerOf } from '../../operator/usage/store.ts';
import type { Reader } from '../../operator/usage/store.ts';
import { storedMeters } from '../../operator/usage/stored-meters.ts';
import { isRecord } from '../../crds/wire.ts';
import type { Problem } from '../../policies/problem.ts';
import { readText } from '../files.ts';
import { UsageError, UserError } from '../output.ts';
import type { Terminal } from '../output.ts';
import { readPublicKeyFile } from '../public-key.ts';
import { signatureFault } from '../signed-by.ts';
import { bundlePath } from '../signed-file.ts';
import { asProblem, openLedger } from '../usage/open-ledger.ts';
import { unheard } from './heard-of.ts';

const MAX_LINES = 10_000;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 253;
const isPeriod = (value: unknown): value is { readonly start: string; readonly end: string } =>
  isRecord(value) && isText(value['start']) && isText(value['end']);

const lineOf = (value: unknown): UsageLine | undefined => {
  if (!isRecord(value)) return undefined;
  const { meter, unit, quantity, carriedFrom } = value;
  if (!isText(meter) || !isText(unit) || !isText(quantity)) return undefined;
  if (carriedFrom === undefined) return { meter, unit, quantity };
  return isPeriod(carriedFrom) ? { meter, unit, quantity, carriedFrom: { start: carriedFrom.start, end: carriedFrom.end } } : undefined;
};

const statementFrom = (value: unknown): UsageStatement | undefined => {
  if (!isRecord(value)) return undefined;
  const { tenant, period, storedBefore, revision, lines } = value;
  if (!isText(tenant) || !isPeriod(period) || !isText(storedBefore) || typeof revision !== 'number' || !Number.isSafeInteger(revision))
    return undefined;
  if (!Array.isArray(lines) || lines.length > MAX_LINES) return undefined;
  const read = lines.flatMap((line: unknown) => lineOf(line) ?? []);
  return read.length === lines.length
    ? { tenant, period: { start: period.start, end: period.end }, storedBefore, revision, lines: read }
    : undefined;
};

/** Whether the ledger can have made it of a month that takes nothing more: what it had stored by then is all of it. */
const isFrozen = ({ period, storedBefore }: UsageStatement): boolean =>
  Date.parse(storedBefore) >= Date.parse(period.end) + FREEZE_AFTER_MS;

export type Statements = {
  readonly due: readonly UsageStatement[];
  readonly all: readonly UsageStatement[];
  /** Months that are not frozen: what else is heard of them would stand in their own statement, which was billed without it. */
  readonly open: readonly string[];
  /** Why the ledger can say nothing of the month that falls due. */
  readonly unheard?: Problem | undefined;
};

type Asked = { readonly tenant: string; readonly atMs: number };

/** A statement, or what `writ usage report --output json` prints. */
const statementsIn = (path: string): readonly { readonly statement: UsageStatement; readonly isOpen: boolean }[] => {
  const wrong = (message: string): never => {
    throw new UserError([{ code: 'BILL_STATEMENT_INVALID', message: `${path}: ${message}` }]);
  };
  let value: unknown;
  try {
    value = JSON.parse(readText(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    return wrong('it is no JSON');
  }
  const report = isRecord(value) && Array.isArray(value['statements']) ? { of: value['statements'], closed: value['closed'] } : undefined;
  const all: readonly unknown[] = report?.of ?? [value];
  const isClosed = report === undefined || report.closed === true;
  return all.map((one) => {
    const statement = statementFrom(one) ?? wrong('it holds no statement of use');
    return { statement, isOpen: !isClosed || !isFrozen(statement) };
  });
};

/** Statements whose signatures lie beside them may be named as `*.json`. */
const statementFiles = (paths: readonly string[] = []): readonly string[] => paths.filter((path) => !path.endsWith(bundlePath('')));

/** Why files are not to be taken for what the ledger says, or undefined. */
export const unsignedStatements = ({
  statement,
  statementKey,
}: {
  readonly statement?: readonly string[];
  readonly statementKey?: string;
}): Problem | undefined => {
  const files = statementFiles(statement);
  if (files.length === 0) {
    if (statementKey !== undefined) throw new UsageError('--statement-key: --statement FILE says which statements it must have signed');
    return undefined;
  }
  if (statementKey === undefined)
    return { code: 'BILL_STATEMENT_UNSIGNED', message: `no --statement-key says whose signature ${files.join(', ')} must bear` };
  const key = readPublicKeyFile(statementKey).publicKey;
  const [fault] = files.flatMap((path) => signatureFault(path, key) ?? []);
  // Whoever names a key wants no other one.
  if (fault !== undefined) throw new UserError([{ code: 'BILL_STATEMENT_UNSIGNED', message: fault }]);
  return undefined;
};

/** Those of the tenant that files hold. */
export const handedStatements = (paths: readonly string[], { tenant, atMs }: Asked): Statements => {
  const found = statementFiles(paths)
    .flatMap((path) => statementsIn(path).map((one) => ({ path, ...one })))
    .filter((one) => one.statement.tenant === tenant);
  const all = found.map(({ statement }) => statement);
  const open = found
    .filter(({ statement, isOpen }) => isOpen && !(Date.parse(statement.period.start) >= atMs))
    .map(({ path, statement }) => `${statement.period.start.slice(0, 7)} (${path}, of what was stored before ${statement.storedBefore})`);
  return { due: all, all, open };
};

/** Before when all is stored that the month's statement will ever hold; undefined while it is open. */
const cutOf = async (reader: Reader, periodMs: number): Promise<number | undefined> => {
  // A month from before the ledger's first is frozen with that one.
  const [row] = await reader.all('SELECT cut_ms FROM usage_period WHERE period_ms >= ? ORDER BY period_ms LIMIT 1', [periodMs]);
  return row === undefined ? undefined : integerOf(row, 'cut_ms');
};

/** Those of the months before `atMs`; the last one falls due then. */
export const ledgerStatements = async (ledger: string | undefined, { tenant, atMs }: Asked, terminal: Terminal): Promise<Statements> => {
  const open = await openLedger(ledger, terminal);
  try {
    return await open.read(async (reader) => {
      const meters = await storedMeters(reader);
      // What was heard of late is the difference to what its month had, be that nothing.
      const months = (
        await reader.all(
          `SELECT billed_ms AS month_ms FROM usage_total WHERE tenant = ? AND billed_ms < ?
            UNION SELECT used_ms FROM usage_total WHERE tenant = ? AND billed_ms < ? ORDER BY month_ms`,
          [tenant, atMs, tenant, atMs],
        )
      ).map((row) => integerOf(row, 'month_ms'));
      const all: UsageStatement[] = [];
      const unfrozen: string[] = [];
      for (const periodMs of new Set([...months, monthOf(atMs - 1)])) {
        const [closed] = await reader.all(
          'SELECT body, digest FROM usage_statement WHERE period_ms = ? AND tenant = ? ORDER BY revision DESC LIMIT 1',
          [periodMs, tenant],
        );
        const kept = closed === undefined ? undefined : statementFrom(storedStatement(closed));
        const cutMs = await cutOf(reader, periodMs);
        if (kept === undefined && cutMs === undefined) unfrozen.push(`${new Date(periodMs).toISOString().slice(0, 7)} (by the ledger)`);
        all.push(kept ?? (await statementOf(reader, tenant, { periodMs, cutMs: cutMs ?? terminal.clock.now(), meterOf: meters.get })));
      }
      const unknown = await unheard(reader, { tenant, periodMs: monthOf(atMs - 1) });
      // Such a month is not open: waiting for it helps nobody.
      return { due: all.slice(-1), all, open: unknown === undefined ? unfrozen : [], unheard: unknown };
    });
  } catch (error) {
    throw asProblem(open.location, error);
  } finally {
    await open.close();
  }
};
