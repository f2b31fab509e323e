// SPDX-License-Identifier: Apache-2.0
// A backlog is worked off in one look, however long it is.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HOUR_MS, START } from './scene.ts';
import { createOutbox } from '../../operator/billing/outbox/index.ts';
import type { HourTotal } from '../../operator/billing/outbox/entry.ts';
import { billingMigrations, countStates } from '../../operator/billing/outbox/tables.ts';
import { systemClock } from '../../process/clock.ts';
import { openMemoryStore } from './memory-store.ts';

it('more reports than one batch holds are sent by one pass', async () => {
  const store = openMemoryStore();
  await store.migrate(billingMigrations);
  const outbox = createOutbox({
    store,
    provider: { report: async () => ({ kind: 'accepted' }), read: async () => undefined },
    clock: { ...systemClock, now: () => START + 800 * HOUR_MS },
    random: () => 0.5,
    installation: 'test',
  });
  const total = (hour: number): HourTotal => ({
    tenant: `t${hour % 7}`,
    meter: 'api_calls',
    hourMs: START + hour * HOUR_MS,
    total: '1',
    customer: `cus_${hour % 7}`,
    encoding: 'Absolute',
  });
  await outbox.offer(Array.from({ length: 700 }, (_, hour) => total(hour)));
  assert.deepEqual(await outbox.pass(), { done: 700, refused: false });
  assert.deepEqual([...(await store.read(countStates))], [['accepted', 700]]);
  await store.close();
});
