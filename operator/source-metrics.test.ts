// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createOperatorMetrics } from './metrics.ts';
import { showSuspended } from './source-metrics.ts';

const source = (name: string, suspend?: boolean) => ({
  metadata: { namespace: 'writ-system', name },
  spec: { url: 'https://git.example/a.git', ...(suspend === undefined ? {} : { suspend }) },
});

it('each source says whether it is suspended, as it is now, and one that is gone says nothing', async () => {
  const metrics = createOperatorMetrics();
  let sources = [source('a', true), source('b', false), source('c'), source('gone', true)];
  showSuspended(metrics, { list: () => sources });
  const told = async (): Promise<readonly string[]> =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('writ_source_suspended{'));
  const line = (name: string, value: number): string => `writ_source_suspended{source="writ-system/${name}"} ${value}`;
  assert.deepEqual(await told(), [line('a', 1), line('b', 0), line('c', 0), line('gone', 1)]);
  sources = [source('a'), source('b', true)];
  assert.deepEqual(await told(), [line('a', 0), line('b', 1)]);
});
