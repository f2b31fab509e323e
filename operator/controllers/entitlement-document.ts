// SPDX-License-Identifier: Apache-2.0
/**
 * The status of a TierCatalog, License or PriceBook: is it genuine, does it make sense, do all replicas go by it.
 *
 * In: the live object, what the book says of it, the replicas' reports, the inventories, which installation this is. Out:
 * conditions, digest, version, signers, revision; an event at each change of Ready. It never touches spec or signature.
 */
import { conditionReason } from '../../crds/conditions.ts';
import type { Inventory } from '../../crds/inventory.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { after, done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { documentKey } from '../../policies/currency/index.ts';
import { anyDifference } from '../../policies/document/difference.ts';
import { closingProblem, isClosed } from '../../policies/policy-object.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveEntitlement } from './live.ts';
import type { PolicyBook } from './policy-book.ts';
import { tellReady } from './ready-event.ts';
import { doneBy, expiringCondition, nextLookMs, revisionOf, specVerdict, waitingVerdict } from './sealed-status.ts';
import type { Verdict } from './sealed-status.ts';

export type EntitlementDocumentDeps = {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly objects: { get(name: string): LiveEntitlement | undefined };
  readonly book: Pick<PolicyBook, 'judge' | 'prepare'>;
  readonly replicas: () => readonly ReplicaReport[];
  readonly inventories: () => readonly Inventory[];
  /** metadata.uid of the namespace kube-system. */
  readonly installation: () => string | undefined;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
};

export type EntitlementFacts = {
  readonly replicas: readonly ReplicaReport[];
  readonly installation: string | undefined;
  readonly nowMs: number;
};

const verifiedBy = (signers: readonly string[]): ConditionInput => ({
  type: 'Verified',
  status: 'True',
  reason: 'Verified',
  message: `sealed by ${signers.join(', ')}`,
});

const stalled = (problem: Problem, others: readonly ConditionInput[]): Verdict => {
  const told = { reason: conditionReason(problem.code), message: formatProblem(problem) };
  return { ready: { type: 'Ready', status: 'False', ...told }, others: [...others, { type: 'Stalled', status: 'True', ...told }] };
};

const notVerified = ({ code, message }: Problem): ConditionInput => ({
  type: 'Verified',
  status: 'False',
  reason: conditionReason(code),
  message,
});

const refusedVerdict = ({ problem, signed }: Extract<Judged, { ok: false }>, key: string, { replicas }: EntitlementFacts): Verdict => {
  const standing = replicas.filter(({ entitlements = {} }) => Object.hasOwn(entitlements, key)).length;
  const kept = standing === 0 ? '' : `; ${standing} replicas go by the last verified document`;
  const told = { ...problem, message: `${problem.message}${kept}` };
  return stalled(told, [signed === undefined ? notVerified(told) : verifiedBy(signed.signers)]);
};

const foreign = ({ entitlement }: PolicyDocument, installation: string | undefined): Problem | undefined => {
  if (entitlement?.kind !== 'License' || installation === undefined) return undefined;
  const meant = entitlement.spec.installation;
  if (meant === undefined || meant === installation) return undefined;
  const message = `it is for installation ${meant}, this is ${installation}`;
  return { code: 'LICENSE_FOREIGN', message, path: 'spec.installation' };
};

const LATE = {
  TierCatalog: 'tenants are held to it until a newer version comes',
  License: 'it gives nothing any more',
  PriceBook: 'nothing new is rated by it',
} as const;

const goodVerdict = (object: LiveEntitlement, document: PolicyDocument, { replicas, installation, nowMs }: EntitlementFacts): Verdict => {
  const { kind, name, digest, version, signers, retired, withdrawn, entitlement } = document;
  const key = documentKey({ kind, name });
  if (isClosed(document, nowMs)) {
    const problem = closingProblem(document);
    const told = { ...problem, message: `${problem.message}; ${LATE[object.kind]}` };
    return stalled(told, [withdrawn === undefined ? verifiedBy(signers) : notVerified(told)]);
  }
  const good = [verifiedBy(signers)];
  const edited = specVerdict(anyDifference(entitlement?.spec, object.spec, 'spec'), good);
  if (edited !== undefined) return edited;
  const elsewhere = retired ? undefined : foreign(document, installation);
  if (elsewhere !== undefined) return stalled(elsewhere, good);
  const following = replicas.filter(({ entitlements = {} }) => Object.hasOwn(entitlements, key) && entitlements[key] === digest).length;
  const message = doneBy(following, replicas)(`go by version ${version}`);
  if (replicas.length > 0 && following === replicas.length) {
    const ready: ConditionInput = retired
      ? { type: 'Ready', status: 'True', reason: 'Retired', message: `retired by version ${version}; its object may go` }
      : { type: 'Ready', status: 'True', reason: 'InForce', message };
    return { ready, others: good };
  }
  const refusals = replicas.map(({ refusedEntitlements = {} }) => refusedEntitlements);
  return waitingVerdict({ name: key, refusals, reason: 'NotInForce', message, others: good });
};

export const entitlementVerdict = (object: LiveEntitlement, judged: Judged, facts: EntitlementFacts): Verdict =>
  judged.ok
    ? goodVerdict(object, judged.document, facts)
    : refusedVerdict(judged, documentKey({ kind: object.kind, name: object.metadata.name }), facts);

export const reconcileEntitlementDocument = async (deps: EntitlementDocumentDeps, name: string): Promise<Outcome> => {
  const { client, resource, clock, recorder } = deps;
  const object = deps.objects.get(name);
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return done;
  await deps.book.prepare([object]);
  const judged = deps.book.judge(object);
  const signed = judged.ok ? judged.document : judged.signed;
  const nowMs = clock.now();
  const { ready, others } = entitlementVerdict(object, judged, { replicas: deps.replicas(), installation: deps.installation(), nowMs });
  const then = object.kind === 'License' ? 'it gives nothing any more' : 'it is past its time';
  const expiring = judged.ok ? expiringCondition(judged.document, nowMs, then) : undefined;
  const revision = revisionOf(object.kind, object, { digest: signed?.digest, inventories: deps.inventories() });
  const { written } = await applyStatus(client, {
    resource,
    object,
    clock,
    status: {
      observedGeneration: object.metadata.generation,
      ...(signed === undefined ? {} : { digest: signed.digest, version: signed.version, signers: signed.signers }),
      ...(revision === undefined ? {} : { revision }),
      conditions: [ready, ...others, ...(expiring === undefined ? [] : [expiring])],
    },
  });
  if (written) await tellReady(recorder, { resource, object, verdict: { ready, others } });
  const againMs = nextLookMs(judged, nowMs);
  return againMs === undefined ? done : after(againMs);
};
