// SPDX-License-Identifier: Apache-2.0
// The rules one by one, at the moments at which they change their mind. What they come to together is proven by test/billing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_REPORT_AGE_MS, RESEND_WITHIN_MS } from '../provider.ts';
import { bodyDigestOf } from './entry.ts';
import type { Entry } from './entry.ts';
import { MOST_REPAIRS, SETTLE_MS, afterAnswer, afterReading, isResolved, nextStep, unsendable } from './rules.ts';

const HOUR_MS = 3_600_000;
const HOUR = Date.UTC(2026, 10, 21, 10);
const NOW = HOUR + 100 * HOUR_MS;
const entry = (change: Partial<Entry> = {}): Entry => ({
  tenant: 'acme',
  meter: 'api_calls',
  hourMs: HOUR,
  revision: 1,
  customer: 'cus_acme',
  encoding: 'Absolute',
  total: '5',
  value: '5',
  identifier: 'wr1.a',
  requestKey: 'wr1.a.1',
  bodyDigest: '',
  state: 'intent',
  attempts: 1,
  firstSentMs: 0,
  acceptedMs: 0,
  nextMs: 0,
  repairs: 0,
  note: '',
  ...change,
});

describe('a report', () => {
  it('is repeated under its identifier for twenty hours, well within the day that a provider knows it, and read back from then on', () => {
    assert.ok(RESEND_WITHIN_MS + 4 * HOUR_MS <= 24 * HOUR_MS);
    for (const state of ['sending', 'ambiguous'] as const) {
      const sent = (agoMs: number) => nextStep(entry({ state, firstSentMs: NOW - agoMs }), NOW).kind;
      assert.deepEqual([sent(20 * HOUR_MS - 1), sent(20 * HOUR_MS), sent(25 * HOUR_MS)], ['send', 'read', 'read']);
    }
  });

  it('that was never on its way is sent however old the intent is', () => {
    assert.equal(nextStep(entry({ firstSentMs: 0 }), NOW).kind, 'send');
  });

  it('that was accepted is read back, and nothing is done before its time or once it is settled', () => {
    assert.equal(nextStep(entry({ state: 'accepted' }), NOW).kind, 'read');
    assert.equal(nextStep(entry({ nextMs: NOW + 1 }), NOW).kind, 'wait');
    for (const state of ['verified', 'rejected', 'quarantined'] as const) assert.equal(nextStep(entry({ state }), NOW).kind, 'wait');
  });

  it('is followed by a newer one once it is known what became of it; a delta must be counted, too', () => {
    const resolved = (['intent', 'sending', 'ambiguous', 'accepted', 'verified', 'rejected', 'quarantined'] as const).map((state) =>
      (['Absolute', 'Delta'] as const).map((encoding) => (isResolved({ state, encoding }) ? encoding[0] : '-')).join(''),
    );
    assert.deepEqual(resolved, ['--', '--', '--', 'A-', 'AD', '--', '--']);
  });

  it('is not sent with sixteen digits, or when it would come too late', () => {
    const written = (value: string): Entry => entry({ value, bodyDigest: bodyDigestOf(entry({ value })) });
    assert.equal(unsendable(written('123456789.123456'), NOW), undefined);
    assert.match(unsendable(written('1234567890.123456'), NOW) ?? '', /15 digits/);
    const latest = HOUR + MAX_REPORT_AGE_MS - HOUR_MS;
    assert.equal(unsendable(written('5'), latest), undefined);
    assert.match(unsendable(written('5'), latest + 1) ?? '', /older/);
  });
});

describe('an answer', () => {
  const after = (state: Entry['state'], kind: 'accepted' | 'duplicate' | 'ambiguous' | 'retry') =>
    afterAnswer(entry({ state }), { kind }, { nowMs: NOW, random: 0.5 })?.state;

  it('that it is there, also as a duplicate, makes it accepted', () => {
    assert.deepEqual([after('sending', 'accepted'), after('ambiguous', 'duplicate')], ['accepted', 'accepted']);
  });

  it('to come again leaves what was ambiguous so: the one before may be there', () => {
    assert.deepEqual(
      [after('sending', 'retry'), after('ambiguous', 'retry'), after('sending', 'ambiguous')],
      ['intent', 'ambiguous', 'ambiguous'],
    );
  });

  it('that the key is refused says nothing of the report', () => {
    const refused = { kind: 'unauthorized', code: 'x', message: 'x' } as const;
    assert.equal(afterAnswer(entry({ state: 'sending' }), refused, { nowMs: NOW, random: 0.5 }), undefined);
  });
});

describe('a reading', () => {
  const settled = entry({ state: 'accepted', acceptedMs: NOW - SETTLE_MS });
  const verdict = (of: Entry, counted: string): string => {
    const said = afterReading(of, counted, NOW);
    return said.kind === 'repair' ? 'repair' : said.state;
  };

  it('that is equal settles it, however it is spelled', () => {
    assert.deepEqual([verdict(settled, '5.0'), verdict(settled, '5')], ['verified', 'verified']);
  });

  it('that differs is not believed before readings have had their time', () => {
    assert.equal(verdict({ ...settled, acceptedMs: NOW - SETTLE_MS + 1 }, '0'), 'accepted');
    const lost = entry({ state: 'ambiguous', firstSentMs: NOW - RESEND_WITHIN_MS - SETTLE_MS });
    assert.deepEqual([verdict({ ...lost, firstSentMs: lost.firstSentMs + 1 }, '0'), verdict(lost, '0')], ['ambiguous', 'repair']);
  });

  it('of a total is mended by sending it again; of a delta only where just that one is missing', () => {
    assert.equal(verdict(settled, '3'), 'repair');
    const delta: Entry = { ...settled, encoding: 'Delta', total: '12', value: '5' };
    assert.deepEqual([verdict(delta, '7'), verdict(delta, '8'), verdict(delta, '17')], ['repair', 'quarantined', 'quarantined']);
  });

  it('that is not mended by the last try is left to a person', () => {
    assert.equal(verdict({ ...settled, repairs: MOST_REPAIRS }, '3'), 'quarantined');
  });
});
