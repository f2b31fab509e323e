// SPDX-License-Identifier: Apache-2.0
// What the port promises, asked of an engine. Both engines' tests run it; each call of `open` opens the same ledger again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StoreError } from '../../operator/usage/store.ts';
import type { Store, StoreFailure } from '../../operator/usage/store.ts';

export type EngineUnderTest = {
  /** A new, empty ledger; called again with its name, the same one opened by another process. */
  open(name: string): Promise<Store>;
};

const TABLES = {
  room: 'trial',
  steps: [['CREATE TABLE trial_thing (name TEXT PRIMARY KEY, size BIGINT NOT NULL, body BYTEA)']],
};

const failed = (failure: StoreFailure) => (error: unknown) => error instanceof StoreError && error.failure === failure;

const put = (store: Store, name: string, size: bigint | number = 1): Promise<unknown> =>
  store.transact((tx) => tx.insert({ into: 'trial_thing', columns: ['name', 'size'], rows: [[name, size]] }));

const names = (store: Store): Promise<readonly unknown[]> =>
  store.read(async (reader) => (await reader.all('SELECT name FROM trial_thing ORDER BY name')).map(({ name }) => name));

let made = 0;

const opened = async (engine: EngineUnderTest): Promise<{ readonly store: Store; readonly name: string }> => {
  const name = `ledger${(made += 1)}`;
  const store = await engine.open(name);
  await store.migrate(TABLES);
  await store.claim('first');
  return { store, name };
};

export const describeStore = (engine: EngineUnderTest): void => {
  describe('a store', () => {
    it('gives back what was put in: text, whole numbers of 64 bits, bytes and nothing', async () => {
      const { store } = await opened(engine);
      await fc.assert(
        fc.asyncProperty(
          fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes('\0')),
          fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          fc.option(fc.uint8Array()),
          async (name, size, body) => {
            await store.transact(async (tx) => {
              await tx.run('DELETE FROM trial_thing');
              await tx.insert({ into: 'trial_thing', columns: ['name', 'size', 'body'], rows: [[name, size, body]] });
            });
            const rows = await store.read((reader) => reader.all('SELECT * FROM trial_thing'));
            assert.deepEqual(
              rows.map((row) => ({ ...row })),
              [{ name, size, body }],
            );
          },
        ),
        { numRuns: 40 },
      );
      await store.close();
    });

    it('takes many rows at once, and says how many of them were new', async () => {
      const { store } = await opened(engine);
      await put(store, 'b');
      const written = await store.transact((tx) =>
        tx.insert({
          into: 'trial_thing',
          columns: ['name', 'size'],
          rows: [
            ['a', 1],
            ['b', 2],
            ['c', 3],
          ],
          onConflict: 'ON CONFLICT (name) DO NOTHING',
        }),
      );
      assert.equal(written, 2);
      assert.deepEqual(await names(store), ['a', 'b', 'c']);
      const changed = await store.transact((tx) => tx.run('UPDATE trial_thing SET size = size + ? WHERE size < ?', [10, 2]));
      assert.equal(changed, 2);
      await store.close();
    });

    it('undoes a work that throws, alone, while those of its group are kept', async () => {
      const { store } = await opened(engine);
      const results = await Promise.allSettled([
        put(store, 'a'),
        store.transact(async (tx) => {
          await tx.run("INSERT INTO trial_thing (name, size) VALUES ('lost', 1)");
          throw new RangeError('mine');
        }),
        put(store, 'a', 2),
        put(store, 'c'),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
      );
      assert.ok(results[1]?.status === 'rejected' && results[1].reason instanceof RangeError);
      assert.ok(results[2]?.status === 'rejected' && failed('failed')(results[2].reason));
      assert.deepEqual(await names(store), ['a', 'c']);
      await store.close();
    });

    it('shows to readers what is committed, and to a work what it wrote', async () => {
      const { store } = await opened(engine);
      await store.transact(async (tx) => {
        await tx.run("INSERT INTO trial_thing (name, size) VALUES ('a', 1)");
        assert.equal((await tx.all('SELECT name FROM trial_thing')).length, 1);
      });
      await store.read(async (reader) => {
        const before = await reader.all('SELECT name FROM trial_thing');
        await put(store, 'b');
        assert.deepEqual(await reader.all('SELECT name FROM trial_thing'), before);
      });
      assert.deepEqual(await names(store), ['a', 'b']);
      await store.close();
    });

    it('has one writer: the one that claimed last', async () => {
      const { store, name } = await opened(engine);
      await put(store, 'a');
      const next = await engine.open(name);
      await assert.rejects(put(next, 'x'), failed('fenced'));
      const epoch = await next.claim('second');
      await assert.rejects(store.migrate(TABLES), failed('fenced'), 'the tables are those of the one that claimed');
      assert.equal(epoch, 2n);
      await assert.rejects(put(store, 'x'), failed('fenced'));
      assert.equal(store.broken()?.failure, 'fenced');
      assert.match(store.broken()?.message ?? '', /second/);
      await put(next, 'b');
      assert.deepEqual(await names(next), ['a', 'b']);
      assert.equal(await store.claim('first'), 3n);
      await put(store, 'c');
      await assert.rejects(put(next, 'x'), failed('fenced'));
      assert.deepEqual(await names(next), ['a', 'b', 'c']);
      await store.close();
      await next.close();
    });

    it('upgrades its tables by steps, and refuses those of a later version', async () => {
      const { store, name } = await opened(engine);
      await put(store, 'a');
      const upgraded = { ...TABLES, steps: [...TABLES.steps, ['ALTER TABLE trial_thing ADD COLUMN colour TEXT']] };
      await store.migrate(upgraded);
      await store.migrate(upgraded);
      const [row] = await store.read((reader) => reader.all('SELECT * FROM trial_thing'));
      assert.equal(row?.['colour'], null);
      await store.close();
      const older = await engine.open(name);
      await assert.rejects(older.migrate(TABLES), failed('newer'));
      await older.close();
    });

    it('makes tables and is claimed between two commits, never within one', async () => {
      const { store } = await opened(engine);
      const upgraded = { ...TABLES, steps: [...TABLES.steps, ['ALTER TABLE trial_thing ADD COLUMN colour TEXT']] };
      const begun = Promise.withResolvers<void>();
      const first = store.transact(async (tx) => {
        await tx.run("INSERT INTO trial_thing (name, size) VALUES ('a', 1)");
        begun.resolve();
        // Long enough for whatever does not wait for its commit.
        for (let look = 0; look < 30; look += 1) await tx.all('SELECT name FROM trial_thing');
        await tx.run("INSERT INTO trial_thing (name, size) VALUES ('b', 1)");
      });
      const undone = store.transact(async (tx) => {
        await tx.run("INSERT INTO trial_thing (name, size) VALUES ('lost', 1)");
        throw new RangeError('mine');
      });
      const works = [first, undone, put(store, 'c')];
      await begun.promise;
      const between = [store.migrate(TABLES), store.migrate(upgraded), store.claim('again')];
      works.push(put(store, 'd'));
      const settled = await Promise.allSettled([...works, ...between]);
      const wrong = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      assert.deepEqual(
        wrong.map((reason) => reason instanceof RangeError),
        [true],
        String(wrong),
      );
      assert.deepEqual(await names(store), ['a', 'b', 'c', 'd']);
      await store.close();
      await assert.rejects(store.migrate(TABLES), failed('closed'));
    });

    it('keeps what it acknowledged when it is closed and opened again', async () => {
      const { store, name } = await opened(engine);
      const writes = Array.from({ length: 50 }, (_, index) => put(store, `n${index}`));
      await store.close();
      await Promise.all(writes);
      await assert.rejects(put(store, 'late'), failed('closed'));
      const again = await engine.open(name);
      assert.equal((await names(again)).length, 50);
      await again.close();
    });

    it('lends a transaction for no longer than its work', async () => {
      const { store } = await opened(engine);
      const kept = await store.transact(async (tx) => ({ tx }));
      await assert.rejects(kept.tx.run("INSERT INTO trial_thing (name, size) VALUES ('x', 1)"), failed('closed'));
      await store.close();
    });
  });
};
