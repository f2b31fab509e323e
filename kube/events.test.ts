// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../test/fake-clock.ts';
import { scriptedClient } from '../test/scripted-client.ts';
import { createEventRecorder } from './events.ts';
import type { EventInput, EventResult } from './events.ts';

type Written = {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly note: string;
  readonly eventTime: string;
};

const make = (fail: () => boolean = () => false) => {
  const clock = fakeClock();
  const written: Written[] = [];
  const results: EventResult[] = [];
  const client = scriptedClient({
    create: async (_resource, object: Written) => {
      if (fail()) throw new Error('no');
      written.push(object);
    },
  });
  const recorder = createEventRecorder({
    client,
    clock,
    reportingController: 'writ.dev/operator',
    reportingInstance: 'pod-1',
    observe: (result) => void results.push(result),
  });
  return { clock, written, results, recorder };
};

const event = (more: Partial<EventInput> = {}, name = 'p'): EventInput => ({
  regarding: { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', name, uid: 'u' },
  type: 'Warning',
  reason: 'VerificationFailed',
  note: 'n',
  action: 'Verify',
  ...more,
});

describe('events', () => {
  it('are written once a transition', async () => {
    const { recorder, results } = make();
    const notes = ['a', 'a', 'b', 'b', 'a'];
    for (const note of notes) await recorder.record(event({ note }));
    assert.deepEqual(results, ['written', 'repeated', 'written', 'repeated', 'written']);
  });

  it('of other actions and objects do not hide one another', async () => {
    const { recorder, results } = make();
    for (let turn = 0; turn < 2; turn += 1) {
      await recorder.record(event());
      await recorder.record(event({ action: 'Compile' }));
      await recorder.record(event({}, 'q'));
    }
    assert.deepEqual(results, ['written', 'written', 'written', 'repeated', 'repeated', 'repeated']);
  });

  it('of a flapping object are held to a rate', async () => {
    const { recorder, results, clock, written } = make();
    for (let turn = 0; turn < 40; turn += 1) await recorder.record(event({ note: String(turn) }));
    assert.equal(written.length, 25);
    assert.equal(results.at(-1), 'limited');
    await recorder.record(event({}, 'q'));
    assert.equal(written.length, 26);
    await clock.advance(300_000);
    await recorder.record(event({ note: 'later' }));
    await recorder.record(event({ note: 'too soon' }));
    assert.equal(written.length, 27);
  });

  it('of a whole cluster are held to a rate', async () => {
    const { recorder, written } = make();
    for (let at = 0; at < 1000; at += 1) await recorder.record(event({}, `p${at}`));
    assert.equal(written.length, 200);
  });

  it('that could not be written are said again, and never throw', async () => {
    let failing = true;
    const { recorder, results } = make(() => failing);
    assert.equal(await recorder.record(event()), false);
    failing = false;
    assert.equal(await recorder.record(event()), true);
    assert.deepEqual(results, ['failed', 'written']);
  });

  it('have names of their own, a bounded note, and a place', async () => {
    const { recorder, written } = make();
    await recorder.record(event({ note: 'ä'.repeat(2000) }));
    await recorder.record(event({ note: 'x', regarding: { apiVersion: 'v1', kind: 'Pod', name: 'p', namespace: 'ns' } }));
    assert.notEqual(written[0]?.metadata.name, written[1]?.metadata.name);
    assert.deepEqual([written[0]?.metadata.namespace, written[1]?.metadata.namespace], ['default', 'ns']);
    assert.ok(Buffer.byteLength(written[0]?.note ?? '') <= 1024);
    assert.doesNotMatch(written[0]?.note ?? '', /\uFFFD/);
    assert.equal(written[0]?.eventTime, '2026-01-01T00:00:00.000000Z');
  });
});
