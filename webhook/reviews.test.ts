// SPDX-License-Identifier: Apache-2.0
// What a tenant was promised is held against what went out to the API server, not against what was decided meanwhile.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { compilePolicies } from '../policies/compile/index.ts';
import { fakeClock } from '../test/fake-clock.ts';
import type { FakeClock } from '../test/fake-clock.ts';
import { createNamespaceCache } from './admission/namespaces.ts';
import { createWebhookMetrics } from './metrics.ts';
import { createReviews } from './reviews.ts';
import { createGuard } from './server/guard.ts';
import type { BoundsVerdict } from './tenancy/index.ts';
import type { Teller } from './usage/index.ts';
import { boundPort } from '../process/bound-port.ts';
import { podReview } from '../policies/decide/test-review.ts';

const START = Date.UTC(2026, 10, 21, 10);
const MINUTE = 60_000;
const DEADLINE = 5000;
const PASSED: BoundsVerdict = { kind: 'passed', warnings: [], audit: undefined };
const ACME = {
  apiVersion: 'writ.dev/v1alpha1',
  kind: 'Tenant',
  metadata: { name: 'acme' },
  spec: { slo: { objectives: [{ name: 'availability', target: '99.9' }] } },
} as const;
const TEAM = { metadata: { name: 'team', labels: { 'writ.dev/tenant': 'acme' } } };

const { set } = compilePolicies([
  {
    digest: 'sha256:any',
    policy: {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'Policy',
      metadata: { name: 'any' },
      spec: {
        version: 1,
        matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['*'] }] },
        validations: [{ expression: 'true' }],
      },
    },
  },
]);

/** `bounds`: the last step before the answer. */
const scene = async (bounds: () => BoundsVerdict | Promise<BoundsVerdict>) => {
  const time = fakeClock(START);
  let stalledMs = 0;
  const clock: FakeClock = { ...time, monotonicMs: () => time.monotonicMs() + stalledMs };
  const metrics = createWebhookMetrics();
  const tellers: Teller[] = [];
  const reached = Promise.withResolvers<void>();
  const bugs: unknown[] = [];
  const validate = createReviews({
    config: { 'system-namespace': 'writ-system', 'namespace-wait': 0, 'access-wait': 1000, 'review-deadline': DEADLINE },
    client: { create: () => assert.fail() },
    clock,
    metrics,
    tenants: { bound: (name) => (name === 'acme' ? ACME : undefined), unknown: () => undefined, list: () => [ACME] },
    namespaces: createNamespaceCache({ get: (name) => (name === 'team' ? TEAM : undefined), onArrival: () => undefined }, clock),
    entitlements: { effective: ({ spec }) => ({ name: 'acme', tier: undefined, spec, problems: [], entitled: undefined }) },
    tierOf: (tenant) => (tenant === 'acme' ? 'Starter' : undefined),
    bounds: () => {
      reached.resolve();
      return bounds();
    },
    enforced: () => ({ closed: undefined, set, trustDigest: '', revisions: {}, signers: new Map(), expired: [], flippedAtMs: 0 }),
    decisions: { record: () => undefined },
    metering: { reports: { add: (teller) => void tellers.push(teller) }, executions: { count: () => undefined } },
    ready: () => true,
    guard: createGuard({ maxInFlight: 1, maxBytes: 2 ** 20 }),
    closing: () => false,
    bug: (error) => bugs.push(error),
  });
  const server = createServer((request, response) => void validate(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const port = boundPort(server);
  const levels = tellers[0] ?? assert.fail();
  // The first minute that is counted from its begin.
  levels.take({ max: 100, isLast: false });
  await clock.advance(MINUTE);
  return {
    clock,
    bugs,
    reached: reached.promise,
    /** Time goes by while nothing of this process runs. */
    stall: (byMs: number) => void (stalledMs += byMs),
    ask: async (namespace = 'team'): Promise<number> => {
      const headers = { 'content-type': 'application/json', connection: 'close' };
      const response = await fetch(`http://127.0.0.1:${port}/validate?timeout=10s`, {
        method: 'POST',
        headers,
        body: podReview({}, { image: 'app:1', namespace }),
      });
      await response.text();
      return response.status;
    },
    /** `writ_requests_total` as scraped, and how many were timed. */
    requests: async (): Promise<readonly string[]> => {
      const text = await metrics.registry.metrics();
      return text.split('\n').filter((line) => /^writ_request(s_total|_duration_seconds_count)/.test(line));
    },
    /** Of the scrape, valid and bad; and what the ledger is told of the minute. */
    counted: async (): Promise<readonly string[]> => {
      const text = await metrics.registry.metrics();
      const scraped = ['valid', 'bad'].map((name) => new RegExp(`^writ_slo_${name}_events_total.* (\\d+)$`, 'm').exec(text)?.[1]);
      await clock.advance(MINUTE);
      levels.take({ max: 100, isLast: false });
      const { facts } = levels.take({ max: 100, isLast: true });
      const told = facts.map((fact) => ('lost' in fact ? 'lost' : `${fact.meter.split('.').at(-1)} ${fact.value}`));
      return [scraped.join(' '), ...told];
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

describe('what counts for a promise is what was answered', () => {
  it('a decision is good', async () => {
    await using world = await scene(() => PASSED);
    assert.equal(await world.ask(), 200);
    assert.deepEqual(await world.requests(), [
      'writ_requests_total{tier="Starter",route="validate",outcome="decided"} 1',
      'writ_request_duration_seconds_count{route="validate",outcome="decided"} 1',
    ]);
    assert.deepEqual(await world.counted(), ['1 0', 'valid 1', 'good 1']);
  });

  it('an answer about nobody’s namespace has no tier and counts for no promise', async () => {
    await using world = await scene(() => PASSED);
    assert.equal(await world.ask('kube-system'), 200);
    assert.deepEqual(await world.requests(), [
      'writ_requests_total{tier="none",route="validate",outcome="ungoverned"} 1',
      'writ_request_duration_seconds_count{route="validate",outcome="ungoverned"} 1',
    ]);
  });

  it('a decision that comes after the deadline is bad', async () => {
    const bounds = Promise.withResolvers<BoundsVerdict>();
    await using world = await scene(() => bounds.promise);
    const asked = world.ask();
    await world.reached;
    await world.clock.advance(DEADLINE);
    assert.equal(await asked, 503);
    bounds.resolve(PASSED);
    await world.clock.advance(0);
    assert.deepEqual(await world.counted(), ['1 1', 'valid 1']);
  });

  it('a decision that held the process up beyond the deadline is bad', async () => {
    await using world = await scene(() => {
      world.stall(DEADLINE + 1);
      return PASSED;
    });
    assert.equal(await world.ask(), 200);
    assert.deepEqual(await world.counted(), ['1 1', 'valid 1']);
  });

  it('a bug is bad', async () => {
    await using world = await scene(() => assert.fail('a bug'));
    assert.equal(await world.ask(), 500);
    assert.equal(world.bugs.length, 1);
    assert.deepEqual(await world.counted(), ['1 1', 'valid 1']);
  });

  it('a request too many was somebody’s: bad for whom it may have been', async () => {
    const bounds = Promise.withResolvers<BoundsVerdict>();
    await using world = await scene(() => bounds.promise);
    const asked = world.ask();
    await world.reached;
    assert.equal(await world.ask(), 429);
    bounds.resolve(PASSED);
    assert.equal(await asked, 200);
    assert.deepEqual(await world.counted(), ['1 0', 'valid 2', 'good 1']);
  });

  it('where nobody was answered, a minute with a refusal of nobody knows whom is not called quiet', async () => {
    await using world = await scene(() => PASSED);
    const waiting = new Set(['an answer']);
    const asked = world.ask('new').finally(() => waiting.clear());
    while (waiting.size > 0) await world.clock.advance(0);
    assert.equal(await asked, 200);
    assert.deepEqual(await world.counted(), ['0 0']);
  });

  it('a minute in which nobody asked is quiet', async () => {
    await using world = await scene(() => PASSED);
    assert.equal(await world.ask('kube-system'), 200);
    assert.deepEqual(await world.counted(), ['0 0', 'valid 0']);
  });
});
