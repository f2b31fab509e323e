// SPDX-License-Identifier: Apache-2.0
/**
 * The pages of docs/reference, made from what the programs themselves use: the catalogue of error codes, the catalogues
 * of metrics, the tables of flags, the commands, the CRDs, the libraries of expressions, the attacks that are tried, the API of the ledger.
 *
 * In: those tables. Out: path within the repository → text; the same code always gives the same bytes, on any machine.
 * `main.ts` writes them (`make generate`), a test holds what is checked in equal to them. Nothing that ships imports it.
 */
import { PROGRAM as OPERATOR, SUMMARY as OPERATOR_SUMMARY, operatorFlags } from '../../operator/config.ts';
import { operatorMetrics } from '../../operator/metrics.ts';
import { usageApi } from '../../operator/usage/openapi.ts';
import { problemCodes } from '../../policies/problem-codes/index.ts';
import { PROGRAM as WEBHOOK, SUMMARY as WEBHOOK_SUMMARY, webhookFlags } from '../../webhook/config.ts';
import { webhookMetrics } from '../../webhook/metrics.ts';
import { libraries, NEWEST_VERSION } from '../../policies/cel/functions/environment.ts';
import { DEFAULT_LIMITS } from '../../policies/decide/limits.ts';
import { attacks, controls } from '../../test/custody/attacks.ts';
import { KNOWN_DIFFERENCES } from '../../test/conformance/known-differences.ts';
import { attacksPage } from './attacks.ts';
import { celPage } from './cel.ts';
import { commandsPage } from './commands.ts';
import { crdsPage } from './crds.ts';
import { errorsPage } from './errors.ts';
import { flagsPage } from './flags.ts';
import { metricsPage } from './metrics.ts';

export const referencePages = (): Readonly<Record<string, string>> => ({
  'docs/reference/attacks.md': attacksPage(attacks, controls),
  'docs/reference/cel.md': celPage({ newest: NEWEST_VERSION, libraries, limits: DEFAULT_LIMITS, differences: KNOWN_DIFFERENCES }),
  'docs/reference/commands.md': commandsPage(),
  'docs/reference/crds.md': crdsPage(),
  'docs/reference/errors.md': errorsPage(problemCodes),
  'docs/reference/flags.md': flagsPage([
    { program: OPERATOR, summary: OPERATOR_SUMMARY, origin: 'operator/config.ts', flags: operatorFlags },
    { program: WEBHOOK, summary: WEBHOOK_SUMMARY, origin: 'webhook/config.ts', flags: webhookFlags },
  ]),
  'docs/reference/metrics.md': metricsPage([
    { program: OPERATOR, origin: 'operator/metrics.ts', catalogue: operatorMetrics },
    { program: WEBHOOK, origin: 'webhook/metrics.ts', catalogue: webhookMetrics },
  ]),
  'docs/reference/usage-api.json': `${JSON.stringify(usageApi, undefined, 2)}\n`,
});
