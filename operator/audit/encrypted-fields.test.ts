// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { openField } from '../../policies/transparency/sealed-field.ts';
import { systemClock } from '../../process/clock.ts';
import { bytesOf } from '../usage/store.ts';
import { createDataKeys, dataKeyById } from './data-keys.ts';
import type { WrappingKeys } from './data-keys.ts';
import { NAME, countingRandom } from './test-audit.ts';
import { entriesOf, fact, newFolder, withAudit } from './test-audit-facts.ts';
import type { TestAudit } from './test-audit.ts';

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
