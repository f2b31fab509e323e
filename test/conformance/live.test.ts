// SPDX-License-Identifier: Apache-2.0
// Generated policies in force on a live API server, against Writ. WRIT_CONFORMANCE_LIVE says how many.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { liveRunText, runLive } from './live-run.ts';

const COUNT = Number(process.env['WRIT_CONFORMANCE_LIVE'] ?? 30);
const SEED = Number(process.env['WRIT_CONFORMANCE_SEED'] ?? 1);

it('generated policies decide as a live API server decides', async (context) => {
  const run = await runLive({ policies: COUNT, seed: SEED });
  for (const text of liveRunText(run)) context.diagnostic(text);
  assert.ok(run.denied > 0 && run.warned > 0, 'nothing was denied, or nothing warned of');
  assert.deepEqual(run.differences.length, 0);
});
