// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { it } from 'node:test';
import { shutdownSignal } from './signals.ts';

it('asks first and insists the second time', () => {
  const exits: number[] = [];
  const source = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) });
  const signal = shutdownSignal(source);
  assert.equal(signal.aborted, false);
  source.emit('SIGTERM');
  assert.equal(signal.aborted, true);
  assert.deepEqual(exits, []);
  source.emit('SIGINT');
  assert.deepEqual(exits, [130]);
});
