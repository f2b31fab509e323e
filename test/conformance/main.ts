// SPDX-License-Identifier: Apache-2.0
/**
 * `make conformance`: how well the engine says what Kubernetes says. First the rows that the CEL project publishes, section by
 * section, each failing row with its reason; then generated expressions beside Kubernetes' own CEL, until there are as many
 * evaluations as were asked for. Type, value, error text, refusals with their places and cost are compared; every difference is cut
 * down to its smallest form. Then whole policies: by the API server's own dispatcher, and in force on a live API server.
 *
 * In: `--evaluations N` (100,000), `--policies N` (3,000), `--live N` (300), `--seed S` (1), `--no-cost`. Out: counts, seeds and differences; exit code 1 where there is one.
 */
import { run } from 'node:test';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { systemClock } from '../../process/clock.ts';
import { compareAll } from './differences.ts';
import type { Tally } from './differences.ts';
import { arbitraryExpression } from './expression-arbitrary.ts';
import { liveRunText, runLive } from './live-run.ts';
import { startCelOracle } from './oracle.ts';
import { policyRunText, runPolicies } from './policy-run.ts';
import { findingText } from './report.ts';

const CHUNK = 5_000;
const ROWS = ['policies/cel/conformance.test.ts', 'policies/cel/check/conformance.test.ts'];

const { values: flags } = parseArgs({
  options: {
    evaluations: { type: 'string', default: '100000' },
    policies: { type: 'string', default: '3000' },
    live: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    'no-cost': { type: 'boolean', default: false },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** The published rows; false = one fails that is not explained. */
const publishedRows = async (): Promise<boolean> => {
  print('published rows');
  let good = true;
  for await (const event of run({ files: ROWS, cwd: `${import.meta.dirname}/../..` })) {
    if (event.type === 'test:diagnostic' && /^[a-z][\w ]*: /i.test(event.data.message) && event.data.nesting > 0)
      print(`  ${event.data.message}`);
    if (event.type === 'test:fail' && event.data.nesting > 0) {
      good = false;
      print(`  FAILED ${event.data.name}: ${event.data.details.error.message.slice(0, 2_000)}`);
    }
  }
  return good;
};

type Sum = {
  expressions: number;
  evaluations: number;
  errors: number;
  refused: number;
  differences: number;
  known: Record<string, number>;
};

const add = (sum: Sum, { expressions, evaluations, errors, refused, known, found }: Tally): void => {
  sum.expressions += expressions;
  sum.evaluations += evaluations;
  sum.errors += errors;
  sum.refused += refused;
  sum.differences += found.length;
  for (const [name, count] of Object.entries(known)) sum.known[name] = (sum.known[name] ?? 0) + count;
};

const generated = async (): Promise<boolean> => {
  const [wanted, firstSeed] = [Number(flags.evaluations), Number(flags.seed)];
  const cost = !flags['no-cost'];
  await using oracle = await startCelOracle();
  const sum: Sum = { expressions: 0, evaluations: 0, errors: 0, refused: 0, differences: 0, known: {} };
  const startedMs = systemClock.monotonicMs();
  const perSecond = (): number => Math.round((sum.evaluations * 1_000) / Math.max(1, systemClock.monotonicMs() - startedMs));
  print(`generated expressions, ${wanted} evaluations from seed ${firstSeed}${cost ? ', with their cost' : ''}`);
  for (let seed = firstSeed; sum.evaluations < wanted; seed += 1) {
    const trees = fc.sample(arbitraryExpression(), { seed, numRuns: CHUNK });
    const tally = await compareAll(trees, { oracle, cost, shrinkAtMost: 20 });
    add(sum, tally);
    for (const found of tally.found) print(`seed ${seed} ${findingText(found)}`);
    print(
      `  seed ${seed}: ${sum.expressions} expressions, ${sum.evaluations} evaluations, ${perSecond()}/s, ${sum.differences} differences`,
    );
  }
  print(
    `${sum.expressions} expressions: ${sum.refused} refused by both, ${sum.evaluations} evaluations (${sum.errors} errors), ${perSecond()} evaluations/s, ${sum.differences} unexplained differences`,
  );
  for (const [name, count] of Object.entries(sum.known)) print(`  explained: ${name}: ${count}`);
  return sum.differences === 0;
};

/** Judged one by one on raw objects; 0 leaves them out. */
const byDispatcher = async (): Promise<boolean> => {
  const policies = Number(flags.policies);
  if (policies === 0) return true;
  const tally = await runPolicies({ policies, seed: Number(flags.seed) });
  for (const line of policyRunText(tally)) print(line);
  return tally.differences.length === 0;
};

const byApiServer = async (): Promise<boolean> => {
  const policies = Number(flags.live);
  if (policies === 0) return true;
  const tally = await runLive({ policies, seed: Number(flags.seed) });
  for (const line of liveRunText(tally)) print(line);
  return tally.differences.length === 0;
};

const good = [await publishedRows(), await generated(), await byDispatcher(), await byApiServer()];
process.exitCode = good.every(Boolean) ? 0 : 1;
