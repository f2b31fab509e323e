// SPDX-License-Identifier: Apache-2.0
// Storage is billed from when a claim was bound, as large as it was: what nobody saw is not guessed to be more.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HOUR_MS } from '../../operator/usage/period.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import { START } from './ledger-scene.ts';
import { metadata, namespaceOf, world } from './use-scene.ts';
import type { Leader, World } from './use-scene.ts';

const bornMs = START - 240 * HOUR_MS;
const pends = ({ claims }: World): void => claims.put({ metadata });
const holds = ({ claims }: World, bytes: number): void => claims.put({ metadata, bound: { sinceMs: bornMs, bytes: BigInt(bytes) } });

const byteHours = ({ ledger }: Leader): Promise<number> =>
  ledger.store.read(async (reader) => {
    const rows = await reader.all("SELECT sum FROM usage_total WHERE meter = 'storage_bytes'");
    return rows.reduce((sum, row) => sum + Number(row['sum']), 0) / 3600 / 1_000_000;
  });

const ofAcme = async (): Promise<World> => {
  const here = await world();
  here.namespaces.put(namespaceOf('acme', { createdMs: bornMs }));
  return here;
};

it('is billed from the moment at which a claim was seen to be bound, however long it waited', async () => {
  const here = await ofAcme();
  pends(here);
  const leader = await here.lead();
  await leader.record();
  here.pass(HOUR_MS);
  holds(here, 1000);
  here.pass(HOUR_MS);
  await leader.record();
  here.pass(HOUR_MS);
  await leader.record();
  assert.equal(await byteHours(leader), 2000);
  await leader.end();
});

it('is billed since the last look where a claim was bound unseen, and since it was made where there was none', async () => {
  for (const isKnown of [true, false]) {
    const here = await ofAcme();
    // Something that the ledger has heard of: it was there, and the claim was not.
    here.pods.put({ metadata: { ...metadata, uid: 'other' }, agent: { runningSinceMs: START - HOUR_MS } });
    pends(here);
    if (isKnown) {
      const first = await here.lead();
      await first.record();
      await first.end();
    }
    here.pass(3 * HOUR_MS);
    holds(here, 10);
    const leader = await here.lead();
    await leader.record();
    assert.equal(await byteHours(leader), isKnown ? 30 : 2430);
    await leader.end();
  }
});

it('goes on as large as it was until it was seen to grow, by this leader or the next one', async () => {
  const here = await ofAcme();
  pends(here);
  const first = await here.lead();
  holds(here, 10);
  here.pass(HOUR_MS);
  await first.record();
  here.pass(HOUR_MS / 2);
  holds(here, 1000);
  here.pass(HOUR_MS / 2);
  await first.record();
  assert.equal(await byteHours(first), 10 + 5 + 500);
  await first.end();
  here.pass(5 * HOUR_MS);
  holds(here, 100_000);
  const leader = await here.lead();
  here.pass(HOUR_MS);
  await leader.record();
  assert.equal(await byteHours(leader), 515 + 5000 + 100_000);
  // Nothing is cut where it did not grow.
  await leader.end();
  here.pass(HOUR_MS);
  const last = await here.lead();
  await last.record();
  assert.equal(await byteHours(last), 205_515);
  assert.deepEqual((await verifyLedger(last.ledger.store)).problems, []);
  await last.end();
});
