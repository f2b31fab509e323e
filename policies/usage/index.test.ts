// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasReached, judgeUse } from './index.ts';

const limit = (name: string, onExceed?: 'Deny' | 'Warn' | 'Throttle' | 'Audit') =>
  ({ name, meter: 'reasoning_units', window: '24h', limit: '100', ...(onExceed === undefined ? {} : { onExceed }) }) as const;
const standing = (name: string, used: string) => ({ name, meter: 'reasoning_units', window: '24h', used, limit: '100', exceeded: false });

describe('limits on use', () => {
  it('hold from the moment when nothing is left', () => {
    const verdict = (used: string) => judgeUse([limit('a')], [standing('a', used)]).verdict;
    assert.deepEqual(['0', '99.999999', '100', '100.5', '5000'].map(verdict), ['Allow', 'Allow', 'Deny', 'Deny', 'Deny']);
  });

  it('say what each wants, and the strictest counts', () => {
    const limits = [limit('a', 'Audit'), limit('b', 'Warn'), limit('c', 'Throttle'), limit('d', 'Deny')];
    for (const [count, expected] of [
      [1, 'Audit'],
      [2, 'Warn'],
      [3, 'Throttle'],
      [4, 'Deny'],
    ] as const) {
      const judged = judgeUse(
        limits,
        limits.slice(0, count).map(({ name }) => standing(name, '100')),
      );
      assert.equal(judged.verdict, expected);
      assert.equal(judged.problems.length, count);
    }
    assert.deepEqual(judgeUse([limit('d')], [standing('d', '120.5')]).problems, [
      {
        code: 'USAGE_LIMIT_EXCEEDED',
        message: 'limit d: 120.5 of 100 reasoning_units are used within 24h',
        path: 'spec.usage.limits[0]',
        verdict: 'Deny',
      },
    ]);
  });

  it('go by what the Tenant says now, and by nothing that was written of another limit', () => {
    assert.equal(judgeUse([{ ...limit('a'), limit: '200' }], [standing('a', '150')]).verdict, 'Allow');
    assert.equal(judgeUse([{ ...limit('a'), window: '1h' }], [standing('a', '150')]).verdict, 'Allow');
    assert.equal(judgeUse([{ ...limit('a'), meter: 'api_calls' }], [standing('a', '150')]).verdict, 'Allow');
    assert.equal(judgeUse([limit('a')], undefined).verdict, 'Allow');
    assert.equal(judgeUse(undefined, [standing('a', '150')]).verdict, 'Allow');
    assert.equal(judgeUse([limit('constructor')], []).verdict, 'Allow');
  });

  it('compare any two texts without falling', () => {
    fc.assert(fc.property(fc.anything(), fc.anything(), (used, asked) => typeof hasReached(used, asked) === 'boolean'));
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (used, asked) => {
        assert.equal(hasReached(`${used}.9`, String(asked)), used >= asked);
      }),
    );
  });
});
