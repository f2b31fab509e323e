// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { EventInput } from '../../kube/events.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { reportSuspended } from './git-source-status.ts';
import type { LiveGitSource } from './live.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

it('a suspended source says so once, keeps what was applied, and claims nothing about the remote', async () => {
  const written: LiveGitSource[] = [];
  const events: EventInput[] = [];
  const client = scriptedClient({
    apply: async (_resource: unknown, object: LiveGitSource) => {
      written.push(object);
      return object;
    },
  });
  const record = async (event: EventInput) => events.push(event) > 0;
  const deps = { client, recorder: { record }, clock: fakeClock() };
  const succeeded = { status: 'True' as const, reason: 'Succeeded', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  const source: LiveGitSource = {
    metadata: { name: 's', namespace: 'writ-system', generation: 2 },
    spec: { url: 'https://git.example/a.git', suspend: true },
    status: {
      lastAppliedRevision: 'main@sha1:1',
      receiverPath: '/hook/1',
      conditions: ['Ready', 'Applied'].map((type) => ({ ...succeeded, type })),
    },
  };
  await reportSuspended(deps, source);
  const status = written[0]?.status;
  assert.deepEqual(
    status?.conditions?.map((condition) => [condition.type, condition.status, condition.reason]),
    [['Ready', 'Unknown', 'Suspended']],
  );
  assert.match(status?.conditions?.[0]?.message ?? '', /main@sha1:1 stays applied/);
  assert.deepEqual([status?.lastAppliedRevision, status?.receiverPath], ['main@sha1:1', '/hook/1']);
  await reportSuspended(deps, { ...source, status: status ?? {} });
  assert.deepEqual([written.length, events.length], [1, 1]);
});
