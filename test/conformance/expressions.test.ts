// SPDX-License-Identifier: Apache-2.0
// Generated expressions against Kubernetes' own CEL. WRIT_CONFORMANCE_EXPRESSIONS says how many,
// WRIT_CONFORMANCE_SEED repeats a run. What they cost is compared too. `make conformance` runs many more.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { compareAll } from './differences.ts';
import { arbitraryExpression } from './expression-arbitrary.ts';
import { startCelOracle } from './oracle.ts';
import type { CelAnswer, Oracle } from './oracle.ts';
import { findingText, tallyText } from './report.ts';

const COUNT = Number(process.env['WRIT_CONFORMANCE_EXPRESSIONS'] ?? 1000);
const SEED = Number(process.env['WRIT_CONFORMANCE_SEED'] ?? 1);
const COST = true;
/** Those in which something was new, and the one before. */
const VERSIONS = ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33', '1.34'];

describe('generated expressions', () => {
  let oracle: Oracle<CelAnswer>;
  before(async () => {
    oracle = await startCelOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  it('have the type, the value or the error that Kubernetes gives them', async (context) => {
    const trees = fc.sample(arbitraryExpression(), { seed: SEED, numRuns: COUNT });
    const tally = await compareAll(trees, { oracle, cost: COST, shrinkAtMost: 100 });
    context.diagnostic(tallyText(`seed ${SEED}`, tally));
    assert.deepEqual(tally.found.map(findingText), []);
  });

  for (const version of VERSIONS)
    it(`are what Kubernetes ${version} takes`, async (context) => {
      const trees = fc.sample(arbitraryExpression(), { seed: SEED, numRuns: Math.ceil(COUNT / 8) });
      const tally = await compareAll(trees, { oracle, cost: COST, shrinkAtMost: 20, version });
      context.diagnostic(tallyText(`seed ${SEED}`, tally));
      assert.deepEqual(tally.found.map(findingText), []);
    });
});
