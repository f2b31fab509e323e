// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REQUESTED_AT_ANNOTATION } from '../../crds/kinds.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import type { FetchRequest } from '../source/index.ts';
import { createReceiver } from '../source/receiver.ts';
import { createGitSourceReconciler } from './git-source.ts';
import type { GitSourceDeps } from './git-source.ts';
import type { LiveGitSource } from './live.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { applyDepsWith } from './test-apply.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const KEY = 'writ-system/s';
const signal = new AbortController().signal;

/** What is asked of the remote for a source that was annotated with this time. */
const askedFor = async (
  requestedAt: string | undefined,
  { applied, history }: { readonly applied?: string; readonly history?: 'FastForward' | 'Any' } = {},
): Promise<{ readonly request: FetchRequest; readonly nowMs: number }> => {
  const clock = fakeClock();
  const annotations = requestedAt === undefined ? {} : { [REQUESTED_AT_ANNOTATION]: requestedAt };
  const source: LiveGitSource = {
    metadata: { name: 's', namespace: 'writ-system', annotations },
    spec: { url: 'https://git.example/a.git', ...(history === undefined ? {} : { history }) },
  };
  const requests: FetchRequest[] = [];
  const deps: GitSourceDeps = {
    ...applyDepsWith(scriptedClient({ apply: async (_resource, object) => object })),
    gitSources: { get: () => source },
    receiver: createReceiver({ clock, onPush: async () => undefined }),
    sources: {
      fetch: async (request: FetchRequest) => {
        requests.push(request);
        return { kind: 'problem', transient: true, problem: { code: 'SOURCE_UNREACHABLE', message: 'no' } };
      },
      close: async () => undefined,
    },
    trust: { current: () => ({ ok: false, problem: { code: 'TRUST_MISSING', message: 'none' } }) },
    recorder: { record: async () => true },
    releases: () => [],
    pinnedDigest: '',
    proving: provingHere(),
    appliedRevision: (source: string) => (source === KEY ? applied : undefined),
    clock,
    random: () => 0.5,
    observe: () => undefined,
  };
  const outcome = await createGitSourceReconciler(deps)(KEY, { signal });
  assert.equal(outcome.kind, 'retry');
  assert.ok(requests[0]);
  return { request: requests[0], nowMs: clock.now() };
};

test('a push makes the remote be listed anew, whatever the clock of the replica that received it says', async () => {
  for (const skewMs of [-3600_000, 0, 3600_000]) {
    const { request, nowMs } = await askedFor(new Date(Date.UTC(2026, 0, 1) + skewMs).toISOString());
    assert.equal(request.since, nowMs);
  }
});

test('a usual look may share the listing of others', async () => {
  assert.equal((await askedFor(undefined)).request.since, undefined);
  assert.equal((await askedFor('not a time')).request.since, undefined);
});

test('a branch has to go on from what was applied, unless any commit will do', async () => {
  const commit = 'ab'.repeat(20);
  const applied = `release@1@sha1:${commit}`;
  assert.deepEqual((await askedFor(undefined, { applied })).request.follows, { label: 'release@1', commit });
  assert.deepEqual((await askedFor(undefined, { applied, history: 'FastForward' })).request.follows, { label: 'release@1', commit });
  assert.equal((await askedFor(undefined, { applied, history: 'Any' })).request.follows, undefined);
  assert.equal((await askedFor(undefined, { applied: `sha1:${commit}` })).request.follows, undefined);
  assert.equal((await askedFor(undefined)).request.follows, undefined);
});
