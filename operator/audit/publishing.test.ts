// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fact, newFolder, some, withAudit } from './test-audit-facts.ts';

describe('publishing', () => {
  it('grows on over restarts to the very tree of all entries, whatever the steps are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
        async (lives) => {
          const folder = newFolder();
          let total = 0;
          for (const steps of lives) {
            await withAudit(folder, async (test) => {
              for (const count of steps) {
                await test.store.transact((tx) => test.audit.append(tx, some(count, total)));
                total += count;
                await test.audit.publish();
              }
              if (total === 0) return;
              const report = test.verify(['root', 'tenant/acme']);
              assert.deepEqual([report.problems, report.logs[1]?.size], [[], total]);
            });
          }
        },
      ),
      { numRuns: 8 },
    );
  });

  it('makes files anew that are gone, and signs on', async () => {
    const folder = newFolder();
    await withAudit(folder, async (test) => {
      await test.store.transact((tx) => test.audit.append(tx, some(300)));
      await test.audit.publish();
    });
    rmSync(join(folder, 'audit', 'tenant', 'acme', 'tile'), { recursive: true });
    await withAudit(folder, async (test) => {
      test.audit.tell(fact(300));
      await test.audit.publish();
      assert.deepEqual([test.verify(['root', 'tenant/acme']).problems, test.problems], [[], []]);
    });
  });

  it('signs no more what no longer leads to what was signed', async () => {
    const broken = async (sql: string, gone?: string): Promise<readonly string[]> => {
      const folder = newFolder();
      await withAudit(folder, async (test) => {
        await test.store.transact((tx) => test.audit.append(tx, some(3)));
        await test.audit.publish();
        await test.store.transact((tx) => tx.run(sql));
      });
      if (gone !== undefined) rmSync(join(folder, 'audit', 'tenant', 'acme', gone), { recursive: true });
      const codes: string[] = [];
      await withAudit(folder, async (test) => {
        const before = Buffer.from(test.files.read('tenant/acme/checkpoint') ?? []).toString();
        test.audit.tell(fact(3));
        await test.audit.publish();
        await test.audit.publish();
        assert.equal(Buffer.from(test.files.read('tenant/acme/checkpoint') ?? []).toString(), before);
        codes.push(...test.problems.map(({ code }) => code));
      });
      return codes;
    };
    assert.deepEqual(
      await broken("UPDATE audit_entry SET body = x'7b7d' WHERE log = 'tenant/acme' AND seq = 1", 'tile'),
      ['AUDIT_DIVERGED'],
      'an entry was changed, the tiles are gone',
    );
    assert.deepEqual(
      await broken("UPDATE audit_entry SET body = x'7b7d' WHERE log = 'tenant/acme' AND seq = 2"),
      ['AUDIT_DIVERGED'],
      'the last entry was changed',
    );
    assert.deepEqual(
      await broken("DELETE FROM audit_checkpoint WHERE log = 'tenant/acme'"),
      ['AUDIT_DIVERGED'],
      'the store forgot what was signed',
    );
    assert.deepEqual(await broken("DELETE FROM audit_entry WHERE log = 'tenant/acme'", 'tile'), ['AUDIT_DIVERGED'], 'entries are gone');
  });

  for (const phase of ['before-tiles', 'before-sign', 'after-sign', 'after-publish'] as const) {
    it(`goes on after it ended ${phase}, and never signs two histories`, async () => {
      const folder = newFolder();
      await withAudit(folder, async (test) => {
        await test.store.transact((tx) => test.audit.append(tx, some(260)));
        await test.audit.publish();
      });
      const killed = new Error('killed');
      const kill = (at: string, log: string): void => {
        if (at === phase && log === 'tenant/acme') throw killed;
      };
      await withAudit(
        folder,
        async (test) => {
          await test.store.transact((tx) => test.audit.append(tx, some(10, 260)));
          await assert.rejects(test.audit.publish(), killed);
        },
        { onPhase: kill },
      );
      await withAudit(folder, async (test) => {
        if (phase === 'after-sign') {
          // What was signed and not published is published as it is.
          await test.audit.publish();
          assert.equal(test.verify(['root', 'tenant/acme']).logs[1]?.size, 270);
        }
        await test.store.transact((tx) => test.audit.append(tx, some(1, 270)));
        await test.audit.publish();
        const report = test.verify(['root', 'tenant/acme']);
        assert.deepEqual([report.problems, report.logs[1]?.size, test.problems], [[], 271, []]);
      });
    });
  }
});
