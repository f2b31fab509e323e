// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { RESERVATION_LASTS_MS, takenOf } from '../../crds/quota-ledger.ts';
import type { Amounts, QuotaLedger, QuotaReservation } from '../../crds/quota-ledger.ts';
import { isKept, settle } from './settle.ts';
import type { Count } from './settle.ts';

const ATMS = Date.parse('2026-01-01T00:00:00Z');
const pods = (nanos: bigint): Amounts => new Map([['pods', nanos]]);
const reservation = (uid: string, more: Partial<QuotaReservation> = {}): QuotaReservation => ({
  uid,
  at: new Date(ATMS).toISOString(),
  ref: { group: '', plural: 'pods', namespace: 'a', name: uid },
  amounts: pods(1n),
  ...more,
});
const countOf = (objects: Readonly<Record<string, bigint>>, gone: readonly string[] = []): Count => ({
  sum: pods(Object.values(objects).reduce((sum, nanos) => sum + nanos, 0n)),
  objectOf: (uid) => (Object.hasOwn(objects, uid) ? { uid, amounts: pods(objects[uid] ?? 0n) } : undefined),
  isGone: (uid) => gone.includes(uid),
});
const ledgerOf = (...reservations: readonly QuotaReservation[]): QuotaLedger => ({ tenant: 'acme', settled: new Map(), reservations });
const settled = (ledger: QuotaLedger, count: Count, nowMs = ATMS) => settle({ ledger, count, resources: new Set(['pods']), nowMs });

describe('a reservation', () => {
  it('goes in the write in which its object is counted', () => {
    const { ledger } = settled(ledgerOf(reservation('u-1'), reservation('u-2')), countOf({ 'u-1': 1n }));
    assert.deepEqual([ledger.settled.get('pods'), ledger.reservations.map(({ uid }) => uid)], [1n, ['u-2']]);
  });

  it('goes when its object came and went', () => {
    assert.deepEqual(settled(ledgerOf(reservation('u-1')), countOf({}, ['u-1'])).ledger.reservations, []);
  });

  it('of more for an object that is there goes once the object shows it', () => {
    const raise = reservation('u-1', { amounts: pods(2n), raisedTo: pods(3n) });
    assert.equal(settled(ledgerOf(raise), countOf({ 'u-1': 1n })).ledger.reservations.length, 1);
    assert.equal(settled(ledgerOf(raise), countOf({ 'u-1': 3n })).ledger.reservations.length, 0);
  });

  it('is asked about when its time is over, not before', () => {
    const early = settled(ledgerOf(reservation('u-1')), countOf({}), ATMS + RESERVATION_LASTS_MS - 1);
    assert.deepEqual([early.overdue, early.nextLookMs], [[], 1]);
    const late = settled(ledgerOf(reservation('u-1')), countOf({}), ATMS + RESERVATION_LASTS_MS);
    assert.deepEqual([late.overdue.length, late.nextLookMs, late.ledger.reservations.length], [1, undefined, 1]);
  });

  it('is kept for an object that is there, and for one that got what it asked for', () => {
    const raise = reservation('u-1', { raisedTo: pods(3n) });
    assert.deepEqual([isKept(reservation('u-1'), undefined), isKept(reservation('u-1'), { uid: 'u-1', amounts: pods(1n) })], [false, true]);
    assert.deepEqual([isKept(raise, { uid: 'u-1', amounts: pods(1n) }), isKept(raise, { uid: 'u-1', amounts: pods(3n) })], [false, true]);
  });
});

test('all that is bounded is counted, also where it is none, and nothing else; what opens late opens in time', () => {
  const ledger: QuotaLedger = { ...ledgerOf(), opensAt: new Date(ATMS + 1000).toISOString() };
  const count: Count = {
    ...countOf({}),
    sum: new Map([
      ['pods', 1n],
      ['cpu', 2n],
    ]),
  };
  const input = { ledger, count, resources: new Set(['pods', 'count/jobs.batch']), nowMs: ATMS };
  assert.deepEqual(settle(input).ledger, {
    ...ledger,
    settled: new Map([
      ['pods', 1n],
      ['count/jobs.batch', 0n],
    ]),
  });
  assert.equal(settle({ ...input, nowMs: ATMS + 1000 }).ledger.opensAt, undefined);
});

// A webhook, objects that come and go, a watch that lags, and the operator, in any order: the ledger never says that less is taken
// than is there or let in, so nothing is given twice.
type Event = 'admit' | 'store' | 'fail' | 'delete' | 'watch' | 'settle' | 'wait';
const events = fc.array(fc.constantFrom<Event>('admit', 'store', 'fail', 'delete', 'watch', 'settle', 'wait'), { maxLength: 120 });

test('never more is given than there is, whatever the order of events', () => {
  fc.assert(
    fc.property(events, fc.infiniteStream(fc.nat({ max: 9 })), (steps, picks) => {
      const HARD = 4n;
      let [nowMs, next] = [ATMS, 0];
      let ledger = ledgerOf();
      const pending = new Map<string, number>();
      const live = new Set<string>();
      const log: { readonly uid: string; readonly gone: boolean }[] = [];
      const seen = new Set<string>();
      const gone: string[] = [];
      const pick = (from: Iterable<string>): string | undefined => {
        const all = [...from];
        return all[picks.next().value % Math.max(all.length, 1)];
      };
      const acts: Readonly<Record<Event, () => void>> = {
        admit: () => {
          if ((takenOf(ledger).get('pods') ?? 0n) + 1n > HARD) return;
          const uid = `u-${(next += 1)}`;
          pending.set(uid, nowMs);
          ledger = { ...ledger, reservations: [...ledger.reservations, reservation(uid, { at: new Date(nowMs).toISOString() })] };
        },
        store: () => {
          const uid = pick(pending.keys());
          if (uid === undefined) return;
          pending.delete(uid);
          live.add(uid);
          log.push({ uid, gone: false });
        },
        fail: () => void pending.delete(pick(pending.keys()) ?? ''),
        delete: () => {
          const uid = pick(live);
          if (uid === undefined) return;
          live.delete(uid);
          log.push({ uid, gone: true });
        },
        watch: () => {
          const change = log.shift();
          if (change === undefined) return;
          if (change.gone) gone.push(change.uid);
          if (change.gone) seen.delete(change.uid);
          else seen.add(change.uid);
        },
        settle: () => {
          const { ledger: counted, overdue } = settled(ledger, countOf(Object.fromEntries([...seen].map((uid) => [uid, 1n])), gone), nowMs);
          const dropped = overdue.filter(({ uid }) => !isKept(reservation(uid), live.has(uid) ? { uid, amounts: pods(1n) } : undefined));
          ledger = { ...counted, reservations: counted.reservations.filter((one) => !dropped.includes(one)) };
        },
        wait: () => {
          nowMs += RESERVATION_LASTS_MS / 3;
          // The API server gives up on what it has not stored by then.
          for (const [uid, atMs] of pending) if (nowMs - atMs >= RESERVATION_LASTS_MS) pending.delete(uid);
        },
      };
      for (const step of steps) {
        acts[step]();
        const taken = takenOf(ledger).get('pods') ?? 0n;
        assert.ok(taken >= BigInt(live.size + pending.size), `${taken} < ${live.size} + ${pending.size} after ${step}`);
        assert.ok(BigInt(live.size) <= HARD);
      }
    }),
    { numRuns: 500 },
  );
});
