// SPDX-License-Identifier: Apache-2.0
// Changes that never stop coming: each asks for another look, and what is new comes into force all the same.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rememberJudgements } from '../../policies/judge-memory.ts';
import { judgePolicyObject } from '../../policies/policy-object.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { POD_RULES, createSealer } from '../../test/faults/webhook/sealed.ts';
import type { SealedPolicy } from '../../test/faults/webhook/sealed.ts';
import { createLoader } from './loader.ts';

const sealer = createSealer();
const policyOf = (name: string): SealedPolicy =>
  sealer.policy(name, { version: 1, matchConstraints: POD_RULES, jsonSchema: { type: 'object', required: ['spec'] } });

/** Something changes in each turn of the event loop, at most `patience` times; each piece of work takes its milliseconds. */
const disturbed = async (world: { readonly sealed: readonly SealedPolicy[]; readonly pieces: number; readonly pieceMs: number }) => {
  const patience = 500;
  const judged: string[] = [];
  let elapsedMs = 0;
  let turns = 0;
  let beats = true;
  const memory = rememberJudgements(function* (object, ...rest) {
    judged.push(object.metadata.name);
    for (let piece = 0; piece < world.pieces; piece += 1) {
      yield;
      elapsedMs += world.pieceMs;
    }
    return judgePolicyObject(object, ...rest);
  });
  const loader = createLoader({
    clock: { ...fakeClock(), monotonicMs: () => elapsedMs },
    observe: () => ({ trustPolicy: sealer.trustPolicy, sealed: world.sealed, inventories: [], unreadableInventories: [], marks: [] }),
    pinnedTrustDigest: sealer.trustDigest,
    judgements: {
      ...memory,
      judgeInSteps: function* (...asked) {
        // To look something up takes time too.
        elapsedMs += world.pieceMs;
        return yield* memory.judgeInSteps(...asked);
      },
    },
    proving: provingHere(),
    onState: () => void (beats = false),
    onFlip: () => undefined,
    onBug: (error) => assert.fail(String(error)),
  });
  const turn = (): void => {
    turns += 1;
    if (!beats || turns >= patience) return;
    loader.request();
    setImmediate(turn);
  };
  turn();
  await loader.settled();
  loader.close();
  assert.ok(turns < patience, 'in force while changes still came');
  assert.deepEqual(
    loader.current.set.policies.map(({ name }) => name),
    world.sealed.map(({ metadata: { name } }) => name),
  );
  return judged;
};

describe('a set under a steady trickle of changes', () => {
  it('comes into force with a document of many steps, which is judged but once', async () => {
    assert.deepEqual(await disturbed({ sealed: [policyOf('long')], pieces: 50, pieceMs: 5 }), ['long']);
  });

  it('comes into force where it takes long only to look at all that is known', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `p-${at}`).toSorted();
    assert.deepEqual(await disturbed({ sealed: names.map(policyOf), pieces: 1, pieceMs: 5 }), names);
  });
});
