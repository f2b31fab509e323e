// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../kube/objects.ts';
import type { Policy } from '../../crds/generated/objects.ts';
import type { Condition } from '../../crds/conditions.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { EventInput } from '../../kube/events.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { Judged, PolicyDocument, SignedPolicy } from '../../policies/policy-object.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import type { LivePolicy } from './live.ts';
import { reconcilePolicy } from './policy.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const spec: Policy['spec'] = { version: 1, workloads: ['Agent'], validations: [{ expression: 'true' }] };
const policy: Policy = { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: 'p' }, spec };
const report: ReplicaReport = {
  replica: 'r',
  setDigest: DIGEST,
  trustDigest: DIGEST,
  policies: { p: DIGEST },
  refused: {},
  flippedAt: '2026-01-01T00:00:00Z',
};
type Status = {
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; message: string }[];
};

const run = async (judged: Judged, clock = fakeClock(), before: readonly Condition[] = [], replicas = [report]) => {
  const statuses: Status[] = [];
  const events: EventInput[] = [];
  const object: LivePolicy = { metadata: { name: 'p' }, spec, ...(before.length === 0 ? {} : { status: { conditions: [...before] } }) };
  const client = scriptedClient({
    apply: async (_resource: unknown, written: KubeObject & { readonly status: Status }) => {
      statuses.push(written.status);
      return written;
    },
  });
  const informer = { get: () => object };
  const book = { judge: () => judged, prepare: async () => undefined, compiled: () => [], coversAll: () => true };
  const record = async (event: EventInput) => events.push(event) > 0;
  const deps = { client, informer, book, replicas: () => replicas, inventories: () => [], recorder: { record }, clock };
  const outcome = await reconcilePolicy(deps, 'p');
  const conditions = new Map(statuses[0]?.conditions.map((condition) => [condition.type, condition]));
  return { outcome, conditions, events };
};
const signed: SignedPolicy = {
  kind: 'Policy',
  name: 'p',
  policies: [policy],
  digest: DIGEST,
  version: 1,
  expiresMs: undefined,
  graceMs: 0,
  endsItself: false,
  retired: false,
  signers: ['alice'],
};
const [compiled] = compilePolicies([{ policy, digest: DIGEST }]).set.policies;
assert.ok(compiled);
const again = (): Judged => assert.fail('nothing is judged again');
const good = (expiresMs: number | undefined): Judged => ({ ok: true, document: { ...signed, expiresMs, compiled: [compiled], again } });

describe('the status of a policy', () => {
  it('that a newer trust policy has taken the seals from says so, and that it is closed', async () => {
    const withdrawn = { code: 'SEAL_REVOKED', message: 'the principal alice is revoked' } as const;
    const { conditions } = await run({ ok: true, document: { ...signed, withdrawn, compiled: [compiled], again } });
    assert.deepEqual(
      ['Ready', 'Verified', 'Stalled'].map((type) => [conditions.get(type)?.status, conditions.get(type)?.reason]),
      [
        ['False', 'SealRevoked'],
        ['False', 'SealRevoked'],
        ['True', 'SealRevoked'],
      ],
    );
    assert.match(conditions.get('Ready')?.message ?? '', /SEAL_REVOKED: .*the principal alice is revoked; 1 of 1 replicas close/);
  });

  it('says that tenants are closed where no replica answers, not that nothing holds', async () => {
    const clock = fakeClock();
    const unsigned: Judged = { ok: true, document: { ...signed, signers: [], unsigned: true, compiled: [compiled], again } };
    for (const judged of [good(undefined), good(clock.now()), unsigned]) {
      const ready = (await run(judged, clock, [], [])).conditions.get('Ready');
      assert.equal(ready?.status, 'False');
      assert.match(ready?.message ?? '', /no replica of the webhook answers: tenants are closed until one does/);
      assert.doesNotMatch(ready?.message ?? '', /0 of 0/);
    }
  });

  it('without a seal says that it only notes', async () => {
    const { conditions } = await run({ ok: true, document: { ...signed, signers: [], unsigned: true, compiled: [compiled], again } });
    assert.deepEqual(
      ['Ready', 'Verified', 'Stalled'].map((type) => conditions.get(type)?.reason),
      ['UnsignedAudit', 'UnsignedAudit', undefined],
    );
    assert.equal(conditions.get('Ready')?.status, 'False');
  });

  it('past its date says that what it matches is closed', async () => {
    const clock = fakeClock();
    const { conditions, events, outcome } = await run(good(clock.now()), clock);
    assert.deepEqual([conditions.get('Ready')?.status, conditions.get('Ready')?.reason], ['False', 'PolicyExpired']);
    assert.match(conditions.get('Ready')?.message ?? '', /POLICY_EXPIRED.*1 of 1 replicas close what it matches/);
    assert.deepEqual([conditions.get('Verified')?.status, conditions.get('Stalled')?.status], ['True', 'True']);
    assert.deepEqual(
      events.map(({ type, reason }) => [type, reason]),
      [['Warning', 'PolicyExpired']],
    );
    assert.deepEqual(outcome, { kind: 'done' });
  });

  it('is looked at again when it ends, or when a refusal may have passed', async () => {
    const clock = fakeClock();
    const young = await run(good(clock.now() + 5000), clock);
    assert.deepEqual([young.conditions.get('Ready')?.reason, young.outcome], ['Enforced', { kind: 'after', delayMs: 5000 }]);
    const refused = await run({ ok: false, problem: { code: 'SEAL_KEY_NOT_VALID', message: 'not yet' } });
    assert.deepEqual([refused.conditions.get('Ready')?.reason, refused.outcome], ['SealKeyNotValid', { kind: 'after', delayMs: 60_000 }]);
  });

  it('says ahead that it ends, and while it goes on after its end, each once', async () => {
    const DAY_MS = 24 * 3600_000;
    const clock = fakeClock();
    const ending = (expiresMs: number, more: Partial<PolicyDocument> = {}): Judged => ({
      ok: true,
      document: { ...signed, expiresMs, graceMs: 3 * DAY_MS, endsItself: true, compiled: [compiled], again, ...more },
    });
    const far = await run(ending(clock.now() + 15 * DAY_MS), clock);
    assert.deepEqual([far.conditions.get('Expiring'), far.outcome], [undefined, { kind: 'after', delayMs: DAY_MS }]);
    const soon = await run(ending(clock.now() + 13 * DAY_MS), clock);
    assert.deepEqual([soon.conditions.get('Expiring')?.status, soon.conditions.get('Expiring')?.reason], ['True', 'EndsSoon']);
    assert.ok(soon.events.some(({ type, reason }) => type === 'Warning' && reason === 'EndsSoon'));
    const grace = await run(ending(clock.now() - DAY_MS), clock);
    assert.deepEqual([grace.conditions.get('Ready')?.reason, grace.conditions.get('Expiring')?.reason], ['Enforced', 'InGracePeriod']);
    assert.deepEqual(grace.outcome, { kind: 'after', delayMs: DAY_MS });
    const closed = await run(ending(clock.now() - 3 * DAY_MS), clock);
    assert.deepEqual([closed.conditions.get('Ready')?.reason, closed.conditions.get('Expiring')], ['PolicyExpired', undefined]);
    const told = await run(ending(clock.now() + 13 * DAY_MS), clock, [
      { type: 'Expiring', status: 'True', reason: 'EndsSoon', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ]);
    assert.ok(!told.events.some(({ reason }) => reason === 'EndsSoon'));
  });

  it('is ready when it is retired, whatever its date', async () => {
    const clock = fakeClock();
    const { conditions } = await run(
      { ok: true, document: { ...signed, expiresMs: clock.now() - 1, version: 4, retired: true, compiled: [], again } },
      clock,
    );
    assert.deepEqual([conditions.get('Ready')?.status, conditions.get('Ready')?.reason], ['True', 'Retired']);
    assert.match(conditions.get('Ready')?.message ?? '', /retired by version 4/);
    assert.equal(conditions.get('Expiring'), undefined);
  });

  it('says of one that does not compile that its seal counts, and who still enforces the one before', async () => {
    const { conditions } = await run({ ok: false, problem: { code: 'DOCUMENT_INVALID', message: 'no' }, signed });
    assert.deepEqual(
      ['Ready', 'Verified', 'Compiled', 'Stalled'].map((type) => [conditions.get(type)?.status, conditions.get(type)?.reason]),
      [
        ['False', 'CompileFailed'],
        ['True', 'Verified'],
        ['False', 'CompileFailed'],
        ['True', 'CompileFailed'],
      ],
    );
    assert.match(conditions.get('Ready')?.message ?? '', /DOCUMENT_INVALID: no .*; 1 replicas still enforce the last verified document/);
  });
});
