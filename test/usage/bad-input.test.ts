// SPDX-License-Identifier: Apache-2.0
// What a sender, a disk or a second process can do wrong, by HTTP against a real ledger with its audit log: which status tells of it,
// what is stored of it, and what is on record.
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { boundedConflicts } from '../../operator/audit/bounds.ts';
import { openTestAudit, testFolder } from '../../operator/audit/test-audit.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { DAY_MS } from '../../operator/usage/period.ts';
import { quarantined } from '../../operator/usage/quarantine.ts';
import { startUsageServer } from '../../operator/usage/server.ts';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import { readBundle } from '../../policies/transparency/tiles.ts';
import { systemClock } from '../../process/clock.ts';
import { START } from './ledger-scene.ts';

const OCTOBER = Date.UTC(2026, 9);
const MINUTE_MS = 60_000;
const clock = { ...systemClock, now: () => START };

type Told = { readonly index: number; readonly code: string; readonly outcome: string; readonly message: string };
type Answer = {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: { readonly stored?: number; readonly duplicates?: number; readonly code?: string; readonly events?: readonly Told[] };
};

const at = (offsetMs: number): string => new Date(START + offsetMs).toISOString();
const event = (seq: number, change: object = {}): object => ({
  specversion: '1.0',
  type: 'dev.writ.usage.v1',
  source: '/agents/a/boots/1',
  id: String(seq),
  seq,
  subject: 'acme',
  time: at(0),
  data: { meter: 'api_calls', value: '1' },
  ...change,
});
const value = (amount: unknown): object => ({ data: { meter: 'api_calls', value: amount } });

const scene = async (folder = testFolder()) => {
  const audit = await openTestAudit({ folder: folder.folder, clock });
  const tenants = new Set(['acme']);
  const ledger = createLedger({
    store: audit.store,
    clock,
    hasTenant: (name) => tenants.has(name),
    hooks: { onConflicts: async (tx, conflicts) => audit.audit.append(tx, await boundedConflicts(tx, conflicts, clock.now())) },
  });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  const refused: string[] = [];
  const failed: unknown[] = [];
  const server = await startUsageServer({
    listen: { host: '127.0.0.1', port: 0 },
    transport: 'plain',
    clock,
    authenticate: async () => ({
      account: 'writ-system/gateway',
      tenant: undefined,
      isWebhook: false,
      mayReport: () => true,
      mayRead: () => true,
      mayUse: () => true,
    }),
    ledger: () => ledger,
    observe: {
      answered: () => undefined,
      told: () => undefined,
      refused: (code) => void refused.push(code),
      failed: (error) => void failed.push(error),
    },
  });
  return {
    audit,
    ledger,
    tenants,
    refused,
    file: join(folder.folder, 'ledger.sqlite'),
    folder,
    post: async (...events: readonly object[]): Promise<Answer> => {
      const response = await fetch(`${server.url}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents-batch+json', authorization: 'Bearer x', connection: 'close' },
        body: JSON.stringify(events),
      });
      return { status: response.status, retryAfter: response.headers.get('retry-after'), body: JSON.parse(await response.text()) };
    },
    used: async (tenant = 'acme'): Promise<string> =>
      (await ledger.preview(tenant, OCTOBER)).lines.map(({ quantity }) => quantity).join(' '),
    /** What the audit log of the tenant says, once it is published and verified. */
    onRecord: async (): Promise<readonly string[]> => {
      await audit.audit.publish();
      assert.deepEqual(audit.verify(['root', 'tenant/acme']).problems, []);
      return [...audit.export(['root', 'tenant/acme'])]
        .filter(([name]) => name.startsWith('tenant/acme/tile/entries/'))
        .flatMap(([, bytes]) => readBundle(bytes).entries.map((one) => decodeEntry(one.bytes) ?? assert.fail()))
        .map(({ action, actor, decision, detail }) => `${action} ${decision} ${actor} ${JSON.stringify(detail?.['id'])}`);
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await audit.close();
      folder.remove();
      assert.deepEqual(failed, []);
    },
  };
};

describe('an event that', () => {
  const refusals: readonly (readonly [what: string, change: object, code: string, why: RegExp])[] = [
    ['is six minutes ahead', { time: at(6 * MINUTE_MS) }, 'USAGE_EVENT_EARLY', /360 s ahead/],
    ['is thirty-six days late', { time: at(-36 * DAY_MS) }, 'USAGE_EVENT_LATE', /35 days/],
    ['has sixteen digits', value('1234567890.123456'), 'USAGE_EVENT_INVALID', /15 significant digits/],
    ['is negative', value('-1'), 'USAGE_EVENT_INVALID', /negative/],
    ['is a float', value(0.1), 'USAGE_EVENT_INVALID', /no decimal text/],
    ['has an exponent', value('1e3'), 'USAGE_EVENT_INVALID', /no decimal text/],
    ['has no time', { time: undefined }, 'USAGE_EVENT_INVALID', /time/],
    ['leaves its number out', { seq: undefined }, 'USAGE_EVENT_INVALID', /seq/],
    ['is of a prototype', { subject: '__proto__' }, 'USAGE_EVENT_INVALID', /subject/],
  ];
  for (const [what, change, code, why] of refusals) {
    it(`${what} is refused by its place, and those beside it count`, async () => {
      await using world = await scene();
      const answer = await world.post(event(1), event(2, change), event(3));
      assert.equal(answer.status, 422);
      assert.deepEqual([answer.body.stored, answer.body.events?.map(({ index, code: of }) => [index, of])], [2, [[1, code]]]);
      assert.match(answer.body.events?.[0]?.message ?? '', why);
      assert.equal(await world.used(), '2');
      assert.deepEqual(world.refused, [code]);
    });
  }

  it('is just within the bounds counts', async () => {
    await using world = await scene();
    const answer = await world.post(
      event(1, { time: at(5 * MINUTE_MS) }),
      event(2, { time: at(-19 * DAY_MS) }),
      event(3, value('123456789.123456')),
    );
    assert.deepEqual([answer.status, answer.body.stored], [200, 3]);
    const month = await world.post(event(4, { time: at(-35 * DAY_MS) }));
    assert.deepEqual([month.status, month.body.stored], [200, 1]);
  });

  it('comes again is a duplicate; with another body it is a conflict, and on record', async () => {
    await using world = await scene();
    const one = event(1, value('5'));
    assert.equal((await world.post(one)).status, 200);
    const again = await world.post(one);
    assert.deepEqual([again.status, again.body.stored, again.body.duplicates], [200, 0, 1]);
    const other = await world.post(event(1, value('4')), event(2));
    assert.deepEqual([other.status, other.body.stored, other.body.events?.map(({ code }) => code)], [409, 1, ['USAGE_EVENT_CONFLICT']]);
    // Another id under a number that is used: just as well.
    assert.equal((await world.post(event(2, { id: 'another' }))).status, 409);
    assert.equal(await world.used(), '6');
    assert.deepEqual(await world.onRecord(), [
      'usage.conflict Deny /agents/a/boots/1 "1"',
      'usage.conflict Deny /agents/a/boots/1 "another"',
    ]);
  });

  it('is of an unknown tenant or meter is kept aside in sight, never called counted, and counts later', async () => {
    await using world = await scene();
    const strangers = [event(1, { subject: 'new' }), event(1, { data: { meter: 'gpu_seconds', value: '7' } })];
    const answer = await world.post(...strangers);
    assert.deepEqual(
      [answer.status, answer.body.stored, answer.body.events?.map(({ code, outcome }) => `${code} ${outcome}`)],
      [202, 0, ['USAGE_TENANT_UNKNOWN unknown-tenant', 'USAGE_METER_UNKNOWN unknown-meter']],
    );
    assert.deepEqual(await world.ledger.store.read(quarantined), [
      { tenant: 'acme', meter: 'gpu_seconds', events: 1 },
      { tenant: 'new', meter: 'api_calls', events: 1 },
    ]);
    assert.equal(await world.used('new'), '');
    world.tenants.add('new');
    await world.ledger.settle(new AbortController().signal);
    assert.equal(await world.used('new'), '1');
    assert.equal((await world.post(event(1, { subject: 'new' }))).body.duplicates, 1);
  });
});

describe('a batch while', () => {
  it('the disk is full is not acknowledged, and is stored once there is room', async () => {
    await using world = await scene();
    const batch = Array.from({ length: 500 }, (_, index) => event(index + 1, { id: `${'x'.repeat(60)}${index}` }));
    const file = new DatabaseSync(world.file);
    const pages = Number(file.prepare('PRAGMA page_count').get()?.['page_count']);
    file.close();
    // The same answer that a full disk gives: no page more than there are.
    await world.ledger.store.transact((tx) => tx.all(`PRAGMA max_page_count = ${pages + 1}`));
    const full = await world.post(...batch);
    assert.deepEqual([full.status, full.body.code, full.retryAfter], [503, 'USAGE_LEDGER_UNAVAILABLE', '2']);
    assert.equal(await world.used(), '', 'nothing of it is there');
    await world.ledger.store.transact((tx) => tx.all('PRAGMA max_page_count = 1000000'));
    const again = await world.post(...batch);
    assert.deepEqual([again.status, again.body.stored], [200, 500]);
  });

  it('another process has claimed the ledger is not acknowledged', async () => {
    await using world = await scene();
    assert.equal((await world.post(event(1))).status, 200);
    const other = await openTestAudit({ folder: world.folder.folder, clock });
    const answer = await world.post(event(2));
    assert.deepEqual([answer.status, answer.body.code], [503, 'USAGE_LEDGER_UNAVAILABLE']);
    await other.close();
    assert.equal(await world.used(), '1');
  });

  it('a page of the events has rotted is not acknowledged', async () => {
    const folder = testFolder();
    const before = await scene({ folder: folder.folder, remove: () => undefined });
    const batch = (from: number) => Array.from({ length: 300 }, (_, index) => event(from + index));
    assert.equal((await before.post(...batch(1))).status, 200);
    await before[Symbol.asyncDispose]();
    const file = new DatabaseSync(before.file);
    const root = Number(file.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'usage_event'").get()?.['rootpage']);
    const size = Number(file.prepare('PRAGMA page_size').get()?.['page_size']);
    file.close();
    const handle = await open(before.file, 'r+');
    await handle.write(Buffer.alloc(64, 0x55), 0, 64, (root - 1) * size);
    await handle.close();
    await using world = await scene(folder);
    const answer = await world.post(...batch(301));
    assert.deepEqual([answer.status, answer.body.code], [503, 'USAGE_LEDGER_UNAVAILABLE']);
    assert.ok(!JSON.stringify(answer.body).includes('malformed'), 'nothing of the disk is told to strangers');
    assert.equal(world.ledger.store.broken()?.failure, 'corrupt', 'and nothing more is written');
  });
});
