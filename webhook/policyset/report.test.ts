// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decodeReplica } from '../../crds/replica.ts';
import type { KubeClient } from '../../kube/client.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { closedSet } from './enforced.ts';
import type { LoaderState } from './loader.ts';
import { createReporter } from './report.ts';

const stateAt = (flippedAtMs: number, refused: LoaderState['refused'] = new Map()): LoaderState => ({
  enforced: closedSet({ code: 'TRUST_MISSING', message: 'none' }, flippedAtMs),
  documents: [],
  refused,
  pending: [],
  trustProblem: undefined,
});

const scene = (fail: () => boolean = () => false) => {
  const clock = fakeClock();
  const applied: { readonly kind: string; readonly object: unknown }[] = [];
  const deleted: string[] = [];
  const errors: unknown[] = [];
  const client: Pick<KubeClient, 'apply' | 'delete'> = {
    apply: async (resource, object) => {
      if (fail()) throw new Error('unreachable');
      applied.push({ kind: resource.kind, object });
      return object;
    },
    delete: async (resource) => deleted.push(resource.kind) > 0,
  };
  const reporter = createReporter({ client, clock, namespace: 'writ-system', replica: 'r-1', onError: (error) => errors.push(error) });
  const stop = new AbortController();
  const running = reporter.run(stop.signal);
  const reports = () => applied.filter(({ kind }) => kind === 'ConfigMap').map(({ object }) => decodeReplica(object));
  return { clock, applied, deleted, errors, reporter, reports, end: () => (stop.abort(), running) };
};

const silent = () => {
  const clock = fakeClock();
  const client: Pick<KubeClient, 'apply' | 'delete'> = { apply: async (_resource, object) => object, delete: async () => true };
  const reporter = createReporter({ client, clock, namespace: 'writ-system', replica: 'r-1', onError: () => undefined });
  return { clock, reporter };
};

it('is written when it changes and never otherwise, while the Lease is renewed', async () => {
  const { clock, reporter, reports, applied, deleted, end } = scene();
  reporter.tell(stateAt(1000));
  await clock.advance(0);
  reporter.tell(stateAt(1000));
  await clock.advance(60_000);
  assert.equal(reports().length, 1);
  assert.ok(applied.filter(({ kind }) => kind === 'Lease').length >= 6);
  reporter.tell(stateAt(1000, new Map([['Policy/p', { code: 'POLICY_UNSIGNED', message: 'no seal' }]])));
  await clock.advance(0);
  assert.deepEqual(reports().at(-1)?.refused, { p: { code: 'POLICY_UNSIGNED', message: 'no seal' } });
  await end();
  assert.deepEqual(deleted.toSorted(), ['ConfigMap', 'Lease']);
});

it('is tried again until it is written, the newest state first', async () => {
  let down = true;
  const { clock, reporter, reports, errors, end } = scene(() => down);
  reporter.tell(stateAt(1000));
  await clock.advance(5000);
  reporter.tell(stateAt(2000));
  down = false;
  await clock.advance(60_000);
  assert.deepEqual(
    reports().map((report) => report?.flippedAt),
    ['1970-01-01T00:00:02.000Z'],
  );
  assert.ok(errors.length > 0);
  await end();
});

it('is written again by a replica that could not renew its Lease for so long that it was taken for dead', async () => {
  let down = false;
  const { clock, reporter, reports, end } = scene(() => down);
  reporter.tell(stateAt(1000));
  await clock.advance(15_000);
  down = true;
  await clock.advance(60_000);
  down = false;
  await clock.advance(20_000);
  assert.equal(reports().length, 2);
  await clock.advance(60_000);
  assert.equal(reports().length, 2);
  await end();
});

it('keeps no listener for each change', async () => {
  const added: string[] = [];
  const stop = new AbortController();
  const listen = stop.signal.addEventListener.bind(stop.signal);
  const unlisten = stop.signal.removeEventListener.bind(stop.signal);
  stop.signal.addEventListener = (...input: Parameters<typeof listen>) => (added.push(input[0]), listen(...input));
  stop.signal.removeEventListener = (...input: Parameters<typeof unlisten>) => (added.pop(), unlisten(...input));
  const { clock, reporter } = silent();
  const running = reporter.run(stop.signal);
  for (let number = 0; number < 100; number += 1) {
    reporter.tell(stateAt(number));
    await clock.advance(0);
  }
  assert.ok(added.length < 5, `${added.length} listeners`);
  stop.abort();
  await running;
});
