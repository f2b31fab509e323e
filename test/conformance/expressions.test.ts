// SPDX-License-Identifier: Apache-2.0
// Generated expressions against Kubernetes' own CEL. WRIT_CONFORMANCE_EXPRESSIONS says how many (thousands a second);
// WRIT_CONFORMANCE_SEED repeats a run.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { compareAll } from './differences.ts';
import type { Found, Tally } from './differences.ts';
import { arbitraryExpression } from './expression-arbitrary.ts';
import { startCelOracle } from './oracle.ts';
import type { CelAnswer, Oracle } from './oracle.ts';

const COUNT = Number(process.env['WRIT_CONFORMANCE_EXPRESSIONS'] ?? 1000);
const SEED = Number(process.env['WRIT_CONFORMANCE_SEED'] ?? 1);
const CHUNK = 10_000;

const line = ({ kind, expression, ours, theirs }: Found): string => `[${kind}] ${expression}\n    ours   ${ours}\n    theirs ${theirs}`;

const report = (seed: number, { expressions, evaluations, errors, refused, known, found }: Tally): string =>
  [
    `seed ${seed}: ${expressions} expressions, ${evaluations} evaluations (${errors} errors), ${refused} refused by both, ${found.length} differences`,
    ...Object.entries(known).map(([name, count]) => `  known: ${name}: ${count}`),
    ...found.map(line),
  ].join('\n');

describe('generated expressions', () => {
  let oracle: Oracle<CelAnswer>;
  before(async () => {
    oracle = await startCelOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  it(`have the value or the error that Kubernetes gives them`, async (context) => {
    const found: Found[] = [];
    for (let done = 0; done < COUNT; done += CHUNK) {
      const seed = SEED + done / CHUNK;
      const trees = fc.sample(arbitraryExpression(), { seed, numRuns: Math.min(CHUNK, COUNT - done) });
      const tally = await compareAll(trees, { oracle, cost: process.env['WRIT_CONFORMANCE_COST'] === '1', shrinkAtMost: 100 });
      context.diagnostic(report(seed, tally));
      found.push(...tally.found);
    }
    assert.deepEqual(found.map(line), []);
  });
});
