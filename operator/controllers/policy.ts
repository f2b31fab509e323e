// SPDX-License-Identifier: Apache-2.0
/**
 * A Policy's status: is it genuine, does it compile, do all replicas enforce it.
 *
 * In: the live object, what the book says of it, the replicas' reports, the inventories. Out: conditions, digest, signers,
 * revision, enforcedReplicas; an event at each change of Ready. It never touches spec or signature.
 */
import { conditionReason } from '../../crds/conditions.ts';
import { policies } from '../../crds/kinds.ts';
import type { Inventory } from '../../crds/inventory.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { regardingOf } from '../../kube/events.ts';
import type { Informer } from '../../kube/informer.ts';
import { after, done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { closingProblem, holdsGlassBroken, isClosed } from '../../policies/policy-object.ts';
import type { Judged, PolicyDocument, SignedPolicy } from '../../policies/policy-object.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { anyDifference } from '../../policies/document/difference.ts';
import type { LivePolicy } from './live.ts';
import type { PolicyBook } from './policy-book.ts';
import { tellReady } from './ready-event.ts';
import { enforcing } from './replicas.ts';
import { doneBy, expiringCondition, nextLookMs, revisionOf, specVerdict, waitingVerdict } from './sealed-status.ts';
import type { Verdict } from './sealed-status.ts';

export type PolicyDeps = {
  readonly client: KubeClient;
  readonly informer: Pick<Informer<LivePolicy>, 'get'>;
  readonly book: Pick<PolicyBook, 'judge' | 'prepare'>;
  readonly replicas: () => readonly ReplicaReport[];
  readonly inventories: () => readonly Inventory[];
  readonly recorder: EventRecorder;
  readonly clock: Clock;
};

type PolicyVerdict = Verdict & { readonly enforced: number };

export const reconcilePolicy = async (deps: PolicyDeps, name: string): Promise<Outcome> => {
  const object = deps.informer.get(name);
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return done;
  await deps.book.prepare([object]);
  const judged = deps.book.judge(object);
  const signed = judged.ok ? judged.document : judged.signed;
  const replicas = deps.replicas();
  const nowMs = deps.clock.now();
  const verdict = verdictOf(object, judged, { replicas, nowMs });
  const expiring = judged.ok ? expiringCondition(judged.document, nowMs, 'what it matches is closed') : undefined;
  const revision = revisionOf('Policy', object, { digest: signed?.digest, inventories: deps.inventories() });
  const { written } = await applyStatus(deps.client, {
    resource: policies,
    object,
    clock: deps.clock,
    status: {
      observedGeneration: object.metadata.generation,
      ...(signed === undefined ? {} : { digest: signed.digest, signers: signed.signers }),
      ...(revision === undefined ? {} : { revision }),
      enforcedReplicas: verdict.enforced,
      replicas: replicas.length,
      conditions: [verdict.ready, ...verdict.others, ...(expiring === undefined ? [] : [expiring])],
    },
  });
  if (written) await tellReady(deps.recorder, { resource: policies, object, verdict });
  const told = object.status?.conditions?.find(({ type }) => type === 'Expiring')?.reason;
  if (expiring !== undefined && expiring.reason !== told) {
    const { reason, message: note } = expiring;
    await deps.recorder.record({ regarding: regardingOf(policies, object), type: 'Warning', reason, note, action: 'Expire' });
  }
  const againMs = nextLookMs(judged, nowMs);
  return againMs === undefined ? done : after(againMs);
};

type Facts = { readonly replicas: readonly ReplicaReport[]; readonly nowMs: number };

const verdictOf = (object: LivePolicy, judged: Judged, { replicas, nowMs }: Facts): PolicyVerdict => {
  if (!judged.ok) return refusedVerdict(judged, replicas, object.metadata.name);
  const { document } = judged;
  if (isClosed(document, nowMs)) return closedVerdict(document, replicas);
  return document.unsigned === true ? unsignedVerdict(document, replicas) : enforcementVerdict(object, document, { replicas, nowMs });
};

const verifiedBy = (signers: readonly string[]): ConditionInput => ({
  type: 'Verified',
  status: 'True',
  reason: 'Verified',
  message: `sealed by ${signers.join(', ')}`,
});
const COMPILED: ConditionInput = { type: 'Compiled', status: 'True', reason: 'Compiled', message: 'every expression compiles' };

/** Not good and not gone: replicas close what it matches until a newer version comes. */
const closedVerdict = (document: SignedPolicy, replicas: readonly ReplicaReport[]): PolicyVerdict => {
  const { name, digest, signers, withdrawn, unsigned } = document;
  const closing = enforcing(replicas, name, digest);
  const { code, message: why, hint } = closingProblem(document);
  const told = { code, message: `${why}; ${doneBy(closing, replicas)('close what it matches')}` };
  const failed = { reason: conditionReason(code), message: formatProblem(hint === undefined ? told : { ...told, hint }) };
  const verified: ConditionInput =
    withdrawn === undefined && unsigned !== true ? verifiedBy(signers) : { type: 'Verified', status: 'False', ...failed };
  return {
    ready: { type: 'Ready', status: 'False', ...failed },
    others: [verified, COMPILED, { type: 'Stalled', status: 'True', ...failed }],
    enforced: closing,
  };
};

/** It does not do what it says, and nobody has to act: whoever wants it enforced seals it. */
const unsignedVerdict = ({ name, digest }: SignedPolicy, replicas: readonly ReplicaReport[]): PolicyVerdict => {
  const enforced = enforcing(replicas, name, digest);
  const reason = 'UnsignedAudit';
  const message = `it has no seal: ${doneBy(enforced, replicas)('note what it would refuse, and refuse nothing by it')}; seal it with \`writ sign\``;
  const told = { status: 'False', reason, message } as const;
  return { ready: { type: 'Ready', ...told }, others: [{ type: 'Verified', ...told }, COMPILED], enforced };
};

type Refused = Extract<Judged, { ok: false }>;

const refusedVerdict = ({ problem, signed }: Refused, replicas: readonly ReplicaReport[], name: string): PolicyVerdict => {
  const standing = replicas.filter((report) => Object.hasOwn(report.policies, name)).length;
  const message = `${formatProblem(problem)}${standing === 0 ? '' : `; ${standing} replicas still enforce the last verified document`}`;
  // Whoever sealed it sees that the seal is not what is wrong.
  const reason = signed === undefined ? conditionReason(problem.code) : 'CompileFailed';
  const failed = { status: 'False', reason, message } as const;
  const stages: readonly ConditionInput[] =
    signed === undefined ? [{ type: 'Verified', ...failed }] : [verifiedBy(signed.signers), { type: 'Compiled', ...failed }];
  return {
    ready: { type: 'Ready', ...failed },
    others: [...stages, { type: 'Stalled', status: 'True', reason, message }],
    enforced: 0,
  };
};

/** What a policy that is followed by all replicas does. */
const followed = (document: PolicyDocument, nowMs: number, message: string): Pick<ConditionInput, 'reason' | 'message'> => {
  const { retired, version, breakGlass, expiresMs = 0 } = document;
  if (retired) return { reason: 'Retired', message: `retired by version ${version}; it matches nothing, and its object may go` };
  if (breakGlass === undefined) return { reason: 'Enforced', message };
  const [from, until] = [breakGlass.fromMs, expiresMs].map((ms) => new Date(ms).toISOString());
  const what = `${breakGlass.policies.join(', ')} from ${from} until ${until}: ${breakGlass.reason}`;
  if (holdsGlassBroken(document, nowMs)) return { reason: 'GlassBroken', message: `refuses nothing by ${what}` };
  return { reason: nowMs < breakGlass.fromMs ? 'GlassWhole' : 'GlassMended', message: `holds for ${what}` };
};

const enforcementVerdict = (object: LivePolicy, document: PolicyDocument, { replicas, nowMs }: Facts): PolicyVerdict => {
  const {
    name,
    digest,
    policies: [policy],
    signers,
  } = document;
  const good = [verifiedBy(signers), COMPILED];
  const enforced = enforcing(replicas, name, digest);
  const edited = specVerdict(anyDifference(policy?.spec, object.spec, 'spec'), good);
  if (edited !== undefined) return { ...edited, enforced };
  const message = doneBy(enforced, replicas)(`enforce ${digest.slice(0, 19)}`);
  if (replicas.length > 0 && enforced === replicas.length) {
    return { ready: { type: 'Ready', status: 'True', ...followed(document, nowMs, message) }, others: good, enforced };
  }
  const refusals = replicas.map(({ refused }) => refused);
  return { ...waitingVerdict({ name, refusals, reason: 'NotEnforced', message, others: good }), enforced };
};
