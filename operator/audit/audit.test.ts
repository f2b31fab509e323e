// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import type { AuditEntry } from '../../policies/transparency/entry.ts';
import { staleness } from '../../policies/transparency/freshness.ts';
import { openField } from '../../policies/transparency/sealed-field.ts';
import { readBundle } from '../../policies/transparency/tiles.ts';
import { systemClock } from '../../process/clock.ts';
import { SHIPPED_METERS } from '../usage/meters.ts';
import { bytesOf } from '../usage/store.ts';
import type { Mark } from '../../crds/marks.ts';
import { createMarksRecord } from './marks-record.ts';
import { createTrustRecord } from './trust-record.ts';
import type { FollowedTrust } from './facts.ts';
import { createDataKeys, dataKeyById } from './data-keys.ts';
import type { WrappingKeys } from './data-keys.ts';
import type { ToldFact } from './sequencer.ts';
import { NAME, countingRandom, openTestAudit, signer, testFolder } from './test-audit.ts';
import type { TestAudit, TestAuditOptions } from './test-audit.ts';

const folders: (() => void)[] = [];
after(() => folders.forEach((remove) => remove()));
const newFolder = (): string => {
  const { folder, remove } = testFolder();
  folders.push(remove);
  return folder;
};
const withAudit = async (folder: string, work: (test: TestAudit) => Promise<void>, more: Partial<TestAuditOptions> = {}): Promise<void> => {
  const test = await openTestAudit({ folder, clock: systemClock, ...more });
  try {
    await work(test);
  } finally {
    await test.close();
  }
};

const fact = (number: number, more: Partial<ToldFact> = {}): ToldFact => ({
  action: 'test.done',
  actor: 'test',
  tenant: 'acme',
  detail: { number },
  ...more,
});
const some = (count: number, from = 0): readonly ToldFact[] => Array.from({ length: count }, (_, index) => fact(from + index));
const entriesOf = (test: TestAudit, folder: string): readonly AuditEntry[] =>
  [...test.export(['root', 'cluster', 'tenant/acme'].filter((log) => test.files.read(`${log}/checkpoint`) !== undefined))]
    .filter(([name]) => name.startsWith(`${folder}/tile/entries/`))
    .flatMap(([, bytes]) => readBundle(bytes).entries.map((entry) => decodeEntry(entry.bytes) ?? assert.fail()));

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

describe('encrypted fields', () => {
  const secret = { 'detail.spec': '{"owner":"ann"}' };
  const wrapping = (...versions: readonly number[]): WrappingKeys => {
    const [newest = 1, ...older] = versions;
    const key = (version: number) => ({ version, bytes: Buffer.alloc(32, version) });
    return [key(newest), ...older.map(key)];
  };
  const keysUnder = (keys: WrappingKeys) =>
    createDataKeys({ wrapping: () => keys, random: countingRandom('k'), now: () => systemClock.now() });

  const plainOf = async (test: TestAudit, keys: WrappingKeys, seq = 0): Promise<string | undefined> => {
    const entry = entriesOf(test, 'tenant/acme')[seq] ?? assert.fail();
    const field = entry.enc?.['detail.spec'] ?? assert.fail();
    const key = await test.store.read((reader) => dataKeyById(reader, { kid: field.kid, tenant: 'acme', wrapping: keys }));
    return key === undefined
      ? undefined
      : openField(field, { log: `${NAME}/tenant/acme`, tenant: 'acme', seq, path: 'detail.spec' }, key)?.toString();
  };

  it('are read by who has the key, and stand nowhere in the clear', async () => {
    await withAudit(newFolder(), async (test) => {
      test.audit.tell(fact(1, { secret }));
      await test.audit.publish();
      assert.equal(await plainOf(test, wrapping(1)), secret['detail.spec']);
      for (const [name, bytes] of test.export(['root', 'tenant/acme'])) assert.ok(!Buffer.from(bytes).includes('ann'), name);
      const rows = await test.store.read((reader) => reader.all('SELECT body FROM audit_entry'));
      assert.ok(rows.every((row) => !Buffer.from(bytesOf(row, 'body')).includes('ann')));
    });
  });

  it('open nowhere but where they stand, and under no other key', async () => {
    await withAudit(newFolder(), async (test) => {
      test.audit.tell(fact(1, { secret }));
      await test.audit.publish();
      const field = entriesOf(test, 'tenant/acme')[0]?.enc?.['detail.spec'] ?? assert.fail();
      const key =
        (await test.store.read((reader) => dataKeyById(reader, { kid: field.kid, tenant: 'acme', wrapping: wrapping(1) }))) ??
        assert.fail();
      const place = { log: `${NAME}/tenant/acme`, tenant: 'acme', seq: 0, path: 'detail.spec' };
      assert.ok(openField(field, place, key) !== undefined);
      for (const other of [{ log: 'x' }, { tenant: 'x' }, { seq: 1 }, { path: 'x' }])
        assert.equal(openField(field, { ...place, ...other }, key), undefined);
      for (const name of ['commit', 'nonce', 'data'] as const) {
        const bytes = Buffer.from(field[name], 'base64');
        bytes[3] = (bytes[3] ?? 0) ^ 1;
        assert.equal(openField({ ...field, [name]: bytes.toString('base64') }, place, key), undefined, name);
      }
      assert.equal(openField(field, place, { ...key, bytes: Buffer.alloc(32, 9) }), undefined);
    });
  });

  it('are read after the wrapping key was changed, by the new one alone, and no leaf is another', async () => {
    const folder = newFolder();
    await withAudit(
      folder,
      async (test) => {
        test.audit.tell(fact(1, { secret }));
        await test.audit.publish();
        const before = [...test.export(['root', 'tenant/acme'])];
        const rotating = keysUnder(wrapping(2, 1));
        assert.equal(await test.store.transact((tx) => rotating.rewrap(tx)), 0);
        assert.equal(await plainOf(test, wrapping(2)), secret['detail.spec']);
        await assert.rejects(plainOf(test, wrapping(1)), /version 2 of the wrapping key/);
        await test.audit.publish();
        assert.deepEqual([...test.export(['root', 'tenant/acme'])], before);
      },
      { wrapping: () => wrapping(1) },
    );
  });

  it('are gone for ever once erased, on record, once for a request, and the log still holds', async () => {
    await withAudit(newFolder(), async (test) => {
      test.audit.tell(fact(1, { secret }));
      test.audit.erase('acme', 'ticket-7');
      test.audit.erase('acme', 'ticket-7');
      test.audit.tell(fact(2, { secret }));
      await test.audit.publish();
      const report = test.verify(['root', 'tenant/acme']);
      assert.deepEqual(report.problems, []);
      assert.deepEqual(
        [...report.sealed.values()],
        [
          { fields: 1, erased: true },
          { fields: 1, erased: false },
        ],
      );
      assert.deepEqual(
        entriesOf(test, 'tenant/acme').map(({ action }) => action),
        ['test.done', 'subject.erased', 'test.done'],
      );
      assert.equal(await plainOf(test, wrapping(1), 0), undefined);
      assert.equal(await plainOf(test, wrapping(1), 2), secret['detail.spec']);
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
