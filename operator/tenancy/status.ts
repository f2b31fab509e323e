// SPDX-License-Identifier: Apache-2.0
// What a Tenant says of itself: the only place where its status is written, and at most once a reconcile.
import { conditionReason } from '../../crds/conditions.ts';
import { tenants } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { regardingOf } from '../../kube/events.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import { unsealedOf } from '../../policies/tenant-standing.ts';
import type { Unsealed } from '../../policies/tenant-standing.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveTenant } from '../controllers/live.ts';
import type { SubscriptionStatus } from '../controllers/subscriptions.ts';
import type { TenancyMemory } from './recent.ts';

/** As many as a Tenant can list: whatever was ours is known again by its uid. */
const STATUS_NAMESPACES_MAX = 256;
/** Why a Tenant is not ready that only waits for the first count of a quota over its namespaces. */
export const COUNTING = 'Counting';
/** What people read of a long list. */
const NAMED_MAX = 5;

export type Progress = {
  /** Namespaces that are the tenant's, and whether all that is declared for them is there. */
  readonly namespaces: readonly { readonly object: KubeObject; readonly ready: boolean }[];
  /** What keeps namespaces and what is in them from being as declared. */
  readonly problems: readonly Problem[];
  /** What passes by itself, for people. */
  readonly waiting: readonly string[];
  /** Namespaces that carry the label and that the spec names no more. */
  readonly released: readonly string[];
  /** Something is left in a namespace that another tenant is about to bound. */
  readonly handedOver: boolean;
};

export type Report = Progress & {
  readonly tenant: LiveTenant;
  /** Problems of other fields, which concern no namespace. */
  readonly others: readonly Problem[];
  readonly subscribed: SubscriptionStatus;
  readonly network: ConditionInput;
  readonly entitled: ConditionInput;
  /** What is taken beyond a summed quota. */
  readonly exceeded: readonly string[];
  /** There is to be a ledger of what its objects take together, and none yet. */
  readonly counting: boolean;
};

const listed = (names: readonly string[]): string =>
  names.length <= NAMED_MAX ? names.join(', ') : `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`;

const linesOf = (problems: readonly Problem[]): string =>
  problems.map((problem) => `${problem.code}: ${problem.path ?? ''}: ${problem.message}`).join('; ');

type State = Omit<ConditionInput, 'type'>;

const stateOf = (problems: readonly Problem[], waiting: readonly string[], good: string): State => {
  const [first] = problems;
  if (first !== undefined) return { status: 'False', reason: conditionReason(first.code), message: linesOf(problems) };
  if (waiting.length > 0) return { status: 'False', reason: 'Progressing', message: waiting.join('; ') };
  return { status: 'True', reason: 'Succeeded', message: good };
};

/** What the status says of the namespaces. */
export const namespacesStatus = (made: Progress['namespaces']): NonNullable<LiveTenant['status']> => ({
  namespaceCount: made.length,
  namespaces: made
    .toSorted((a, b) => (a.object.metadata.name < b.object.metadata.name ? -1 : 1))
    .slice(0, STATUS_NAMESPACES_MAX)
    .map(({ object: { metadata }, ready }) => ({
      name: metadata.name,
      ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
      ready,
    })),
});

const admissionCondition = ({ spec }: LiveTenant): readonly ConditionInput[] => {
  if (spec.admission === 'Cordoned')
    return [{ type: 'Cordoned', status: 'True', reason: 'Cordoned', message: 'no new workloads are admitted' }];
  if (spec.admission !== 'Quarantined') return [];
  const message = 'agents are denied; data is kept and the tenant cannot be deleted';
  return [{ type: 'Cordoned', status: 'True', reason: 'Quarantined', message }];
};

const unsealedCondition = ({ problem }: Unsealed): ConditionInput => ({
  type: 'Sealed',
  status: 'False',
  reason: conditionReason(problem.code),
  message: formatProblem(problem),
});

/** The conditions, `Ready` first. Pure. */
const conditionsOf = (report: Report): readonly ConditionInput[] => {
  const { problems, waiting, released, others, subscribed, exceeded } = report;
  const unsealed = unsealedOf(report.tenant);
  const kept = released.length === 0 ? '' : `; let go and still governed: ${listed(released)}`;
  const good = `${report.namespaces.length === 1 ? 'one namespace' : `${report.namespaces.length} namespaces`}${kept}`;
  const all = [...problems, ...others, ...subscribed.problems];
  const settled = stateOf(all, waiting, good);
  const ready =
    report.counting && settled.status === 'True'
      ? ({ status: 'False', reason: COUNTING, message: 'what its objects take together is being counted' } as const)
      : settled;
  return [
    { type: 'Ready', ...ready },
    { type: 'NamespacesReady', ...stateOf(problems, waiting, good) },
    ...(unsealed === undefined ? [] : [unsealedCondition(unsealed)]),
    report.network,
    report.entitled,
    ...(subscribed.asked > 0
      ? [{ type: 'RulesetsReady', ...stateOf(subscribed.problems, [], `${subscribed.rulesets.length} rulesets`) } as const]
      : []),
    ...(exceeded.length > 0
      ? [
          {
            type: 'QuotaExceeded',
            status: 'True',
            reason: 'OverHard',
            message: `more is taken than the quota has: ${listed(exceeded)}`,
          } as const,
        ]
      : []),
    ...admissionCondition(report.tenant),
    ...(all.length > 0 ? [{ type: 'Stalled', ...ready, status: 'True' } as const] : []),
    ...(all.length === 0 && ready.status === 'False' ? [{ type: 'Reconciling', ...ready, status: 'True' } as const] : []),
  ];
};

/** What the status said of the namespaces, where they are not looked at: a namespace is known again by it. `billing` is another writer's. */
export const keptStatus = ({
  status,
}: LiveTenant): Omit<NonNullable<LiveTenant['status']>, 'conditions' | 'observedGeneration' | 'billing'> => {
  const { conditions: _conditions, observedGeneration: _generation, billing: _billing, ...kept } = status ?? {};
  return kept;
};

export type StatusDeps = {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly memory: TenancyMemory;
};

/** Written where it says something new; one event with it. */
export const writeStatus = async (
  deps: StatusDeps,
  tenant: LiveTenant,
  status: { readonly conditions: readonly ConditionInput[] } & Omit<NonNullable<LiveTenant['status']>, 'conditions' | 'observedGeneration'>,
): Promise<void> => {
  const { written, object } = await applyStatus(deps.client, {
    resource: tenants,
    object: tenant,
    clock: deps.clock,
    status: { observedGeneration: tenant.metadata.generation, ...status },
  });
  if (!written) return;
  deps.memory.tenants.written(tenant.metadata.name, object);
  const [ready] = status.conditions;
  if (ready === undefined) return;
  await deps.recorder.record({
    regarding: regardingOf(tenants, tenant),
    type: ready.status === 'True' ? 'Normal' : 'Warning',
    reason: ready.reason,
    note: ready.message,
    action: 'MakeTenant',
  });
};

export const reportTenant = (deps: StatusDeps, report: Report): Promise<void> =>
  writeStatus(deps, report.tenant, {
    ...namespacesStatus(report.namespaces),
    ...(report.subscribed.asked > 0 ? { rulesets: report.subscribed.rulesets } : {}),
    conditions: conditionsOf(report),
  });
