// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { afterBytes, afterEvents, insideEvent, type BodyFault } from './fault-body.ts';

type Result = { readonly passed: string; readonly next: string };

/** What a client gets of a body that comes in these chunks, and what happens then. */
const run = (fault: BodyFault, chunks: readonly string[]): Result => {
  let passed = '';
  for (const chunk of ['', ...chunks]) {
    const step = fault(Buffer.from(chunk));
    passed += Buffer.from(step.pass).toString();
    if (step.next !== 'continue') return { passed, next: step.next };
  }
  return { passed, next: 'continue' };
};

const events = fc.array(fc.stringMatching(/^[a-z{}]{2,12}$/), { maxLength: 6 });
const bodyAndChunks = events.chain((lines) => {
  const body = lines.map((line) => `${line}\n`).join('');
  return fc.array(fc.nat({ max: body.length }), { maxLength: 5 }).map((cuts) => {
    const borders = [0, ...cuts.toSorted((a, b) => a - b), body.length];
    return { lines, body, chunks: borders.slice(1).map((end, index) => body.slice(borders[index], end)) };
  });
});

describe('whatever the chunks', () => {
  it('afterBytes passes so many bytes', () => {
    fc.assert(
      fc.property(bodyAndChunks, fc.nat({ max: 80 }), ({ body, chunks }, count) => {
        const result = run(afterBytes(count, 'silence'), chunks);
        assert.deepEqual(result, { passed: body.slice(0, count), next: body.length >= count ? 'silence' : 'continue' });
      }),
    );
  });

  it('insideEvent passes the events before, and a true part of this one', () => {
    fc.assert(
      fc.property(bodyAndChunks, fc.integer({ min: 1, max: 7 }), fc.nat({ max: 20 }), ({ lines, chunks }, event, bytes) => {
        const { passed, next } = run(insideEvent({ event, bytes, how: 'reset' }), chunks);
        const before = lines
          .slice(0, event - 1)
          .map((line) => `${line}\n`)
          .join('');
        const line = lines[event - 1];
        if (line === undefined) {
          assert.deepEqual({ passed, next }, { passed: before, next: 'continue' });
          return;
        }
        const part = passed.slice(before.length);
        assert.ok(passed.startsWith(before) && line.startsWith(part));
        assert.equal(part.length, Math.max(1, Math.min(bytes, line.length - 1)));
        assert.equal(next, 'reset');
      }),
    );
  });

  it('afterEvents passes so many events, then its own', () => {
    fc.assert(
      fc.property(bodyAndChunks, fc.nat({ max: 7 }), ({ lines, chunks }, count) => {
        const { passed, next } = run(afterEvents(count, 'LAST\n'), chunks);
        const whole = lines
          .slice(0, count)
          .map((line) => `${line}\n`)
          .join('');
        assert.deepEqual(
          { passed, next },
          lines.length >= count ? { passed: `${whole}LAST\n`, next: 'end' } : { passed: whole, next: 'continue' },
        );
      }),
    );
  });
});
