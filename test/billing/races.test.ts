// SPDX-License-Identifier: Apache-2.0
// Whoever comes back with an answer finds the report moved meanwhile: by an event, by another process, by a newer revision. What was
// written last stands. And what would be sent is what its identifier was made for, or nothing is.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Entry, HourTotal } from '../../operator/billing/outbox/entry.ts';
import { createOutbox } from '../../operator/billing/outbox/index.ts';
import { SETTLE_MS } from '../../operator/billing/outbox/rules.ts';
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
  const read: string[] = [];
  let meanwhile: (entry: Entry) => Promise<void> = async () => undefined;
  let answer: ReportAnswer = { kind: 'accepted' };
  let counted: ReadonlyMap<string, string> | undefined = new Map([['cus_acme', '5']]);
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
    read: async ({ customer, encoding }) => {
      read.push(`${customer} ${encoding}`);
      await during();
      const value = counted?.get(customer);
      return counted === undefined ? undefined : new Map(value === undefined ? [] : [[START, value]]);
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
    read,
    told,
    newest,
    put,
    meanwhile: (act: (entry: Entry) => Promise<void>, next: ReportAnswer = answer) => {
      meanwhile = act;
      answer = next;
    },
    later: (ms: number) => void (nowMs += ms),
    /** What the provider counts of the hour from now on, by customer; undefined: it does not say. */
    counts: (next: Readonly<Record<string, string>> | undefined) => {
      counted = next === undefined ? undefined : new Map(Object.entries(next));
    },
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

describe('an hour that was refused for its customer after it may have arrived', () => {
  const OTHER: HourTotal = { ...TOTAL, customer: 'cus_other' };
  /** Sent twice and refused then; and by now readings have had their time. */
  const refused = async () => {
    const it = await scene();
    await it.put({ ...(await it.newest()), state: 'rejected', attempts: 2, firstSentMs: START + 2 * HOUR_MS });
    it.counts({});
    it.later(SETTLE_MS);
    const now = async () => {
      const { customer, revision, state } = await it.newest();
      return [customer, revision, state];
    };
    return { ...it, now };
  };
  const STAYS = ['cus_acme', 1, 'rejected'];

  it('goes to the other customer once the first is known to count nothing', async () => {
    const it = await refused();
    assert.deepEqual(await it.outbox.offer([OTHER]), []);
    assert.deepEqual(await it.now(), ['cus_other', 2, 'intent']);
  });

  it('waits for as long as readings may lag, and while there is none', async () => {
    const it = await refused();
    it.later(-1);
    assert.deepEqual([await it.outbox.offer([OTHER]), await it.now()], [[OTHER], STAYS]);
    it.later(1);
    it.counts(undefined);
    assert.deepEqual([await it.outbox.offer([OTHER]), await it.now()], [[OTHER], STAYS]);
  });

  it('stays with the first that counts it after all, and what it has grown by is offered again', async () => {
    for (const total of ['5', '7']) {
      const it = await refused();
      it.counts({ cus_acme: '5' });
      const grown = { ...OTHER, total };
      assert.deepEqual(await it.outbox.offer([grown]), total === '5' ? [] : [grown]);
      assert.deepEqual(await it.now(), ['cus_acme', 1, 'verified']);
      assert.deepEqual(await it.outbox.offer([grown]), []);
      assert.deepEqual(await it.now(), total === '5' ? ['cus_acme', 1, 'verified'] : ['cus_acme', 2, 'intent']);
    }
  });

  it('is told to nobody else while the first counts something else of it', async () => {
    const it = await refused();
    it.counts({ cus_acme: '3' });
    assert.deepEqual([await it.outbox.offer([OTHER]), await it.now()], [[OTHER], STAYS]);
  });

  it('is left to whoever moved it while it was read', async () => {
    for (const [change, stands] of [
      [{ state: 'accepted' }, ['cus_acme', 1, 'accepted']],
      [{ revision: 2, identifier: 'wr1.second' }, ['cus_acme', 2, 'rejected']],
    ] as const) {
      const it = await refused();
      it.meanwhile((entry) => it.put({ ...entry, ...change }));
      assert.deepEqual([await it.outbox.offer([OTHER]), await it.now()], [[OTHER], stands]);
    }
  });
});

describe('an hour that was begun under one encoding', () => {
  for (const [begun, other, values] of [
    ['Absolute', 'Delta', ['5', '7']],
    ['Delta', 'Absolute', ['5', '2']],
  ] as const)
    it(`goes on as ${begun} where its meter is ${other} now, sent or not`, async () => {
      const it = await scene();
      await it.put({ ...(await it.newest()), attempts: 0, encoding: begun });
      await it.outbox.offer([{ ...TOTAL, encoding: other, total: '5.5' }]);
      assert.deepEqual([(await it.newest()).encoding, (await it.newest()).value], [begun, '5.5']);
      await it.outbox.offer([{ ...TOTAL, encoding: other }]);
      await it.outbox.pass();
      await it.put({ ...(await it.newest()), state: 'verified' });
      await it.outbox.offer([{ ...TOTAL, encoding: other, total: '7' }]);
      await it.outbox.pass();
      assert.deepEqual([(await it.newest()).encoding, it.sent], [begun, values]);
    });
});

describe('an hour that is compared', () => {
  it('is looked for where it was reported, under the encoding that it began with', async () => {
    const it = await scene();
    const asked = { tenant: 'acme', fromMs: START, toMs: START + HOUR_MS };
    assert.deepEqual(await it.outbox.drift({ ...asked, totals: [{ ...TOTAL, encoding: 'Delta', customer: 'cus_other' }] }), []);
    // Of which the ledger knows nothing any more.
    assert.deepEqual(await it.outbox.drift({ ...asked, totals: [] }), [
      { tenant: 'acme', meter: 'api_calls', hourMs: START, ledger: '0', counted: '5', state: 'intent' },
    ]);
    assert.deepEqual(it.read, ['cus_acme Absolute', 'cus_acme Absolute']);
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
