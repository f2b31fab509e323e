// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Mark } from '../../crds/marks.ts';
import { systemClock } from '../../process/clock.ts';
import { createMarksRecord } from './marks-record.ts';
import { openTestAudit, testFolder } from './test-audit.ts';

describe('the record of marks', () => {
  it('no more holds one that was taken back as docs/audit.md says, and its entry for good', async (context) => {
    const { folder, remove } = testFolder();
    context.after(remove);
    const mark: Mark = { kind: 'Policy', name: 'a', version: 9, digest: `sha256:${'a'.repeat(64)}` };
    const [statement] = /DELETE FROM audit_said [^;]+/.exec(readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8')) ?? [];
    assert.ok(statement);
    const test = await openTestAudit({ folder, clock: systemClock });
    context.after(() => test.close());
    const record = createMarksRecord(test.audit);
    await record.recall();
    record.record([mark]);
    await test.audit.publish();
    assert.deepEqual(await createMarksRecord(test.audit).recall(), [mark]);
    await test.store.transact((tx) => tx.run(statement));
    assert.deepEqual(await createMarksRecord(test.audit).recall(), []);
    assert.deepEqual(test.verify(['root', 'cluster']).problems, []);
    assert.equal(test.verify(['cluster']).logs[0]?.size, 1);
  });
});
