// SPDX-License-Identifier: Apache-2.0
// Records become batches: by number and by time, chained, with what was lost told; a verdict waits for none of it.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { createSpoolCheck } from '../../policies/receipts/index.ts';
import type { SpoolReport } from '../../policies/receipts/index.ts';
import { writeHeader } from '../../policies/receipts/lines.ts';
import { decisionLine, setLine } from '../../policies/receipts/test-spool.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import type { FakeClock } from '../../test/fake-clock.ts';
import { createReceipts } from './receipts.ts';
import type { Receipts, ReceiptsOptions, SealedBatch } from './receipts.ts';
import { replicaKey } from './replica-key.ts';
import type { Spool } from './spool.ts';

const key = await replicaKey(undefined);

type Disk = Spool & { readonly texts: string[]; fail: boolean; gate: Promise<void> | undefined; readonly newFiles: Set<number> };

const disk = (recovered: Spool['recovered'] = { head: undefined, tornBytes: 0 }): Disk => {
  const texts: string[] = [];
  const it: Disk = {
    recovered,
    texts,
    fail: false,
    gate: undefined,
    newFiles: new Set([0]),
    prepare: async () => it.newFiles.has(texts.length),
    append: async (_, bytes) => {
      await it.gate;
      if (it.fail) throw new Error('no space left');
      texts.push(new TextDecoder().decode(bytes));
    },
    close: async () => undefined,
  };
  return it;
};

type Scene = {
  readonly receipts: Receipts;
  readonly clock: FakeClock;
  readonly sealed: SealedBatch[];
  readonly errors: unknown[];
  readonly lost: () => number;
  /** Lets signatures and writes end, which take no time of the clock. */
  readonly until: (batches: number) => Promise<void>;
  readonly report: () => SpoolReport;
};

const scene = (spool: Disk, change: Partial<ReceiptsOptions> = {}): Scene => {
  const clock = fakeClock();
  const sealed: SealedBatch[] = [];
  const errors: unknown[] = [];
  let lost = 0;
  const receipts = createReceipts({
    spool,
    key,
    replica: 'one',
    clock,
    batchMs: 1000,
    batchSize: 4,
    onSealed: (batch) => sealed.push(batch),
    onLost: (records) => (lost += records),
    onError: (error) => errors.push(error),
    ...change,
  });
  return {
    receipts,
    clock,
    sealed,
    errors,
    lost: () => lost,
    until: async (batches) => {
      while (sealed.length < batches) await new Promise((resolve) => setImmediate(resolve));
    },
    report: () => {
      const check = createSpoolCheck(undefined);
      const file = Buffer.from(writeHeader({ replica: 'one', key: key.publicKey }) + spool.texts.join(''));
      check.file('file', file);
      return check.report();
    },
  };
};

const add = (receipts: Receipts, from: number, count: number): void => {
  for (let index = from; index < from + count; index += 1) receipts.add(decisionLine(index));
};
const sizes = (sealed: readonly SealedBatch[]): readonly number[] => sealed.map(({ claim }) => claim.size);

describe('a batch is sealed', () => {
  it('by number at once, by time when that passes', async () => {
    const { receipts, clock, sealed, until, report } = scene(disk());
    add(receipts, 0, 9);
    await until(2);
    assert.deepEqual(sizes(sealed), [4, 4]);
    await clock.advance(999);
    assert.equal(sealed.length, 2);
    await clock.advance(1);
    await until(3);
    assert.deepEqual(sizes(sealed), [4, 4, 1]);
    assert.equal(receipts.pendingBytes, 0);
    await receipts.close();
    assert.deepEqual(report().problems, []);
    assert.deepEqual([report().records, report().last?.end, clock.pending], [9, true, 0]);
  });

  it('told only when it is on disk, and its bytes count until then', async () => {
    const spool = disk();
    const { receipts, sealed, until } = scene(spool);
    const gate = Promise.withResolvers<void>();
    spool.gate = gate.promise;
    add(receipts, 0, 4);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sealed.length, 0);
    assert.ok(receipts.pendingBytes > 0);
    gate.resolve();
    await until(1);
    assert.equal(receipts.pendingBytes, 0);
    await receipts.close();
  });

  it('a lone surrogate, a line end and a control character of a name are held byte for byte', async () => {
    const { receipts, report } = scene(disk());
    receipts.add(decisionLine(0, { name: 'a\ud800\n\u2028\u0000é' }));
    await receipts.close();
    assert.deepEqual([report().problems, report().records], [[], 1]);
  });
});

it('each file has the record of the set that is in force', async () => {
  const spool = disk();
  spool.newFiles.add(2);
  const { receipts, until, report } = scene(spool);
  receipts.add(setLine);
  add(receipts, 0, 3);
  await until(1);
  add(receipts, 3, 8);
  await until(3);
  await receipts.close();
  assert.deepEqual(
    spool.texts.map((text) => text.split(setLine).length - 1),
    [1, 0, 1, 0],
  );
  assert.deepEqual([report().problems, report().records], [[], 13]);
});

describe('what can not be kept', () => {
  it('is bounded, counted, and told by the next batch under its signature', async () => {
    const spool = disk();
    const { receipts, sealed, lost, until, report, clock } = scene(spool, { maxPendingBytes: 5000 });
    const gate = Promise.withResolvers<void>();
    spool.gate = gate.promise;
    add(receipts, 0, 1000);
    assert.ok(receipts.pendingBytes <= 5000);
    assert.ok(lost() > 900);
    gate.resolve();
    await clock.advance(1000);
    await until(2);
    await receipts.close();
    assert.equal(
      sealed.reduce((sum, { claim }) => sum + claim.lost, 0),
      lost(),
    );
    assert.equal(report().records + lost(), 1000);
    assert.deepEqual(report().problems, []);
  });

  it('a batch tells it with no record in it, where none comes', async () => {
    const { receipts, sealed, clock, until } = scene(disk(), { maxPendingBytes: 10 });
    add(receipts, 0, 3);
    await clock.advance(1000);
    await until(1);
    assert.deepEqual([sealed[0]?.claim.size, sealed[0]?.claim.lost], [0, 3]);
    await receipts.close();
  });

  it('a disk that is full is tried again: nothing is lost while memory lasts', async () => {
    const spool = disk();
    const { receipts, clock, errors, until, lost, report } = scene(spool);
    spool.fail = true;
    add(receipts, 0, 6);
    while (errors.length < 3) await clock.advance(1000);
    spool.fail = false;
    await clock.advance(60_000);
    await until(2);
    await receipts.close();
    assert.deepEqual([report().problems, report().records, lost()], [[], 6, 0]);
  });

  it('a disk that stays full until the end costs what waits, counted, and does not hold the end up', async () => {
    const spool = disk();
    const { receipts, errors, lost } = scene(spool);
    spool.fail = true;
    add(receipts, 0, 6);
    await receipts.close();
    assert.equal(lost(), 6);
    assert.ok(errors.length >= 2);
    assert.equal(receipts.pendingBytes, 0);
    receipts.add(decisionLine(7));
    assert.equal(lost(), 7, 'what comes after the end is counted too');
  });

  it('while a write takes long, what comes is gathered into few batches', async () => {
    const spool = disk();
    const { receipts, clock, sealed, until } = scene(spool, { batchSize: 1000 });
    const gate = Promise.withResolvers<void>();
    spool.gate = gate.promise;
    for (let second = 0; second < 20; second += 1) {
      add(receipts, second, 1);
      await clock.advance(1000);
    }
    gate.resolve();
    await until(2);
    assert.deepEqual(sizes(sealed), [1, 19]);
    await receipts.close();
  });
});

describe('after a restart the chain goes on', () => {
  const before = { batch: 7, digest: `sha256:${'a'.repeat(64)}` };
  const rows = [
    ['in order', { head: { ...before, end: true }, tornBytes: 0 }, { clean: true, tornBytes: 0 }],
    ['after a crash', { head: { ...before, end: false }, tornBytes: 0 }, { clean: false, tornBytes: 0 }],
    ['after a crash in a write', { head: { ...before, end: false }, tornBytes: 12 }, { clean: false, tornBytes: 12 }],
  ] as const;
  for (const [what, recovered, restart] of rows) {
    it(what, async () => {
      const { receipts, sealed, until } = scene(disk(recovered));
      add(receipts, 0, 8);
      await until(2);
      await receipts.close();
      assert.deepEqual(
        sealed.map(({ claim }) => [claim.batch, claim.restart]),
        [
          [8, restart],
          [9, undefined],
          [10, undefined],
        ],
      );
      assert.equal(sealed[0]?.claim.prev, before.digest);
      assert.equal(sealed[1]?.claim.prev, sealed[0]?.digest);
    });
  }

  it('the first of all names none before it, and no restart', async () => {
    const { receipts, sealed } = scene(disk());
    await receipts.close();
    assert.deepEqual([sealed[0]?.claim.batch, sealed[0]?.claim.restart, sealed[0]?.claim.end], [1, undefined, true]);
  });
});
