// SPDX-License-Identifier: Apache-2.0
// Whatever the connection to the API server does, the informer's cache ends equal to the server's list, every key is
// reconciled at its last version and never twice at once, connections stay bounded and Retry-After is obeyed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { configMaps, namespaces } from '../../../crds/kinds.ts';
import { createKubeClient } from '../../../kube/client.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { createController } from '../../../kube/controller.ts';
import { createInformer } from '../../../kube/informer.ts';
import { keyOf } from '../../../kube/objects.ts';
import type { KubeObject } from '../../../kube/objects.ts';
import { done } from '../../../kube/outcome.ts';
import { systemClock } from '../../../process/clock.ts';
import { startControlPlane } from '../../cluster/control-plane.ts';
import type { ControlPlane } from '../../cluster/control-plane-handle.ts';
import { anyFaultScript } from '../../cluster/fault-arbitraries.ts';
import { startFaultProxy } from '../../cluster/fault-proxy.ts';
import type { FaultProxy } from '../../cluster/fault-proxy.ts';
import type { FaultRule } from '../../cluster/fault-script.ts';

type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };
type Write = { readonly kind: 'put' | 'delete'; readonly name: string };

const clock = systemClock;
const MAX_CALLS = 4;
const WORKERS = 3;
// Calls in flight, one watch, and the connections that a reset or an abort has left dying.
const MAX_CONNECTIONS = MAX_CALLS + 1 + 3;

let plane: ControlPlane;
let proxy: FaultProxy;
let direct: KubeClient;
let runs = 0;

before(async () => {
  plane = await startControlPlane();
  proxy = await startFaultProxy({ target: plane });
  direct = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock, userAgent: 'test-direct' });
});
after(async () => {
  await direct?.close();
  await proxy?.close();
  await plane?.stop();
});

/** Key → resourceVersion of what there is. */
const versions = (objects: readonly KubeObject[]): Map<string, string> =>
  new Map(objects.map((one) => [keyOf(one), one.metadata.resourceVersion ?? '']));
const isEqual = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);

const write = async (namespace: string, { kind, name }: Write, round: number): Promise<void> => {
  if (kind === 'delete') await direct.delete(configMaps, { namespace, name });
  else
    await direct.apply<ConfigMap>(configMaps, { metadata: { namespace, name }, data: { round: String(round) } }, { fieldManager: 'test' });
};

const converge = async (script: readonly FaultRule[], writes: readonly Write[]): Promise<void> => {
  const namespace = `run-${(runs += 1)}`;
  await direct.create(namespaces, { metadata: { name: namespace } });
  await Promise.all(['a', 'b', 'c'].map((name) => write(namespace, { kind: 'put', name }, 0)));
  const firstRequest = proxy.requests.length;
  const peakBefore = proxy.connections.peak;
  proxy.script(script);

  const client = createKubeClient({
    kubeconfigPath: proxy.kubeconfig,
    clock,
    userAgent: 'test-faulty',
    maxConcurrentCalls: MAX_CALLS,
    timeoutMs: 700,
  });
  const stop = new AbortController();
  const informer = createInformer<ConfigMap>(client, configMaps, {
    namespace,
    clock,
    pageSize: 2,
    idleTimeoutMs: 1500,
    backoff: { firstMs: 60, maxMs: 200 },
    observe: { handlerError: (error) => assert.fail(String(error)) },
  });
  const inWork = new Set<string>();
  const reconciled = new Map<string, string | undefined>();
  let wake = (): void => undefined;
  const controller = createController({
    name: 'test',
    concurrency: WORKERS,
    clock,
    backoff: { firstMs: 10, maxMs: 200 },
    reconcile: async (key, { signal }) => {
      assert.equal(inWork.has(key), false, `${key} is handled twice at once`);
      inWork.add(key);
      try {
        const version = informer.get(key)?.metadata.resourceVersion;
        const [, name = ''] = key.split('/');
        await client.get(configMaps, { namespace, name }, { signal });
        reconciled.set(key, version);
        return done;
      } finally {
        inWork.delete(key);
      }
    },
    observe: { reconciled: () => wake() },
  });
  informer.onChange(({ object }) => {
    controller.enqueue(keyOf(object));
    wake();
  });
  informer.start(stop.signal);
  const running = controller.run(stop.signal);

  // Some before the first list is read, the others while the watch comes and goes.
  const early = Math.floor(writes.length / 4);
  for (const [round, one] of writes.entries()) {
    if (round === early) await informer.synced;
    await write(namespace, one, round + 1);
  }
  const onServer = versions((await direct.list(configMaps, { namespace })).items);
  const isThere = (): boolean =>
    isEqual(versions(informer.list()), onServer) &&
    controller.idle() &&
    [...onServer].every(([key, version]) => reconciled.get(key) === version) &&
    [...reconciled].every(([key, version]) => onServer.has(key) || version === undefined);
  const giveUpAtMs = clock.monotonicMs() + 40_000;
  while (!isThere()) {
    assert.ok(
      clock.monotonicMs() < giveUpAtMs,
      `not converged: ${JSON.stringify([[...onServer], [...versions(informer.list())], [...reconciled], controller.idle()])}`,
    );
    // A reconcile reports just before its key is done, hence the turn of the clock besides the waking.
    await new Promise<void>((resolve) => {
      const cancel = clock.schedule(50, resolve);
      wake = () => {
        cancel();
        clock.schedule(1, resolve);
      };
    });
  }

  stop.abort();
  await running;
  await client.close();
  proxy.script([]);
  proxy.dropConnections();
  assert.ok(Math.max(peakBefore, proxy.connections.peak) <= MAX_CONNECTIONS, `${proxy.connections.peak} connections at once`);
  obeysRetryAfter(proxy.requests.slice(firstRequest));
};

/** No list, watch or read of the same path comes sooner after a refusal than the refusal allowed. */
const obeysRetryAfter = (requests: FaultProxy['requests']): void => {
  for (const [at, request] of requests.entries()) {
    const { fault } = request;
    if (fault?.kind !== 'answer' || !('retryAfterSeconds' in fault) || request.status !== fault.code) continue;
    const [path] = request.path.split('?');
    const next = requests.slice(at + 1).find((other) => other.path.split('?')[0] === path);
    if (next === undefined) continue;
    assert.ok(
      next.atMs - request.atMs >= fault.retryAfterSeconds * 1000,
      `${request.path} came again after ${next.atMs - request.atMs} ms`,
    );
  }
};

describe('an informer and its controller', () => {
  it('end up where the server is when nothing goes wrong', async () => {
    await converge(
      [],
      [
        { kind: 'put', name: 'd' },
        { kind: 'delete', name: 'a' },
        { kind: 'put', name: 'b' },
      ],
    );
  });

  const known: readonly (readonly [string, readonly FaultRule[]])[] = [
    [
      'the watch is cut in the middle of an event',
      [{ match: { watch: true }, fault: { kind: 'cut-event', event: 1, bytes: 40, how: 'reset' } }],
    ],
    [
      'the watch ends in good order in the middle of an event',
      [{ match: { watch: true }, count: 2, fault: { kind: 'cut-event', event: 1, bytes: 40, how: 'end' } }],
    ],
    [
      'the version is gone',
      [
        { match: { watch: true }, fault: { kind: 'gone-event', afterEvents: 1 } },
        { match: { watch: true }, from: 2, fault: { kind: 'answer', code: 410 } },
      ],
    ],
    ['the continue token has expired', [{ match: { path: 'continue=' }, count: 3, fault: { kind: 'answer', code: 410 } }]],
    ['the watch goes silent', [{ match: { watch: true }, count: 2, fault: { kind: 'half-open', afterBytes: 0 } }]],
    ['the watch is never answered', [{ match: { watch: true }, fault: { kind: 'stall' } }]],
    ['the server is busy', [{ count: 3, fault: { kind: 'answer', code: 429, retryAfterSeconds: 1 } }]],
    ['every first connection is reset', [{ count: 5, fault: { kind: 'reset' } }]],
  ];
  for (const [what, script] of known) {
    it(`end up where the server is when ${what}`, async () => {
      await converge(script, [
        { kind: 'put', name: 'a' },
        { kind: 'delete', name: 'b' },
        // In the gap that the faults leave: only a list can tell of it.
        { kind: 'delete', name: 'c' },
        { kind: 'put', name: 'd' },
        { kind: 'delete', name: 'a' },
        { kind: 'put', name: 'a' },
      ]);
    });
  }

  it('end up where the server is after any script of faults', async () => {
    const writes = fc.array(
      fc.record({
        kind: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
        name: fc.constantFrom('a', 'b', 'c', 'd', 'constructor'),
      }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(anyFaultScript({ silent: true, maxRules: 6 }), writes, (script, changes) => converge(script, changes)),
      {
        numRuns: Number(process.env['WRIT_FAULT_RUNS'] ?? 8),
        seed: Number(process.env['WRIT_FAULT_SEED'] ?? 20_261_122),
        endOnFailure: true,
      },
    );
  });

  it('survive a restart of the API server', async () => {
    const restart = plane.restartApiServer({ signal: 'SIGKILL' });
    await restart;
    await converge([], [{ kind: 'put', name: 'z' }]);
  });
});
