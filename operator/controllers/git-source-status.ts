// SPDX-License-Identifier: Apache-2.0
// What people are told of a GitSource: the one place that writes its status and its events.
import { conditionReason } from '../../crds/conditions.ts';
import { inventoryName } from '../../crds/inventory.ts';
import { REQUESTED_AT_ANNOTATION, gitSources } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { regardingOf } from '../../kube/events.ts';
import { keyOf } from '../../kube/objects.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import type { ReceiverState } from './git-source-inputs.ts';
import type { LiveGitSource } from './live.ts';

/** How far the commit came; each stage is a condition, and those after the failing one are left out. */
export type Stage = 'Fetched' | 'Verified' | 'Applied';
const STAGES: readonly Stage[] = ['Fetched', 'Verified', 'Applied'];

export type SyncFacts = {
  readonly receiver: ReceiverState;
  /** The commit looked at, where there is one. */
  readonly revision?: string | undefined;
} & (
  | { readonly kind: 'failed'; readonly stage: Stage; readonly problems: readonly Problem[]; readonly transient: boolean }
  | {
      readonly kind: 'applied';
      readonly revision: string;
      readonly documents: number;
      readonly drifted: readonly string[];
      readonly kept: readonly string[];
    }
);

type Deps = { readonly client: KubeClient; readonly recorder: EventRecorder; readonly clock: Clock };

const SHOWN_PROBLEMS = 3;

const describeProblems = (problems: readonly Problem[]): string => {
  const shown = problems.slice(0, SHOWN_PROBLEMS).map(formatProblem).join('; ');
  return problems.length > SHOWN_PROBLEMS ? `${shown}; and ${problems.length - SHOWN_PROBLEMS} more` : shown;
};

const failedConditions = (facts: Extract<SyncFacts, { kind: 'failed' }>): readonly ConditionInput[] => {
  const message = describeProblems(facts.problems);
  const reason = conditionReason(facts.problems[0]?.code ?? 'Failed');
  const failing = STAGES.indexOf(facts.stage);
  const passed = STAGES.slice(0, failing).map((type): ConditionInput => ({
    type,
    status: 'True',
    reason: 'Succeeded',
    message: facts.revision ?? '',
  }));
  return [
    { type: 'Ready', status: 'False', reason, message },
    ...passed,
    { type: facts.stage, status: 'False', reason, message },
    // Stalled: a person must act. What may pass by itself is still being reconciled.
    { type: facts.transient ? 'Reconciling' : 'Stalled', status: 'True', reason, message },
  ];
};

const appliedConditions = (facts: Extract<SyncFacts, { kind: 'applied' }>): readonly ConditionInput[] => {
  const kept = facts.kept.length === 0 ? '' : `; kept though gone from the tree: ${facts.kept.join(', ')}`;
  const hook = facts.receiver.problem === undefined ? '' : `; no receiver: ${formatProblem(facts.receiver.problem)}`;
  const message = `applied ${facts.revision}, ${facts.documents} documents${kept}${hook}`;
  const drift = facts.drifted.join(', ');
  return [
    { type: 'Ready', status: 'True', reason: 'Succeeded', message },
    ...STAGES.map((type): ConditionInput => ({ type, status: 'True', reason: 'Succeeded', message: facts.revision })),
    ...(drift === '' ? [] : [{ type: 'Drifted', status: 'True', reason: 'DriftDetected', message: drift } as const]),
  ];
};

export const reportSync = async (deps: Deps, source: LiveGitSource, facts: SyncFacts): Promise<void> => {
  const { metadata, status = {} } = source;
  const handled = metadata.annotations?.[REQUESTED_AT_ANNOTATION] ?? status.lastHandledReconcileAt;
  const conditions = facts.kind === 'failed' ? failedConditions(facts) : appliedConditions(facts);
  const applied = facts.kind === 'applied' ? facts.revision : status.lastAppliedRevision;
  const attempted = facts.revision ?? status.lastAttemptedRevision;
  const { written } = await applyStatus(deps.client, {
    resource: gitSources,
    object: source,
    clock: deps.clock,
    status: {
      observedGeneration: metadata.generation,
      ...(attempted === undefined ? {} : { revision: attempted, lastAttemptedRevision: attempted }),
      ...(applied === undefined ? {} : { lastAppliedRevision: applied, inventoryRef: { name: inventoryName(keyOf(source)) } }),
      ...(handled === undefined ? {} : { lastHandledReconcileAt: handled }),
      ...(facts.receiver.path === undefined ? {} : { receiverPath: facts.receiver.path }),
      conditions,
    },
  });
  const ready = conditions[0];
  if (!written || ready === undefined) return;
  await deps.recorder.record({
    regarding: regardingOf(gitSources, source),
    type: ready.status === 'True' ? 'Normal' : 'Warning',
    reason: ready.reason,
    note: ready.message,
    action: 'Sync',
  });
};

/** Once: what was applied stays enforced, and whether it is what the remote says is not looked at, so nobody can tell. */
export const reportSuspended = async (deps: Deps, source: LiveGitSource): Promise<void> => {
  const { conditions: _conditions, ...kept } = source.status ?? {};
  const applied = kept.lastAppliedRevision;
  const message = `spec.suspend is true: the remote is not followed; ${applied === undefined ? 'nothing was applied yet' : `${applied} stays applied`}`;
  const ready: ConditionInput = { type: 'Ready', status: 'Unknown', reason: 'Suspended', message };
  const { written } = await applyStatus(deps.client, {
    resource: gitSources,
    object: source,
    clock: deps.clock,
    status: { ...kept, observedGeneration: source.metadata.generation, conditions: [ready] },
  });
  if (!written) return;
  const regarding = regardingOf(gitSources, source);
  await deps.recorder.record({ regarding, type: 'Normal', reason: ready.reason, note: message, action: 'Suspend' });
};
