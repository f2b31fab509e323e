// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { configMaps, pods } from '../../crds/kinds.ts';
import { RESERVATION_LASTS_MS, decodeQuotaLedger, encodeQuotaLedger } from '../../crds/quota-ledger.ts';
import type { QuotaLedger } from '../../crds/quota-ledger.ts';
import { KubeApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { reserve } from '../../policies/tenancy/summed-quota.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { scriptedClient } from '../../test/scripted-client.ts';
import type { LiveTenant } from '../controllers/live.ts';
import { quotaFacts, reconcileQuota } from './quota-book.ts';
import type { QuotaDeps } from './quota-book.ts';
import { COUNTING } from './status.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const AT_MOST = 3;
const POD = 1_000_000_000n;
const HARD = new Map([['pods', POD * BigInt(AT_MOST)]]);
const signal = new AbortController().signal;
const refusal = (code: number, reason: string): KubeApiError => new KubeApiError({ status: code, reason, message: reason });
const cacheOf = <T>(list: () => readonly T[]) => ({ get: () => list()[0], byIndex: () => list() });

/** The API server, one webhook and the operator, as far as they have to do with one tenant that may have three pods. */
const createWorld = (more: { readonly namespaceBornMs?: number } = {}) => {
  const clock = fakeClock(START_MS);
  let version = 0;
  let serial = 0;
  let ledger: KubeObject | undefined;
  let cached: KubeObject | undefined;
  let everHeld = new Set<string>();
  let status: LiveTenant['status'] = { observedGeneration: -1 };
  const inFlight = new Map<string, number>();
  const stored = new Set<string>();
  const heard = new Set<string>();
  const time = (ms: number): string => new Date(ms).toISOString();
  const put = (object: KubeObject): KubeObject =>
    (ledger = { ...object, metadata: { ...object.metadata, resourceVersion: `${(version += 1)}` } });
  const replace = (object: KubeObject): KubeObject => {
    if (ledger === undefined) throw refusal(404, 'NotFound');
    if (ledger.metadata.resourceVersion !== object.metadata.resourceVersion) throw refusal(409, 'Conflict');
    return put(object);
  };
  const client = scriptedClient({
    get: async (resource, ref) =>
      resource.plural === configMaps.plural
        ? ledger
        : stored.has(ref.name)
          ? { metadata: { name: ref.name, namespace: 'home', uid: ref.name } }
          : undefined,
    create: async (_, object) => {
      if (ledger !== undefined) throw refusal(409, 'AlreadyExists');
      return put(object);
    },
    replace: async (_, object) => replace(object),
    delete: async () => ((ledger = undefined), true),
  });
  const tenant = (): LiveTenant => ({
    metadata: { name: 'acme', generation: 1, creationTimestamp: time(START_MS) },
    spec: { namespaces: { items: [{ name: 'home' }] }, resourceQuotas: [{ name: 'few', hard: { pods: String(AT_MOST) } }] },
    ...(status === undefined ? {} : { status }),
  });
  const deps = (): QuotaDeps => ({
    client,
    clock,
    everHeld,
    systemNamespace: 'writ-system',
    worth: (live) => ({
      ok: true,
      tenant: live,
      effective: { name: 'acme', tier: undefined, spec: live.spec, problems: [], entitled: undefined },
    }),
    onChange: () => undefined,
    caches: {
      tenants: cacheOf(() => [tenant()]),
      namespaces: cacheOf(() => [{ metadata: { name: 'home', creationTimestamp: time(more.namespaceBornMs ?? START_MS) } }]),
      quotaLedgers: cacheOf(() => (cached === undefined ? [] : [cached])),
    },
    counting: {
      watch: () => 'counted',
      resourceOf: () => pods,
      countOf: () => ({
        sum: new Map([['pods', BigInt(heard.size) * POD]]),
        objectOf: (uid) => (heard.has(uid) ? { uid, amounts: new Map([['pods', POD]]) } : undefined),
        isGone: () => false,
      }),
    },
  });
  const say = (reason: string): void =>
    void (status = {
      observedGeneration: 1,
      conditions: [
        { type: 'Ready', status: reason === 'Succeeded' ? 'True' : 'False', reason, message: '', lastTransitionTime: time(START_MS) },
      ],
    });
  const world = {
    clock,
    taken: () => stored.size + inFlight.size,
    opensAt: () => decodeQuotaLedger(ledger)?.opensAt,
    ledger: (): QuotaLedger | undefined => decodeQuotaLedger(ledger),
    /** What the webhook does before it admits one pod; that is under way then. */
    ask: (): boolean => {
      const held = decodeQuotaLedger(ledger);
      if (held === undefined || ledger === undefined) return false;
      const uid = `pod-${(serial += 1)}`;
      const ref = { group: '', plural: 'pods', namespace: 'home', name: uid };
      const reservation = { uid, at: time(clock.now()), ref, amounts: new Map([['pods', POD]]) };
      const { granted, ledger: next } = reserve(held, [{ reservation, hard: HARD, dryRun: false }]);
      if (granted[0]?.ok !== true || next === undefined) return false;
      const { data } = encodeQuotaLedger(next);
      replace({ ...ledger, ...(data === undefined ? {} : { data }) });
      inFlight.set(uid, clock.now());
      return true;
    },
    store: (): void => {
      const [first] = inFlight.keys();
      if (first === undefined) return;
      inFlight.delete(first);
      stored.add(first);
    },
    fail: (): void => void inFlight.delete([...inFlight.keys()][0] ?? ''),
    hear: (): void => {
      const next = [...stored].find((uid) => !heard.has(uid));
      if (next !== undefined) heard.add(next);
    },
    reconcile: async (): Promise<void> => {
      const isFirst = ledger === undefined;
      // What the API server refuses is tried again: another step.
      await reconcileQuota(deps(), 'acme', signal).catch((error: unknown) => assert.ok(error instanceof KubeApiError, String(error)));
      // A ledger that is there has the Tenant told anew at once.
      if (isFirst && ledger !== undefined) say('Succeeded');
    },
    listen: (): void => {
      cached = ledger;
      if (ledger !== undefined) everHeld.add('acme');
    },
    /** Somebody takes the ledger away. */
    remove: (): void => void (ledger = undefined),
    restart: (): void => {
      everHeld = new Set();
      world.listen();
      for (const uid of stored) heard.add(uid);
    },
    report: (): void => say(quotaFacts(deps(), tenant()).pending ? COUNTING : 'Succeeded'),
    trouble: (): void => say('Retrying'),
    /** The API server stores what it admitted, or not, and tells of it, within less than a reservation lasts. */
    wait: async (): Promise<void> => {
      await clock.advance(RESERVATION_LASTS_MS / 2);
      for (const [uid, atMs] of inFlight) {
        if (clock.now() - atMs < RESERVATION_LASTS_MS / 2) continue;
        inFlight.delete(uid);
        stored.add(uid);
      }
      for (const uid of stored) heard.add(uid);
    },
  };
  return world;
};

const STEPS = [
  'ask',
  'ask',
  'store',
  'fail',
  'hear',
  'reconcile',
  'reconcile',
  'listen',
  'remove',
  'restart',
  'report',
  'trouble',
  'wait',
] as const;

describe('the ledger of a quota over namespaces', () => {
  it('opens at once for a tenant that is new, and lets in as many as the quota allows', async () => {
    const world = createWorld();
    await world.reconcile();
    assert.deepEqual([world.opensAt(), [1, 2, 3, 4].map(() => world.ask())], [undefined, [true, true, true, false]]);
  });

  it('opens late where it was taken away, whatever the tenant says of itself then and whoever leads', async () => {
    for (const trouble of ['report', 'trouble'] as const)
      for (const restarted of [false, true]) {
        const world = createWorld();
        await world.reconcile();
        for (let count = 0; count < AT_MOST; count += 1) assert.ok(world.ask());
        world.listen();
        world[trouble]();
        world.remove();
        if (restarted) world.restart();
        world.listen();
        await world.reconcile();
        assert.equal(world.opensAt(), new Date(START_MS + RESERVATION_LASTS_MS).toISOString(), `${trouble}, restarted: ${restarted}`);
        assert.equal(world.ask(), false);
      }
  });

  it('opens late where a new leader spoke of the tenant before it looked at the ledger that was taken away', async () => {
    const world = createWorld();
    await world.reconcile();
    for (let count = 0; count < AT_MOST; count += 1) assert.ok(world.ask());
    world.remove();
    world.restart();
    world.report();
    await world.reconcile();
    assert.equal(world.ask(), false);
  });

  it('opens late over namespaces that are left of an earlier tenant of the name', async () => {
    const world = createWorld({ namespaceBornMs: START_MS - 60_000 });
    await world.reconcile();
    assert.notEqual(world.opensAt(), undefined);
  });

  it('that is there without its label is taken as it is', async () => {
    const world = createWorld();
    await world.reconcile();
    assert.ok(world.ask());
    await world.reconcile();
    assert.equal(world.ledger()?.reservations.length, 1);
  });

  it('never lets in more than the quota, whatever comes in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 30 }), async (steps) => {
        const world = createWorld();
        for (const step of ['reconcile', 'ask', 'ask', 'ask', ...steps] as const) {
          await world[step]();
          assert.ok(world.taken() <= AT_MOST, `${world.taken()} of ${AT_MOST} after ${step}`);
        }
      }),
      { numRuns: 1500 },
    );
  });
});
