// SPDX-License-Identifier: Apache-2.0
// All that the webhook does for a review behind its server: decision, record, metrics, and receipts where they are asked for.
import { compilePolicies } from '../../policies/compile/index.ts';
import { writeHeader } from '../../policies/receipts/lines.ts';
import { systemClock as clock } from '../../process/clock.ts';
import { handleReview } from '../../webhook/admission/index.ts';
import type { ReviewDeps, Reviewed } from '../../webhook/admission/index.ts';
import { createReceipts } from '../../webhook/decisions/receipts.ts';
import type { Receipts } from '../../webhook/decisions/receipts.ts';
import { createRecorder } from '../../webhook/decisions/recorder.ts';
import { replicaKey } from '../../webhook/decisions/replica-key.ts';
import { createDecisionSink } from '../../webhook/decisions/sink.ts';
import { openSpool } from '../../webhook/decisions/spool.ts';
import { countRequest, countReview, createWebhookMetrics } from '../../webhook/metrics.ts';
import type { ValidateOptions } from '../../webhook/server/validate.ts';
import { loadPolicies, writPolicy } from './agent-policies.ts';

const fail = (error: unknown): void => console.error(error);

/** As the process makes them by default, but by number alone: a round of whole batches then waits for no time to pass. */
export const receiptsInFolder = async (folder: string): Promise<Receipts> => {
  const key = await replicaKey(undefined);
  const header = writeHeader({ replica: 'bench', key: key.publicKey });
  const spool = await openSpool({ folder, header, maxBytes: 2 ** 26, onRemoved: () => undefined });
  const told = { onSealed: () => undefined, onLost: (records: number) => fail(`${records} records got no receipt`), onError: fail };
  return createReceipts({ spool, key, replica: 'bench', clock, batchMs: 600_000, batchSize: 1024, ...told });
};

/** With everything that the process does for a review: decision, record to a file, metrics. */
export const createHandler = async (count: number, receipts?: Receipts): Promise<ValidateOptions['handle']> => {
  // All of them match and all let the review pass: the dearest case for the number of policies.
  const documents = loadPolicies(count).map((policy) => ({ policy: writPolicy(policy, ['acme']), digest: `sha256:${policy.index}` }));
  const { set, refused } = compilePolicies(documents);
  if (refused.length > 0) throw new Error(JSON.stringify(refused[0]));
  const namespace = { metadata: { name: 'team', labels: { 'writ.dev/tenant': 'acme' } } };
  const enforced = {
    closed: undefined,
    set,
    trustDigest: 'sha256:t',
    revisions: { 'writ-system/load': 'main@sha1:1' },
    signers: new Map(),
    expired: [],
    flippedAtMs: 0,
  };
  const deps: ReviewDeps = {
    enforced: () => enforced,
    namespaces: { get: () => namespace, arrival: async () => namespace },
    tenantOf: () => ({ metadata: { name: 'acme' }, spec: { tier: 'Free' } }),
    systemNamespace: 'writ-system',
    namespaceWaitMs: 1000,
    clock,
  };
  const metrics = createWebhookMetrics();
  const sink = await createDecisionSink({ file: '/dev/null', clock, flushMs: 0, onError: (error) => console.error(error) });
  const recorder = createRecorder({
    clock,
    handOn: (record) => {
      const text = sink.record(record);
      receipts?.add(text);
    },
    onBug: fail,
  });
  const finish = (reviewed: Reviewed, startedMs: number): Reviewed => {
    countRequest(metrics, { route: 'validate', outcome: reviewed.outcome, tier: 'Free', durationMs: clock.monotonicMs() - startedMs });
    countReview(metrics, reviewed);
    if (reviewed.record !== undefined) recorder.record(reviewed.record);
    return reviewed;
  };
  return (text) => {
    const startedMs = clock.monotonicMs();
    const reviewed = handleReview(text, deps);
    return reviewed instanceof Promise ? reviewed.then((late) => finish(late, startedMs)) : finish(reviewed, startedMs);
  };
};
