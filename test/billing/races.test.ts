// SPDX-License-Identifier: Apache-2.0
// Whoever comes back with an answer finds the report moved meanwhile: by an event, by another process, by a newer revision. What was
// written last stands. And what would be sent is what its identifier was made for, or nothing is.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Entry, HourTotal } from '../../operator/billing/outbox/entry.ts';
import { createOutbox } from '../../operator/billing/outbox/index.ts';
import { billingMigrations, newestEntry, putEntry } from '../../operator/billing/outbox/tables.ts';
import type { ReportAnswer, UsageProvider } from '../../operator/billing/provider.ts';
import { systemClock } from '../../process/clock.ts';
import { openMemoryStore } from './memory-store.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 10, 1);
const TOTAL: HourTotal = { tenant: 'acme', meter: 'api_calls', hourMs: START, total: '5', customer: 'cus_acme', encoding: 'Absolute' };

const scene = async () => {
  let nowMs = START + 2 * HOUR_MS;
  const store = openMemoryStore();
  await store.migrate(billingMigrations);
  const sent: string[] = [];
  let meanwhile: (entry: Entry) => Promise<void> = async () => undefined;
  let answer: ReportAnswer = { kind: 'accepted' };
  const newest = async (): Promise<Entry> => (await store.read((reader) => newestEntry(reader, TOTAL))) ?? assert.fail('nothing is there');
  const put = (entry: Entry): Promise<void> => store.transact((tx) => putEntry(tx, entry));
  const during = async (): Promise<void> => {
    const act = meanwhile;
    meanwhile = async () => undefined;
    await act(await newest());
  };
  const provider: UsageProvider = {
    report: async ({ value }) => {
      sent.push(value);
      await during();
      return answer;
    },
    read: async () => {
      await during();
      return new Map([[START, '5']]);
    },
  };
  const told: string[] = [];
  const outbox = createOutbox({
    store,
    provider,
    clock: { ...systemClock, now: () => nowMs },
    random: () => 0.5,
    installation: 'test',
    observe: ({ kind, entry }) => void told.push(`${kind} ${entry.note}`),
  });
  await outbox.offer([TOTAL]);
  return {
    outbox,
    sent,
    told,
    newest,
    put,
    meanwhile: (act: (entry: Entry) => Promise<void>, next: ReportAnswer = answer) => {
      meanwhile = act;
      answer = next;
    },
    later: (ms: number) => void (nowMs += ms),
  };
};

const REJECTED: ReportAnswer = { kind: 'rejected', code: 'meter_event_invalid_value', message: 'no' };

describe('an answer that comes after', () => {
  it('an event has set the report aside verifies nothing', async () => {
    const it = await scene();
    await it.outbox.pass();
    assert.equal((await it.newest()).state, 'accepted');
    it.later(HOUR_MS);
    it.meanwhile((entry) => it.put({ ...entry, state: 'rejected', note: 'told so' }));
    await it.outbox.pass();
    assert.deepEqual([(await it.newest()).state, (await it.newest()).note], ['rejected', 'told so']);
  });

  it('another process has sent it again is not what became of that request', async () => {
    const it = await scene();
    it.meanwhile((entry) => it.put({ ...entry, attempts: entry.attempts + 1 }), REJECTED);
    await it.outbox.pass();
    const { state, attempts } = await it.newest();
    assert.deepEqual([state, attempts], ['sending', 2]);
  });

  it('a newer revision is on its way leaves that one alone', async () => {
    const it = await scene();
    it.meanwhile(async (entry) => {
      await it.put({ ...entry, state: 'verified' });
      await it.put({ ...entry, revision: 2, total: '7', value: '7', identifier: 'wr1.second' });
    }, REJECTED);
    await it.outbox.pass();
    const { state, revision, total } = await it.newest();
    assert.deepEqual([state, revision, total], ['sending', 2, '7']);
  });
});

describe('a report that says something else than when it was written', () => {
  const changes: readonly (readonly [string, Partial<Entry>])[] = [
    ['value', { value: '50' }],
    ['customer', { customer: 'cus_other' }],
    ['digest', { bodyDigest: '' }],
  ];
  for (const [what, change] of changes)
    it(`by its ${what} is not sent under its key, first or again, and a person is told`, async () => {
      for (const state of ['intent', 'ambiguous'] as const) {
        const it = await scene();
        await it.put({ ...(await it.newest()), state, firstSentMs: START + HOUR_MS, ...change });
        await it.outbox.pass();
        assert.deepEqual(it.sent, []);
        assert.equal((await it.newest()).state, 'quarantined');
        assert.match(it.told.join(), /^quarantined BILL_REPORT_CHANGED: /);
      }
    });

  it('is sent where nothing was changed', async () => {
    const it = await scene();
    await it.outbox.pass();
    assert.deepEqual(it.sent, ['5']);
  });
});
