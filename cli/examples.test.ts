// SPDX-License-Identifier: Apache-2.0
// The cases beside the example policies: all hold, and leave nothing of the policies untried.
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missingOf } from '../policies/cases/coverage.ts';
import { runCases } from './run-cases.ts';

const folder = fileURLToPath(new URL('../deploy/examples', import.meta.url));

describe('the example policies', () => {
  const run = runCases([folder], { coverage: true });
  const policies = globSync(['policies/*.yaml', 'rulesets/**/*.yaml'], { cwd: folder }).filter((name) => !name.endsWith('.cases.yaml'));

  for (const policy of policies) {
    it(`${policy} says what its cases expect`, () => {
      const cases = run.rows.filter(({ file }) => file.endsWith(policy.replace(/\.yaml$/, '.cases.yaml')));
      assert.deepEqual(
        cases.filter(({ held }) => !held).map((row) => row.because),
        [],
      );
      assert.ok(
        cases.filter(({ verdict }) => verdict === 'Allow').length >= 2 && cases.filter(({ verdict }) => verdict !== 'Allow').length >= 3,
      );
      assert.ok(cases.length >= 6);
    });
  }

  it('leave no expression untried', () => {
    assert.deepEqual([run.problems, run.warnings], [[], []]);
    assert.ok(run.coverage.length >= policies.length);
    assert.deepEqual(
      run.coverage.filter((one) => missingOf(one).length > 0).map(({ source }) => source),
      [],
    );
  });
});
