// SPDX-License-Identifier: Apache-2.0
// The bundles of a set seal in an inventory: written as they are stored, and good, or they do not come in.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { encodeInventory } from '../../crds/inventory.ts';
import type { ConfigMap } from '../../crds/inventory.ts';
import { createSetReader } from '../../policies/trust/set-reader.ts';
import { inventoryOf } from '../../test/faults/webhook/sealed.ts';
import { AT_MS, SOURCE, enforced, said, sealer, stranger, trust, two } from './test-guard.ts';
import type { GuardView } from './view.ts';

const readSets = createSetReader();
const view: GuardView = {
  ...enforced,
  setIn: (inventory) => readSets([inventory], { trust, atMs: AT_MS, marks: [] }).get(inventory.source),
};
const carrying = (sets?: readonly string[]): ConfigMap =>
  encodeInventory(inventoryOf(SOURCE, 'r1', [two], sets === undefined ? {} : { sets }));
const withText = (text: string): ConfigMap => ({ ...bare, data: { ...bare.data, 'sets.json': text } });
const ask = (before: ConfigMap | undefined, after: ConfigMap): Promise<string> =>
  said({ before, after, resource: 'configmaps', name: 'x' }, view);

const bare = carrying();
const [good, newer] = [sealer.set(SOURCE, 3, [two]), sealer.set(SOURCE, 4, [two])];
const foreign = sealer.set('writ-system/other', 3, [two]);
const strange = stranger.set(SOURCE, 3, [two]);
const laidOut = (bundle: string): string => JSON.stringify(JSON.parse(bundle), undefined, 1);
const holding = carrying([good]);

describe('the set seal in an inventory', () => {
  it('comes and changes as it is stored, where it counts', async () => {
    assert.deepEqual(
      await Promise.all([ask(bare, holding), ask(undefined, holding), ask(holding, carrying([newer])), ask(holding, bare)]),
      ['pass', 'pass', 'pass', 'pass'],
    );
  });

  it('comes in no other spelling', async () => {
    assert.equal(await ask(bare, carrying([laidOut(good)])), 'SEAL_FORM sets[0]');
    assert.equal(await ask(holding, carrying([good, laidOut(good)])), 'SEAL_FORM sets[1]');
    assert.equal(await ask(holding, withText(JSON.stringify([good]))), 'SEAL_FORM data');
    assert.equal(await ask(holding, withText(JSON.stringify([good], undefined, 1))), 'SEAL_FORM data');
  });

  it('does not come where it counts for nothing', async () => {
    for (const set of [strange, foreign, '{}']) assert.equal(await ask(holding, carrying([set])), 'INVENTORY_UNPROVEN');
  });

  it('may stay as it stands, also where it counts no more, and in the form of before', async () => {
    for (const standing of [carrying([strange]), carrying([laidOut(good)]), withText('[]')]) {
      const labelled = { ...standing, metadata: { ...standing.metadata, annotations: { a: 'b' } } };
      assert.equal(await ask(standing, labelled), 'pass');
    }
  });

  it('comes with no byte of it changed', async () => {
    const text = holding.data?.['sets.json'] ?? '';
    const raw = Buffer.from(text);
    const passed: string[] = [];
    for (let at = 0; at < raw.length; at += 1) {
      const copy = Buffer.from(raw);
      copy[at] = (copy[at] ?? 0) ^ (1 << (at % 7));
      const answer = await ask(holding, withText(copy.toString('utf8')));
      if (answer === 'pass') passed.push(`${at}: ${copy.toString('utf8').slice(Math.max(0, at - 20), at + 20)}`);
    }
    assert.ok(raw.length > 500);
    assert.deepEqual(passed, []);
  });
});
