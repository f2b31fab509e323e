// SPDX-License-Identifier: Apache-2.0
// Who gets the last of something: never two, however many ask, of whatever replica; and who is not answered gets nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeQuotaLedger, takenOf } from '../../crds/quota-ledger.ts';
import type { QuotaLedger } from '../../crds/quota-ledger.ts';
import { reserve } from '../../policies/tenancy/summed-quota.ts';
import type { Ask } from '../../policies/tenancy/summed-quota.ts';
import { UNIT } from '../../policies/quota/quantity.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createReservations } from './reservations.ts';
import type { CommitResult, Reservations } from './reservations.ts';
import { ledgerCluster } from '../../test/ledger-cluster.ts';

const GPU = 'requests.nvidia.com/gpu';
const AT = '2026-01-01T00:00:00.000Z';
const ledgerWith = (settled: number, more: Partial<QuotaLedger> = {}): QuotaLedger => ({
  tenant: 'acme',
  settled: new Map([[GPU, BigInt(settled) * UNIT]]),
  reservations: [],
  ...more,
});
const askFor = (uid: string, gpus = 1, more: Partial<Ask> = {}): Ask => ({
  reservation: {
    uid,
    at: AT,
    ref: { group: '', plural: 'pods', namespace: 'acme-one', name: uid },
    amounts: new Map([[GPU, BigInt(gpus) * UNIT]]),
  },
  hard: new Map([[GPU, 8n * UNIT]]),
  dryRun: false,
  ...more,
});

type Scene = ReturnType<typeof ledgerCluster> & {
  readonly results: CommitResult[];
  readonly clock: ReturnType<typeof fakeClock>;
  readonly replica: () => Reservations;
};
const scene = (ledger: QuotaLedger | undefined): Scene => {
  const made = ledgerCluster(ledger);
  const results: CommitResult[] = [];
  const clock = fakeClock();
  const replica = (): Reservations =>
    createReservations({
      client: made.client,
      clock,
      systemNamespace: 'writ-system',
      timeoutMs: 3000,
      observe: (result) => results.push(result),
      onError: () => undefined,
    });
  return { ...made, results, clock, replica };
};
const takenIn = (object: unknown): bigint => {
  const ledger = decodeQuotaLedger(object);
  assert.ok(ledger);
  return takenOf(ledger).get(GPU) ?? 0n;
};

describe('reserve', () => {
  it('gives one after the other until nothing is left, and says how much there is', () => {
    const { granted, ledger } = reserve(ledgerWith(6), [askFor('a'), askFor('b'), askFor('c')]);
    assert.deepEqual(
      granted.map(({ ok }) => ok),
      [true, true, false],
    );
    assert.match(JSON.stringify(granted[2]), /TENANT_QUOTA_EXCEEDED.*requests\.nvidia\.com\/gpu: 8 of 8 are taken, 1 more are asked for/);
    assert.equal(ledger?.reservations.length, 2);
  });
  it('goes on with what is smaller after what is too large', () => {
    assert.deepEqual(
      reserve(ledgerWith(6), [askFor('a', 3), askFor('b', 2)]).granted.map(({ ok }) => ok),
      [false, true],
    );
  });
  it('asked again for the same object takes nothing twice', () => {
    const first = reserve(ledgerWith(7), [askFor('a')]).ledger;
    assert.ok(first);
    const second = reserve(first, [askFor('a')]);
    assert.equal(second.granted[0]?.ok, true);
    assert.equal(second.ledger?.reservations.length, 1);
  });
  it('keeps what an object is raised by beside what it was made with', () => {
    const first = reserve(ledgerWith(6), [askFor('a')]).ledger;
    assert.ok(first);
    const { reservation } = askFor('a');
    const more = { ...reservation, raisedTo: new Map([[GPU, 2n * UNIT]]) };
    const second = reserve(first, [askFor('a', 1, { reservation: more })]);
    assert.equal(second.ledger?.reservations.length, 2);
    assert.equal(reserve(second.ledger ?? first, [askFor('b')]).granted[0]?.ok, false);
  });
  it('reserves nothing on a dry run, and says the same', () => {
    const { granted, ledger } = reserve(ledgerWith(7), [askFor('a', 1, { dryRun: true }), askFor('b'), askFor('c', 1, { dryRun: true })]);
    assert.deepEqual(
      granted.map(({ ok }) => ok),
      [true, true, false],
    );
    assert.deepEqual(
      ledger?.reservations.map(({ uid }) => uid),
      ['b'],
    );
  });
  it('gives nothing of what was never counted, and nothing before the ledger opens', () => {
    const uncounted = reserve({ ...ledgerWith(0), settled: new Map() }, [askFor('a')]);
    assert.match(JSON.stringify(uncounted.granted), /TENANT_QUOTA_UNAVAILABLE/);
    const early = ledgerWith(0, { opensAt: AT });
    assert.match(JSON.stringify(reserve(early, [askFor('a')]).granted), /TENANT_QUOTA_UNAVAILABLE/);
  });
  it('never gives more than there is, whatever is asked in whatever order', () => {
    const asks = fc.array(fc.record({ uid: fc.integer({ min: 0, max: 9 }), gpus: fc.integer({ min: 1, max: 4 }), dryRun: fc.boolean() }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), asks, (settled, wanted) => {
        let ledger = ledgerWith(settled);
        for (const batch of [wanted.slice(0, 10), wanted.slice(10)])
          ledger =
            reserve(
              ledger,
              batch.map(({ uid, gpus, dryRun }) => askFor(`u${uid}`, gpus, { dryRun })),
            ).ledger ?? ledger;
        assert.ok((takenOf(ledger).get(GPU) ?? 0n) <= BigInt(Math.max(settled, 8)) * UNIT);
        assert.equal(new Set(ledger.reservations.map(({ uid }) => uid)).size, ledger.reservations.length);
      }),
    );
  });
});

describe('reservations', () => {
  it('of those who ask at the same time are one write', async () => {
    const { cluster, replica } = scene(ledgerWith(4));
    const one = replica();
    const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => one.ask('acme', askFor(`u${index}`))));
    assert.equal(answers.filter(({ ok }) => ok).length, 4);
    // The first did not wait for the others; they waited for it.
    assert.equal(cluster.writes, 2);
    assert.equal(takenIn(cluster.held), 8n * UNIT);
  });

  it('of two replicas never take the last twice', async () => {
    for (let round = 0; round < 50; round += 1) {
      const { cluster, replica } = scene(ledgerWith(7));
      const answers = await Promise.all([replica().ask('acme', askFor('a')), replica().ask('acme', askFor('b'))]);
      assert.deepEqual(answers.map(({ ok }) => String(ok)).toSorted(), ['false', 'true']);
      assert.equal(takenIn(cluster.held), 8n * UNIT);
      assert.equal(cluster.conflicts, 1);
    }
  });

  it('refuse nobody by what is remembered: what was given back since is seen', async () => {
    const { cluster, replica } = scene(ledgerWith(7));
    const one = replica();
    let second: Promise<unknown> | undefined;
    cluster.before = async () => {
      cluster.before = async () => undefined;
      second = one.ask('acme', askFor('b'));
    };
    assert.equal((await one.ask('acme', askFor('a'))).ok, true);
    // The operator has counted less meanwhile.
    const freed = ledgerCluster(ledgerWith(3)).cluster.held;
    cluster.held = freed;
    cluster.version += 1;
    assert.deepEqual(await second, { ok: true });
  });

  it('that are not answered in time are refused, and nothing hangs after them', async () => {
    const { cluster, replica, clock, results } = scene(ledgerWith(0));
    const one = replica();
    let release = (): void => undefined;
    cluster.before = () =>
      new Promise((_resolve, reject) => {
        release = () => reject(new Error('aborted'));
      });
    const asked = one.ask('acme', askFor('a'));
    await clock.advance(3000);
    release();
    const answer = await asked;
    assert.match(JSON.stringify(answer), /TENANT_QUOTA_UNAVAILABLE.*no answer within 3000 ms/);
    assert.deepEqual(results, ['unavailable']);
    cluster.before = async () => undefined;
    assert.equal((await one.ask('acme', askFor('a'))).ok, true);
    assert.equal(clock.pending, 0);
  });

  it('without a ledger, or with one that nobody can read, are refused', async () => {
    assert.match(JSON.stringify(await scene(undefined).replica().ask('acme', askFor('a'))), /TENANT_QUOTA_UNAVAILABLE.*writ-quota-acme/);
    const { cluster, replica } = scene(ledgerWith(0));
    for (const held of [{ metadata: { name: 'writ-quota-acme' }, data: { 'ledger.json': '{}' } }, { metadata: { name: 'x' } }]) {
      cluster.held = held;
      assert.match(JSON.stringify(await replica().ask('acme', askFor('a'))), /TENANT_QUOTA_UNAVAILABLE/);
    }
  });

  it('beyond what a ledger holds are refused', async () => {
    const many = Array.from({ length: 4500 }, (_, index) => askFor(`${index}-${'x'.repeat(100)}`, 0).reservation);
    const { cluster, replica } = scene(ledgerWith(0, { reservations: many }));
    assert.match(JSON.stringify(await replica().ask('acme', askFor('a'))), /TENANT_QUOTA_UNAVAILABLE.*too many reservations/);
    assert.equal(cluster.writes, 0);
  });
});
