// SPDX-License-Identifier: Apache-2.0
// Scripts of faults for property tests. Everything generated here ends by itself, provided that the client gives up on
// silence; a rule hits at most three requests, so that after any script the true answers win.
import * as fc from 'fast-check';
import type { Fault, FaultRule } from './fault-script.ts';

const breaksAtOnce: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>({ kind: 'reset' }),
  fc.constant<Fault>({ kind: 'lose-answer' }),
  fc.integer({ min: 1, max: 30 }).map((delayMs): Fault => ({ kind: 'delay', delayMs })),
  fc.constantFrom(410 as const, 500 as const, 503 as const).map((code): Fault => ({ kind: 'answer', code })),
  fc.constant<Fault>({ kind: 'answer', code: 429, retryAfterSeconds: 1 }),
  fc.nat({ max: 3 }).map((afterEvents): Fault => ({ kind: 'gone-event', afterEvents })),
  fc
    .record({ event: fc.integer({ min: 1, max: 4 }), bytes: fc.nat({ max: 500 }), how: fc.constantFrom('reset' as const, 'end' as const) })
    .map((cut): Fault => ({ kind: 'cut-event', ...cut })),
  fc.nat({ max: 2000 }).map((bytes): Fault => ({ kind: 'cut-body', bytes })),
);

/** Faults that a client notices only by its own timeout; generate them where that timeout is short. */
const goesSilent: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>({ kind: 'stall' }),
  fc.nat({ max: 2000 }).map((afterBytes): Fault => ({ kind: 'half-open', afterBytes })),
);

const anyFaultRule = (options: { readonly silent: boolean }): fc.Arbitrary<FaultRule> =>
  fc.record({
    match: fc.record({ watch: fc.boolean() }, { requiredKeys: [] }),
    from: fc.integer({ min: 1, max: 6 }),
    count: fc.integer({ min: 1, max: 3 }),
    fault: options.silent ? fc.oneof(breaksAtOnce, goesSilent) : breaksAtOnce,
  });

export const anyFaultScript = (options: { readonly silent: boolean; readonly maxRules?: number }): fc.Arbitrary<readonly FaultRule[]> =>
  fc.array(anyFaultRule(options), { maxLength: options.maxRules ?? 8 });
