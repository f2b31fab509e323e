// SPDX-License-Identifier: Apache-2.0
// writ slo statement: what was promised for a month and kept, and what is given back; shown, or written once under a signature.
import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { CUT_MARGIN_MS } from '../../operator/slo/index.ts';
import { findingsText, slaText } from '../../operator/slo/statement.ts';
import type { SlaStatement } from '../../operator/slo/statement.ts';
import { FREEZE_AFTER_MS, monthOf, nextMonth, parseMonth } from '../../operator/usage/period.ts';
import { textDigest } from '../../operator/billing/rating/invoice.ts';
import { UsageError, UserError, printJson } from '../output.ts';
import type { Terminal } from '../output.ts';
import { readPrivateKey } from '../private-key.ts';
import { signatureFault } from '../signed-by.ts';
import { bundlePath, writeSigned } from '../signed-file.ts';
import { keySigner } from '../signing/signer.ts';
import type { Signer } from '../signing/signer.ts';
import { addSlaOptions, keptStatements, slaSource, statementPath } from './inputs.ts';
import type { Kept, SlaOptions, SlaSource } from './inputs.ts';
import { statementTable } from './statement-table.ts';

const HELP = `
Without --out the statement is shown. With it FOLDER/TENANT/2026-10.r1.json is written, and beside it its signature, a Sigstore bundle. Made
again it says the same under the same key, or is refused: what came late, or another exclusion, makes a revision under --correct, whose credit is the
difference. Prices without --trust are not signed, nor is what the ledger
knows nothing of: a tenant that it never heard of, a month from before it. \`writ bill --sla FILE\` rates the credits; each counts once. A month can be stated two days after its end.

Exit codes: 0 made, now or before, 1 refused, 2 wrong use.

Examples:
  writ slo statement --prices prices.yaml --trust trust.yaml --subscription acme.yaml --ledger ledger.db --month 2026-10
  writ slo statement --prices prices.yaml --trust trust.yaml --subscription acme.yaml --ledger ledger.db --month 2026-10 \\
    --key billing.key --out statements
  cosign verify-blob --key billing.pub --bundle statements/acme/2026-10.r1.json.sigstore.json statements/acme/2026-10.r1.json`;

type Options = SlaOptions & { readonly month?: string; readonly out?: string; readonly key?: string; readonly correct?: true };

const periodOf = ({ month }: Options, nowMs: number): number => {
  const periodMs = month === undefined ? monthOf(monthOf(nowMs) - 1) : parseMonth(month);
  if (periodMs === undefined) throw new UsageError(`--month ${month}: write a month such as 2026-10`);
  const dueMs = nextMonth(periodMs) + FREEZE_AFTER_MS;
  if (nowMs < dueMs) {
    const due = new Date(dueMs).toISOString().slice(0, 16);
    throw new UserError([{ code: 'SLO_MONTH_OPEN', message: `the month can be stated from ${due}Z on` }]);
  }
  return periodMs;
};

const tell = (
  statement: SlaStatement,
  terminal: Terminal,
  written: { readonly path: string; readonly text: string; readonly bundle: string; readonly isNew: boolean },
): void => {
  const { path, text, bundle, isNew } = written;
  const told = {
    path,
    bundle,
    digest: textDigest(text),
    revision: statement.revision,
    total: statement.total,
    currency: statement.currency.code,
    isNew,
  };
  printJson(terminal, told);
};

/**
 * A revision without a signature was cut short. It is signed where it is made again to the same bytes; what cannot be made again may be
 * anybody's, as is one under the signature of somebody else.
 */
const finishSigning = async (
  revisions: readonly Kept[],
  by: { readonly source: SlaSource; readonly periodMs: number; readonly key: KeyObject },
): Promise<void> => {
  const { source, periodMs, key } = by;
  const publicKey = createPublicKey(key);
  for (const [index, { path, text, statement }] of revisions.entries()) {
    if (existsSync(bundlePath(path))) {
      const fault = signatureFault(path, publicKey);
      if (fault !== undefined) throw new UserError([{ code: 'SLO_STATEMENT_UNSIGNED', message: fault }]);
      continue;
    }
    const previous = revisions[index - 1];
    const cutMs = Date.parse(statement.storedBefore);
    const again = Number.isNaN(cutMs)
      ? ''
      : slaText(await source.make({ periodMs, cutMs, ...(previous === undefined ? {} : { previous }) }));
    if (again !== text) {
      const message = `${path}: it has no signature, and made again it is ${textDigest(again)}, not ${textDigest(text)}`;
      throw new UserError([{ code: 'SLO_STATEMENT_UNSIGNED', message }]);
    }
    await writeSigned({ path, text, signer: keySigner(key) });
  }
};

const write = async (
  candidate: SlaStatement,
  to: {
    readonly options: Options & { readonly out: string };
    readonly signer: Signer;
    readonly month: string;
    readonly before: readonly Kept[];
  },
  terminal: Terminal,
): Promise<void> => {
  const { options, signer, month, before } = to;
  const latest = before.at(-1);
  const isSame = latest !== undefined && latest.statement.findings === findingsText(candidate);
  if (latest !== undefined && !isSame && options.correct !== true) {
    const message = `${latest.path}: it says ${textDigest(latest.statement.findings)}, now it would be ${textDigest(findingsText(candidate))}`;
    throw new UserError([{ code: 'SLO_STATEMENT_DIFFERS', message }]);
  }
  const path = isSame ? latest.path : statementPath(options.out, { tenant: candidate.tenant, month, revision: candidate.revision });
  const text = isSame ? latest.text : slaText(candidate);
  const bundle = await writeSigned({ path, text, signer });
  const revision = isSame ? latest.statement.revision : candidate.revision;
  if (options.output === 'json') return tell({ ...candidate, revision }, terminal, { path, text, bundle, isNew: !isSame });
  terminal.out(`${path}: ${textDigest(text)}${isSame ? ', made before' : ''}\n`);
  if (!isSame) terminal.out(statementTable(candidate));
};

const run = async (options: Options, terminal: Terminal): Promise<void> => {
  const nowMs = terminal.clock.now();
  const periodMs = periodOf(options, nowMs);
  const month = new Date(periodMs).toISOString().slice(0, 7);
  const { out, key } = options;
  if ((out === undefined) !== (key === undefined)) throw new UsageError('--out FOLDER and --key FILE belong together');
  if (out !== undefined && options.trust === undefined)
    throw new UserError([{ code: 'BILL_PRICES_UNCHECKED', message: 'no --trust says whose seal the prices must bear' }]);
  const source = slaSource(options, terminal);
  const before = out === undefined ? [] : (keptStatements(out, source.tenant).get(month) ?? []);
  const unheard = await source.unheard(periodMs);
  if (unheard !== undefined && out !== undefined) throw new UserError([unheard]);
  if (unheard !== undefined) terminal.err(`not signed as it is: ${unheard.message}\n`);
  const previous = before.at(-1);
  const cutMs = Math.floor((nowMs - CUT_MARGIN_MS) / 1000) * 1000;
  const candidate = await source.make({ periodMs, cutMs, ...(previous === undefined ? {} : { previous }) });
  if (out !== undefined && key !== undefined) {
    const privateKey = await readPrivateKey(key, terminal);
    await finishSigning(before, { source, periodMs, key: privateKey });
    return await write(candidate, { options: { ...options, out }, signer: keySigner(privateKey), month, before }, terminal);
  }
  if (options.output === 'json') terminal.out(slaText(candidate));
  else terminal.out(statementTable(candidate));
};

export const statementCommand = (terminal: Terminal): Command =>
  addSlaOptions(new Command('statement').description('state what was promised for a month, what was kept and what is given back'))
    .option('--month <month>', 'such as 2026-10; default: the last one')
    .option('--out <folder>', 'where statements are kept')
    .option('--key <file>', 'private key in PEM by which statements are signed')
    .option('--correct', 'write a revision where the statement would say something else now')
    .addHelpText('after', HELP)
    .action((options: Options) => run(options, terminal));
