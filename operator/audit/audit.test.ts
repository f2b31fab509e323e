// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import { staleness } from '../../policies/transparency/freshness.ts';
import { systemClock } from '../../process/clock.ts';
import { SHIPPED_METERS } from '../usage/meters.ts';
import { bytesOf } from '../usage/store.ts';
import type { Mark } from '../../crds/marks.ts';
import { createMarksRecord } from './marks-record.ts';
import { createTrustRecord } from './trust-record.ts';
import type { FollowedTrust } from './facts.ts';
import { createDataKeys } from './data-keys.ts';
import { NAME, countingRandom, openTestAudit, signer } from './test-audit.ts';
import { entriesOf, fact, newFolder, some, withAudit } from './test-audit-facts.ts';
import type { TestAudit } from './test-audit.ts';

describe('entries', () => {
  it('are in the log if and only if the transaction is that they describe', async () => {
    await withAudit(newFolder(), async (test) => {
      await test.store.transact((tx) => test.audit.append(tx, [fact(1)]));
      await assert.rejects(
        test.store.transact(async (tx) => {
          await test.audit.append(tx, [fact(2)]);
          throw new Error('the effect failed');
        }),
        /the effect failed/,
      );
      await Promise.all([3, 4].map((number) => test.store.transact((tx) => test.audit.append(tx, [fact(number)]))));
      await test.audit.publish();
      assert.deepEqual(test.verify(['root', 'tenant/acme']).problems, []);
      assert.deepEqual(
        entriesOf(test, 'tenant/acme').map(({ detail }) => detail?.['number']),
        [1, 3, 4],
      );
    });
  });

  it('of a tenant are in its log, others in that of the cluster, and each checkpoint is in the root log', async () => {
    await withAudit(newFolder(), async (test) => {
      for (const one of [fact(1), fact(2, { tenant: 'other' }), { action: 'test.done', actor: 'test' }, fact(3, { tenant: '../evil' })])
        test.audit.tell(one);
      await test.audit.publish();
      const report = test.verify(['root', 'cluster', 'tenant/acme', 'tenant/other']);
      assert.deepEqual(report.problems, []);
      assert.deepEqual(
        report.logs.map(({ folder, size, anchoredSize }) => [folder, size, anchoredSize]),
        [
          ['cluster', 2, 2],
          ['root', 3, undefined],
          ['tenant/acme', 1, 1],
          ['tenant/other', 1, 1],
        ],
      );
      assert.equal(report.logs[2]?.origin, `${NAME}/tenant/acme`);
    });
  });

  it('that are too long for a bundle are named by their digest', async () => {
    await withAudit(newFolder(), async (test) => {
      test.audit.tell(fact(1, { detail: { text: 'x'.repeat(70_000) } }));
      await test.audit.publish();
      assert.deepEqual(test.verify(['root', 'tenant/acme']).problems, []);
      assert.deepEqual(Object.keys(entriesOf(test, 'tenant/acme')[0]?.detail ?? {}), ['omitted']);
    });
  });

  it('are never of a time before the one before, though the clock is set back', async () => {
    let nowMs = 2_000_000_000_000;
    const clock = { ...systemClock, now: () => (nowMs -= 60_000) };
    await withAudit(
      newFolder(),
      async (test) => {
        for (const one of some(5)) test.audit.tell(one);
        await test.audit.publish();
        assert.deepEqual(test.verify(['root', 'tenant/acme']).problems, []);
      },
      { clock },
    );
  });

  it('say the same of a topic once, over restarts', async () => {
    const folder = newFolder();
    const said = async (...numbers: readonly number[]): Promise<readonly unknown[]> => {
      let all: readonly unknown[] = [];
      await withAudit(folder, async (test) => {
        for (const number of numbers) test.audit.tellOnce({ topic: 'commit/a', fact: fact(number) });
        await test.audit.publish();
        all = entriesOf(test, 'tenant/acme').map(({ detail }) => detail?.['number']);
      });
      return all;
    };
    assert.deepEqual(await said(1, 1, 2, 2, 1), [1, 2, 1]);
    assert.deepEqual(await said(1, 1), [1, 2, 1]);
    assert.deepEqual(await said(3), [1, 2, 1, 3]);
  });

  it('hold the marks, the last of each, which no later word of a lower one takes away', async () => {
    const folder = newFolder();
    const digest = `sha256:${'a'.repeat(64)}`;
    const mark = (name: string, version: number, more: Partial<Mark> = {}): Mark => ({ kind: 'Policy', name, version, digest, ...more });
    const look = async (...marks: readonly Mark[]): Promise<{ recalled: readonly Mark[] | undefined; told: readonly unknown[] }> => {
      let [recalled, told]: [readonly Mark[] | undefined, readonly unknown[]] = [undefined, []];
      await withAudit(folder, async (test) => {
        const record = createMarksRecord(test.audit);
        record.record([mark('early', 1)]);
        recalled = await record.recall();
        for (const one of marks) record.record([one]);
        await test.audit.publish();
        told = entriesOf(test, 'cluster').map(({ action, object, detail }) => [
          action,
          object?.name,
          detail?.['version'],
          detail?.['gone'],
        ]);
      });
      return { recalled, told };
    };
    const [one, two, gone] = [mark('a', 1), mark('a', 2, { source: 'writ-system/policies' }), mark('b', 3, { gone: true })];
    const first = await look(one, two, two, one, mark('b', 3), gone);
    assert.deepEqual(first, {
      recalled: [],
      told: [
        ['mark.raised', 'a', 1, undefined],
        ['mark.raised', 'a', 2, undefined],
        ['mark.raised', 'b', 3, undefined],
        ['mark.raised', 'b', 3, true],
      ],
    });
    const { gone: _, ...standing } = gone;
    assert.deepEqual(await look(one, two, gone, standing), { recalled: [two, gone], told: first.told });
    await withAudit(folder, async (test) => {
      const unsealable = JSON.stringify({ ...one, kind: 'ConfigMap' });
      for (const state of ['{', 'null', '{"kind":"Policy","name":"__proto__","version":9}', unsealable])
        test.audit.tellOnce({ topic: `mark/${state}`, fact: fact(9), state });
      await test.audit.publish();
    });
    assert.deepEqual((await look()).recalled, [two, gone]);
  });

  it('hold the trust policy that was in force with its seals and chain, and no word of an older one takes it away', async () => {
    const folder = newFolder();
    const digest = `sha256:${'a'.repeat(64)}`;
    const at = (version: number): FollowedTrust => ({
      version,
      digest,
      signature: { document: `version ${version}`, bundles: ['{}'], trustedRoot: 'root', chain: [{ document: 'one', bundles: [] }] },
    });
    const look = async (...versions: readonly number[]): Promise<readonly unknown[]> => {
      let seen: readonly unknown[] = [];
      await withAudit(folder, async (test) => {
        const record = createTrustRecord(test.audit);
        record.record(at(9));
        const recalled = await record.recall();
        for (const version of versions) record.record(at(version));
        await test.audit.publish();
        seen = [recalled, ...entriesOf(test, 'cluster').map(({ action, detail }) => [action, detail?.['version'], detail?.['digest']])];
      });
      return seen;
    };
    const told = [1, 3].map((version) => ['trust.followed', version, digest]);
    assert.deepEqual(await look(1, 1, 3, 2), ['none', ...told]);
    assert.deepEqual(await look(1, 2, 3), [at(3).signature, ...told]);
    await withAudit(folder, async (test) => {
      for (const state of ['{', 'null', '{"version":"9","signature":{"document":"x"}}', '{"version":9,"signature":{"document":1}}']) {
        test.audit.tellOnce({ topic: 'trust/cluster', fact: fact(state.length), state });
        await test.audit.publish();
        assert.equal(await createTrustRecord(test.audit).recall(), 'none');
      }
    });
  });
});

describe('a ledger that is closed', () => {
  it('makes facts wait, and gets them when it is open again', async () => {
    const folder = newFolder();
    const { createAuditLog } = await import('./index.ts');
    const first = await openTestAudit({ folder, clock: systemClock });
    let open: TestAudit['store'] | undefined;
    const keys = createDataKeys({
      wrapping: () => [{ version: 1, bytes: Buffer.alloc(32, 1) }],
      random: countingRandom('w'),
      now: () => 1,
    });
    const session = { signer, keys, cosign: async () => [] };
    const failures: unknown[] = [];
    const observe = {
      stored: () => undefined,
      lost: () => undefined,
      failed: (error: unknown) => void failures.push(error),
      problem: () => undefined,
      size: () => undefined,
      published: () => undefined,
    };
    const audit = createAuditLog({
      name: () => NAME,
      store: () => open,
      session: () => session,
      files: first.files,
      clock: systemClock,
      random: countingRandom('v'),
      observe,
    });
    for (const one of some(3)) audit.tell(one);
    assert.deepEqual([await audit.publish(), audit.waiting, await audit.topics('')], [false, 3, undefined]);
    open = first.store;
    assert.deepEqual([await audit.publish(), audit.waiting], [true, 0]);
    assert.deepEqual(first.verify(['root', 'tenant/acme']).problems, []);
    await first.close();
    audit.tell(fact(9));
    await assert.rejects(audit.publish());
    assert.equal(audit.waiting, 1);
    assert.ok(failures.length > 0);
  });

  it('gives what it does the place in its own transaction, without any key', async () => {
    await withAudit(newFolder(), async (test) => {
      const { createAuditRecord } = await import('./start.ts');
      const none = (): undefined => undefined;
      const record = createAuditRecord({
        folder: newFolder(),
        systemNamespace: 'writ-system',
        installation: () => 'uid',
        witnesses: [],
        intervalMs: 1000,
        keyLifetimeMs: 1000,
        clock: systemClock,
        observe: { stored: none, lost: none, failed: none, problem: none, size: none, published: none },
        onKey: none,
      });
      await test.store.transact(async (tx) => {
        await record.hooks.onSeals?.(tx, [{ hourMs: 0, revision: 1, root: 'ab' }]);
        await record.hooks.onMeters?.(tx, SHIPPED_METERS.slice(0, 1));
      });
      await assert.rejects(
        test.store.transact(async (tx) => {
          await record.hooks.onSeals?.(tx, [{ hourMs: 3_600_000, revision: 1, root: 'cd' }]);
          throw new Error('the seal failed');
        }),
      );
      const rows = await test.store.read((reader) => reader.all('SELECT body FROM audit_entry'));
      assert.deepEqual(
        rows.map((row) => decodeEntry(bytesOf(row, 'body'))?.action),
        ['usage.sealed', 'usage.meter'],
      );
    });
  });
});

describe('a root log', () => {
  const HOUR_MS = 3_600_000;
  const START = Date.UTC(2026, 9, 1);

  it('is never quiet for longer than an hour, so that a quiet one is not taken for one that was stopped', async () => {
    let nowMs = START;
    await withAudit(
      newFolder(),
      async (test) => {
        const logs = ['root', 'tenant/acme'];
        const publishAt = async (ms: number): Promise<readonly string[]> => {
          nowMs = START + ms;
          await test.audit.publish();
          await test.audit.publish();
          return entriesOf(test, 'root').map(({ action, ts }) => `${action} ${(Date.parse(ts) - START) / 60_000}`);
        };
        const isStale = (): boolean => staleness(test.verify(logs), { nowMs, maxAgeMs: 2 * HOUR_MS, quorum: 0 }) !== undefined;
        test.audit.tell(fact(1));
        assert.deepEqual(await publishAt(0), ['log.checkpoint 0']);
        assert.deepEqual(await publishAt(HOUR_MS - 1), ['log.checkpoint 0']);
        assert.deepEqual(await publishAt(HOUR_MS), ['log.checkpoint 0', 'log.alive 60']);
        nowMs = START + 3 * HOUR_MS + 1;
        assert.equal(isStale(), true);
        // What happens is a sign of life itself.
        test.audit.tell(fact(2));
        assert.deepEqual((await publishAt(3 * HOUR_MS + 1)).length, 3);
        assert.equal(isStale(), false);
        assert.deepEqual(test.verify(logs).problems, []);
        assert.deepEqual((await publishAt(4 * HOUR_MS)).length, 3);
        // Of a log that is signed no more nobody shall think that it is quiet.
        await test.store.transact((tx) => tx.run("UPDATE audit_entry SET seq = 99 WHERE log = 'tenant/acme' AND seq = 1"));
        await test.store.transact((tx) => tx.run("UPDATE audit_log SET size = 3 WHERE log = 'tenant/acme'"));
        assert.deepEqual((await publishAt(9 * HOUR_MS)).length, 3);
        assert.deepEqual(
          test.problems.map(({ code }) => code),
          ['AUDIT_DIVERGED'],
        );
      },
      { clock: { ...systemClock, now: () => nowMs } },
    );
  });
});
