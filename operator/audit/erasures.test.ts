// SPDX-License-Identifier: Apache-2.0
// What was erased stays erased where the ledger is put back from a backup: the Secret of the keys is not in that backup, and names them.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, it } from 'node:test';
import type { KubeObject } from '../../kube/objects.ts';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import { systemClock } from '../../process/clock.ts';
import { scriptedClient } from '../../test/scripted-client.ts';
import { openLedgerStore } from '../usage/open-store.ts';
import { bytesOf, textOf } from '../usage/store.ts';
import type { Store } from '../usage/store.ts';
import { createAuditRecord } from './start.ts';
import type { AuditRecord } from './start.ts';
import { AUDIT_TABLES } from './tables.ts';
import { testFolder } from './test-audit.ts';

const { folder, remove } = testFolder();
after(remove);
const LEDGER = join(folder, 'ledger.db');

type Secret = KubeObject & { readonly data?: Readonly<Record<string, string>> };
let secret: Secret | undefined;
let isWritable = true;
const client = scriptedClient({
  get: async () => secret,
  create: async (_resource: unknown, object: KubeObject) => (secret = object),
  apply: async (_resource: unknown, object: KubeObject) => {
    if (!isWritable) throw new Error('the API server does not answer');
    return (secret = object);
  },
});
const inSecret = (): unknown => JSON.parse(Buffer.from(secret?.data?.['erased.json'] ?? '', 'base64').toString() || '[]');

type Life = {
  readonly record: AuditRecord;
  readonly store: Store;
  /** Until a look that began from now on has ended, well or not. */ readonly look: () => Promise<void>;
};

/** A term of an operator over the ledger. */
const live = async (work: (life: Life) => Promise<void>): Promise<void> => {
  const store = await openLedgerStore(LEDGER, { clock: systemClock });
  await store.claim('test');
  await store.migrate(AUDIT_TABLES);
  let ended: () => void = () => undefined;
  const none = (): undefined => undefined;
  const record = createAuditRecord({
    folder: join(folder, 'audit'),
    systemNamespace: 'writ-system',
    installation: () => 'uid',
    witnesses: [],
    intervalMs: 1,
    keyLifetimeMs: 3_600_000,
    // What failed is tried again at once.
    clock: { ...systemClock, schedule: (_delayMs, run) => systemClock.schedule(1, run) },
    observe: { stored: none, lost: none, failed: () => ended(), problem: none, size: none, published: () => ended() },
    onKey: none,
  });
  const look = async (): Promise<void> => {
    // The one that is under way may have begun before.
    for (let looks = 0; looks < 2; looks += 1) await new Promise<void>((resolve) => (ended = resolve));
  };
  record.follow({ store });
  const stop = new AbortController();
  const running = record.run(client, stop.signal, async () => true);
  try {
    await look();
    await work({ record, store, look });
  } finally {
    stop.abort();
    await running;
    await store.close();
  }
};

const kidsOf = async (store: Store): Promise<readonly string[]> =>
  (await store.read((reader) => reader.all('SELECT kid FROM audit_key ORDER BY made_ms, kid'))).map((row) => textOf(row, 'kid'));
const erasedOf = async (store: Store): Promise<readonly unknown[]> =>
  (await store.read((reader) => reader.all("SELECT body FROM audit_entry WHERE log LIKE 'tenant/%' ORDER BY log, seq"))).flatMap((row) => {
    const entry = decodeEntry(bytesOf(row, 'body'));
    return entry?.action === 'subject.erased' ? [{ tenant: entry.tenant, ...entry.detail }] : [];
  });
const told = (tenant: string) => ({ action: 'test.done', actor: 'test', tenant, secret: { 'detail.spec': 'a name' } });

it('keys that a backup has yet are destroyed again, and no other', async () => {
  let before: readonly string[] = [];
  await live(async ({ record, store, look }) => {
    record.tell(told('acme'));
    record.tell(told('beta'));
    await look();
    before = await kidsOf(store);
    assert.equal(before.length, 2);
  });
  cpSync(LEDGER, join(folder, 'backup.db'));
  let erased: readonly string[] = [];
  await live(async ({ record, store, look }) => {
    // The operator is killed before the Secret names what is gone.
    isWritable = false;
    record.erase('acme', 'ticket-7');
    await look();
    const left = await kidsOf(store);
    erased = before.filter((kid) => !left.includes(kid));
    assert.deepEqual([erased.length, inSecret()], [1, []]);
  });
  isWritable = true;
  await live(async ({ record, store, look }) => {
    assert.deepEqual(inSecret(), erased);
    record.tell(told('acme'));
    await look();
    assert.deepEqual(await erasedOf(store), [{ tenant: 'acme', request: 'ticket-7', kids: erased }]);
  });
  // A key that was made since stays, of the same tenant too.
  await live(async ({ store }) => {
    const kids = await kidsOf(store);
    assert.deepEqual([kids.length, kids.some((kid) => erased.includes(kid))], [2, false]);
    assert.equal((await erasedOf(store)).length, 1);
  });
  cpSync(join(folder, 'backup.db'), LEDGER);
  for (let terms = 0; terms < 2; terms += 1) {
    await live(async ({ store }) => {
      assert.deepEqual(
        await kidsOf(store),
        before.filter((kid) => !erased.includes(kid)),
      );
      assert.deepEqual(await erasedOf(store), [{ tenant: 'acme', again: true, kids: erased }]);
    });
  }
});
