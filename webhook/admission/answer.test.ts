// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Decision, Violation } from '../../policies/decide/index.ts';
import { problemCodes } from '../../policies/problem-codes/index.ts';
import { annotationKey, boundWarnings, encodeAnswer, encodeClosed, encodeProblem } from './answer.ts';

const violation = (message: string, enforcement: Violation['enforcement'] = 'Deny'): Violation => ({
  policy: 'p',
  digest: 'sha256:p',
  version: 1,
  enforcement,
  message,
  reason: 'Forbidden',
  code: 403,
  rule: 0,
  cause: 'false',
});
const decisionOf = (more: Partial<Decision>): Decision => ({
  verdict: 'Deny',
  setDigest: 'sha256:set',
  violations: [],
  warnings: [],
  auditAnnotations: {},
  evaluated: [],
  ...more,
});
type Response = {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
};
const responseOf = (more: Partial<Decision>): Response =>
  JSON.parse(encodeAnswer({ uid: 'u', id: 'd-1', decision: decisionOf(more) })).response;

it('warnings stay within what the API server keeps, and say how many more there are', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 600 }), { maxLength: 60 }), (warnings) => {
      const kept = boundWarnings(warnings, 'd-1');
      assert.ok(kept.reduce((sum, warning) => sum + warning.length, 0) <= 4096);
      for (const warning of kept) {
        assert.ok(warning.length <= 256);
        assert.ok(warning.isWellFormed() || !warnings.every((one) => one.isWellFormed()));
        assert.doesNotMatch(warning, /\p{Cc}/u);
      }
      if (kept.length < warnings.length) assert.match(kept.at(-1) ?? '', /^and \d+ more: writ explain d-1$/);
    }),
    { numRuns: 300 },
  );
  assert.equal(
    boundWarnings(
      Array.from({ length: 16 }, () => 'x'.repeat(250)),
      'd-1',
    ).length,
    16,
  );
});

it('a message is bounded, one line a violation, and never loses its last line', () => {
  const violations = Array.from({ length: 100 }, (_, index) => violation(`${index}\n${'x'.repeat(500)}`));
  const message = responseOf({ violations }).status?.message ?? '';
  const lines = message.split('\n');
  assert.ok(message.length < 9000);
  assert.equal(lines.at(-1), 'writ explain d-1');
  assert.match(lines.at(-2) ?? '', /^and \d+ more$/);
  assert.match(lines[0] ?? '', /^p \(Forbidden\): 0 x+$/);
});

it('only what denies is in the message of a denial', () => {
  const { status, auditAnnotations } = responseOf({ violations: [violation('w', 'Warn'), violation('d'), violation('a', 'Audit')] });
  assert.equal(status?.message, 'p (Forbidden): d\nwrit explain d-1');
  assert.equal(auditAnnotations?.['policies'], 'p');
});

it('keys of audit annotations are such as the API server takes behind its prefix', () => {
  const qualified = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
  fc.assert(
    fc.property(fc.string(), (key) => {
      const short = annotationKey(key);
      assert.ok(short === undefined || qualified.test(short));
    }),
  );
  const [one, other] = [annotationKey(`${'x'.repeat(80)}.a`), annotationKey(`${'x'.repeat(80)}.b`)];
  assert.notEqual(one, other);
  assert.match(one ?? '', qualified);
  const { auditAnnotations } = responseOf({ auditAnnotations: { 'p.key': 'v'.repeat(20_000), 'decision-id': 'forged', '': 'x' } });
  assert.equal(auditAnnotations?.['p.key']?.length, 10_240);
  assert.equal(auditAnnotations?.['decision-id'], 'd-1');
});

it('a closed answer names the code and the fix', () => {
  const { response } = JSON.parse(encodeClosed('u', 'd-1', { code: 'TRUST_MISSING', message: 'there is none' }));
  assert.equal(response.allowed, false);
  assert.match(response.status.message, /^TRUST_MISSING: there is none \(.+\)\nwrit explain d-1$/);
  assert.equal(response.auditAnnotations.code, 'TRUST_MISSING');
});

it('what is no review is answered with code, message and fix, each told once', () => {
  const problem = { code: 'REVIEW_NOT_REVIEW', message: 'it is a Pod', path: 'kind' } as const;
  const { fix, ...rest } = JSON.parse(encodeProblem(problem));
  assert.deepEqual(rest, problem);
  assert.equal(fix, problemCodes.REVIEW_NOT_REVIEW.fix);
  assert.equal(JSON.parse(encodeProblem({ ...problem, hint: 'send a review' })).fix, 'send a review');
});
