// SPDX-License-Identifier: Apache-2.0
// What no test of the whole log comes to: another who signs meanwhile, keys in another's row, keys that are old or used up.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../process/clock.ts';
import { textOf } from '../usage/store.ts';
import type { Tx } from '../usage/store.ts';
import { createDataKeys, dataKeyById } from './data-keys.ts';
import type { WrappingKeys } from './data-keys.ts';
import { countingRandom, openTestAudit, testFolder } from './test-audit.ts';
import type { TestAudit } from './test-audit.ts';

const DAY_MS = 24 * 3_600_000;

describe('a checkpoint that another signed meanwhile', () => {
  it('is not replaced, and what this one would have signed never leaves it', async () => {
    const { folder, remove } = testFolder();
    let meanwhile: string | undefined;
    let other: Promise<unknown> | undefined;
    const test: TestAudit = await openTestAudit({
      folder,
      clock: systemClock,
      onPhase: (phase, log) => {
        // It comes to the store before the signature of this one.
        if (phase === 'before-sign' && log === 'tenant/acme' && meanwhile !== undefined)
          other = test.store.transact((tx) => tx.run(meanwhile ?? '', ['tenant/acme']));
      },
    });
    const noteOf = async (): Promise<string> => {
      const [row] = await test.store.read((reader) => reader.all("SELECT note FROM audit_checkpoint WHERE log = 'tenant/acme'"));
      return row === undefined ? '' : textOf(row, 'note');
    };
    const published = (): string => Buffer.from(test.files.read('tenant/acme/checkpoint') ?? []).toString();
    try {
      const fact = { action: 'test.done', actor: 'test', tenant: 'acme' };
      await test.store.transact((tx) => test.audit.append(tx, [fact]));
      await test.audit.publish();
      const first = published();
      for (const sql of [
        "UPDATE audit_checkpoint SET size = 7, note = 'theirs' WHERE log = ?",
        "UPDATE audit_checkpoint SET size = 1, root = x'00', note = 'theirs' WHERE log = ?",
      ]) {
        meanwhile = sql;
        await test.store.transact((tx) => test.audit.append(tx, [fact]));
        await assert.rejects(test.audit.publish(), /another checkpoint of the log tenant\/acme was signed meanwhile/);
        await other;
        assert.deepEqual([await noteOf(), published()], ['theirs', first]);
        const restored = Buffer.from(first.split('\n')[2] ?? '', 'base64');
        await test.store.transact((tx) =>
          tx.run('UPDATE audit_checkpoint SET size = 1, root = ?, note = ? WHERE log = ?', [restored, first, 'tenant/acme']),
        );
      }
    } finally {
      await test.close();
      remove();
    }
  });
});

describe('a data key', () => {
  const { folder, remove } = testFolder();
  const wrapping: WrappingKeys = [{ version: 1, bytes: Buffer.alloc(32, 1) }];
  let test: TestAudit;
  let nowMs = 0;
  before(async () => {
    test = await openTestAudit({ folder, clock: systemClock });
  });
  beforeEach(async () => {
    nowMs = 1000 * DAY_MS;
    await test.store.transact((tx) => tx.run('DELETE FROM audit_key'));
  });
  after(async () => {
    await test.close();
    remove();
  });
  const keys = createDataKeys({ wrapping: () => wrapping, random: countingRandom('keys'), now: () => nowMs });
  const current = async (uses = 1): Promise<string> => test.store.transact(async (tx: Tx) => (await keys.current(tx, 'acme', uses)).kid);

  it('opens in the row of its own tenant alone', async () => {
    const kid = await current();
    const opened = (tenant: string) => test.store.read((reader) => dataKeyById(reader, { kid, tenant, wrapping }));
    assert.equal((await opened('acme'))?.kid, kid);
    assert.equal(await opened('other'), undefined);
    await test.store.transact((tx) => tx.run("UPDATE audit_key SET tenant = 'other'"));
    await assert.rejects(opened('other'), /does not open/);
  });

  it('opens under its own id alone', async () => {
    await current();
    await test.store.transact((tx) => tx.run("UPDATE audit_key SET kid = 'another'"));
    await assert.rejects(
      test.store.read((reader) => dataKeyById(reader, { kid: 'another', tenant: 'acme', wrapping })),
      /does not open/,
    );
  });

  it('is replaced after thirty days', async () => {
    const first = await current();
    nowMs += 30 * DAY_MS - 1;
    assert.equal(await current(), first);
    nowMs += 1;
    const second = await current();
    assert.notEqual(second, first);
    assert.equal(await current(), second);
  });

  it('is replaced before it is used for more than 2^28 fields, all of those counted that are wanted at once', async () => {
    const first = await current(2 ** 28 - 10);
    assert.equal(await current(9), first);
    const second = await current(2);
    assert.notEqual(second, first, 'one of two would have been one too many');
    await test.store.transact((tx) => tx.run('UPDATE audit_key SET uses = ? WHERE kid = ?', [2 ** 28 - 1, second]));
    nowMs += 1;
    assert.equal(await current(), second);
    nowMs += 1;
    assert.notEqual(await current(), second);
  });
});
