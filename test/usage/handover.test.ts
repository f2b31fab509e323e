// SPDX-License-Identifier: Apache-2.0
// A namespace that changes its tenant: whose use is what runs there, and never two tenants' at once.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { HOUR_MS } from '../../operator/usage/period.ts';
import { integerOf, textOf } from '../../operator/usage/store.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import { START } from './ledger-scene.ts';
import { metadata, namespaceOf, world } from './use-scene.ts';
import type { Leader, World } from './use-scene.ts';

const MINUTE_MS = 60_000;

type Piece = { readonly tenant: string; readonly fromMs: number; readonly toMs: number };
/** Of agents: seconds are the event's unit, so when each piece ended follows from its value. */
const agentPieces = ({ ledger }: Leader): Promise<readonly Piece[]> =>
  ledger.store.read(async (reader) =>
    (
      await reader.all(`SELECT s.tenant, e.at_ms, e.value FROM usage_event e JOIN usage_source s ON s.number = e.source
        WHERE e.meter = 'agent_hours' ORDER BY e.at_ms, s.tenant`)
    ).map((row) => {
      const fromMs = integerOf(row, 'at_ms');
      return { tenant: textOf(row, 'tenant'), fromMs, toMs: fromMs + Number(textOf(row, 'value')) / 1000 };
    }),
  );
const billedMs = async (leader: Leader, tenant: string): Promise<number> =>
  (await agentPieces(leader)).reduce((sum, piece) => (piece.tenant === tenant ? sum + piece.toMs - piece.fromMs : sum), 0);

const runs = ({ pods }: World, sinceMs: number, endedMs?: number): void =>
  pods.put({ metadata, agent: { runningSinceMs: sinceMs, ...(endedMs === undefined ? {} : { endedMs }) } });

it('bills an agent to each tenant for as long as the namespace was its, also after it came back', async () => {
  const here = await world();
  here.namespaces.put(namespaceOf('acme'));
  runs(here, START - 50 * HOUR_MS);
  const leader = await here.lead();
  await leader.record();
  for (const [tenant, minutes] of [
    ['beta', 62],
    ['acme', 17],
    ['', 5],
    ['acme', 3],
  ] as const) {
    here.pass(2 * MINUTE_MS);
    here.namespaces.put(namespaceOf(tenant));
    here.pass(minutes * MINUTE_MS);
    await leader.record();
  }
  assert.equal(await billedMs(leader, 'acme'), 50 * HOUR_MS + (2 + 17 + 2 + 3) * MINUTE_MS);
  assert.equal(await billedMs(leader, 'beta'), (62 + 2) * MINUTE_MS);
  assert.deepEqual((await verifyLedger(leader.ledger.store)).problems, []);
  await leader.end();
});

it('bills storage to one tenant at a time', async () => {
  const here = await world();
  here.namespaces.put(namespaceOf('acme'));
  here.claims.put({ metadata, bound: { sinceMs: START - HOUR_MS, bytes: 1000n } });
  const leader = await here.lead();
  await leader.record();
  here.namespaces.put(namespaceOf('beta'));
  here.pass(HOUR_MS);
  await leader.record();
  const rows = await leader.ledger.store.read((reader) =>
    reader.all("SELECT tenant, sum FROM usage_total WHERE meter = 'storage_bytes' ORDER BY tenant"),
  );
  const hour = String(1000n * 3600n * 1_000_000n);
  assert.deepEqual(
    rows.map(({ tenant, sum }) => [tenant, sum]),
    [
      ['acme', hour],
      ['beta', hour],
    ],
  );
  await leader.end();
});

it('bills a tenant nothing of before a namespace was adopted, seen or unseen', async () => {
  for (const how of ['seen', 'while nobody led', 'before there was a ledger']) {
    const here = await world();
    runs(here, START - 50 * HOUR_MS);
    if (how !== 'before there was a ledger') {
      here.namespaces.put(namespaceOf(''));
      const first = await here.lead();
      await first.record();
      here.pass(HOUR_MS);
      if (how === 'seen') here.namespaces.put(namespaceOf('acme', { adopted: true }));
      else here.namespaces.put(namespaceOf(''));
      await first.end();
    }
    if (how !== 'seen') here.namespaces.put(namespaceOf('acme', { adopted: true }));
    let leader = await here.lead();
    await leader.record();
    here.pass(HOUR_MS);
    await leader.record();
    await leader.end();
    here.pass(HOUR_MS);
    leader = await here.lead();
    await leader.record();
    assert.equal(await billedMs(leader, 'acme'), 2 * HOUR_MS, how);
    await leader.end();
  }
});

it('loses nothing of a tenant while nobody leads, also of what began meanwhile', async () => {
  const here = await world();
  here.namespaces.put(namespaceOf('acme'));
  const first = await here.lead();
  await first.record();
  await first.end();
  runs(here, START + HOUR_MS);
  here.pass(3 * HOUR_MS);
  const leader = await here.lead();
  await leader.record();
  assert.equal(await billedMs(leader, 'acme'), 2 * HOUR_MS);
  await leader.end();
});

type Step =
  | readonly ['pass', minutes: number]
  | readonly ['move', tenant: string]
  | readonly ['record' | 'restart' | 'end']
  | readonly ['away', tenant: string];
const tenant = fc.constantFrom('acme', 'beta', '');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constant('pass' as const), fc.integer({ min: 1, max: 200 })),
  fc.tuple(fc.constant('move' as const), tenant),
  fc.tuple(fc.constant('record' as const)),
  fc.tuple(fc.constant('restart' as const)),
  fc.tuple(fc.constant('away' as const), tenant),
  fc.tuple(fc.constant('end' as const)),
);

it('never bills more than ran, however tenants, leaders and looks follow each other', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
      const here = await world();
      const bornMs = START - 5 * HOUR_MS;
      here.namespaces.put(namespaceOf('acme', { createdMs: bornMs }));
      runs(here, bornMs);
      let leader = await here.lead();
      let stale: Leader | undefined;
      let endedMs: number | undefined;
      for (const [what, value] of [...steps, ['record'] as const]) {
        if (what === 'pass') here.pass(value * MINUTE_MS);
        else if (what === 'move') here.namespaces.put(namespaceOf(value, { createdMs: bornMs }));
        else if (what === 'record') await leader.record();
        else if (what === 'restart') {
          // The one before does not know yet, and tries to go on.
          await stale?.end();
          stale = leader;
          leader = await here.lead();
          await assert.rejects(async () => {
            here.pass(MINUTE_MS);
            await stale?.record();
            // Where it had nothing to write it was not refused, and wrote nothing.
            throw new Error('nothing to write');
          });
        } else if (what === 'away') {
          await leader.end();
          here.pass(7 * MINUTE_MS);
          here.namespaces.put(namespaceOf(value, { createdMs: bornMs }));
          here.pass(7 * MINUTE_MS);
          leader = await here.lead();
        } else if (endedMs === undefined) {
          endedMs = here.now();
          runs(here, bornMs, endedMs);
        }
      }
      const pieces = await agentPieces(leader);
      let upToMs = bornMs;
      for (const { fromMs, toMs } of pieces) {
        assert.ok(fromMs >= upToMs, 'nothing twice, nothing of before it ran');
        upToMs = toMs;
      }
      assert.ok(upToMs <= (endedMs ?? here.now()));
      assert.deepEqual((await verifyLedger(leader.ledger.store)).problems, []);
      await leader.end();
      await stale?.end();
    }),
    { numRuns: 60 },
  );
});
