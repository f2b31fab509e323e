// SPDX-License-Identifier: Apache-2.0
/**
 * A Ruleset's status: is it genuine with all of its members, has it what it requires, do all replicas enforce it, whom does
 * it bind.
 *
 * In: the live object, what the book says of it and of the other rulesets, the replicas' reports, inventories and tenants.
 * Out: conditions, digest, revision and counts; an event at each change of Ready. It never touches spec or signature.
 */
import { conditionReason } from '../../crds/conditions.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { rulesets } from '../../crds/kinds.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Informer } from '../../kube/informer.ts';
import { after, done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { closingProblem, isClosed } from '../../policies/policy-object.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import { fitsRange } from '../../policies/ruleset/range.ts';
import { unmetRequirements } from '../../policies/ruleset/requires.ts';
import type { Clock } from '../../process/clock.ts';
import { anyDifference } from '../../policies/document/difference.ts';
import type { LiveRuleset, LiveTenant } from './live.ts';
import type { PolicyBook } from './policy-book.ts';
import { tellReady } from './ready-event.ts';
import { doneBy, nextLookMs, revisionOf, specVerdict, waitingVerdict } from './sealed-status.ts';
import type { Verdict } from './sealed-status.ts';

export type RulesetDeps = {
  readonly client: KubeClient;
  readonly informer: Informer<LiveRuleset>;
  readonly book: Pick<PolicyBook, 'judge' | 'prepare' | 'releases'>;
  readonly replicas: () => readonly ReplicaReport[];
  readonly inventories: () => readonly Inventory[];
  readonly tenants: () => readonly LiveTenant[];
  readonly recorder: EventRecorder;
  readonly clock: Clock;
};

export type RulesetFacts = {
  readonly replicas: readonly ReplicaReport[];
  /** What it lacks of other rulesets. */
  readonly unmet: readonly Problem[];
  readonly tenants: readonly LiveTenant[];
  readonly nowMs: number;
};

const MEMBER_SEALS: ReadonlySet<string> = new Set([
  'RULESET_MEMBER_MISSING',
  'RULESET_MEMBER_DIGEST',
  'RULESET_MEMBER_EXTRA',
  'RULESET_MEMBER_DUPLICATE',
]);

const stalled = (reason: string, message: string, others: readonly ConditionInput[]): Verdict => ({
  ready: { type: 'Ready', status: 'False', reason, message },
  others: [...others, { type: 'Stalled', status: 'True', reason, message }],
});

const verifiedBy = (signers: readonly string[]): ConditionInput => ({
  type: 'Verified',
  status: 'True',
  reason: 'Verified',
  message: `sealed by ${signers.join(', ')}, with all members`,
});

const dependencies = (unmet: readonly Problem[]): ConditionInput => {
  const [first] = unmet;
  const type = 'DependenciesMet';
  if (first === undefined) return { type, status: 'True', reason: 'Met', message: 'all that it requires is there' };
  return { type, status: 'False', reason: conditionReason(first.code), message: unmet.map((problem) => formatProblem(problem)).join('; ') };
};

const refusedVerdict = ({ problem, signed }: Extract<Judged, { ok: false }>, name: string, { replicas }: RulesetFacts): Verdict => {
  const standing = replicas.filter(({ rulesets: held = {} }) => Object.hasOwn(held, name)).length;
  const message = `${formatProblem(problem)}${standing === 0 ? '' : `; ${standing} replicas still enforce the last verified release`}`;
  const reason = conditionReason(problem.code);
  // The document's own seal is good where only its members are not.
  const isSealed = signed !== undefined && !MEMBER_SEALS.has(problem.code);
  return stalled(reason, message, [isSealed ? verifiedBy(signed.signers) : { type: 'Verified', status: 'False', reason, message }]);
};

const subscribers = (name: string, tenants: readonly LiveTenant[]) =>
  tenants.flatMap(({ metadata, spec }) =>
    (spec.rulesets ?? []).flatMap((one) => (one.name === name ? [{ tenant: metadata.name, release: one.release }] : [])),
  );

const unfitting = ({ name, ruleset }: PolicyDocument, tenants: readonly LiveTenant[]): string => {
  const others = subscribers(name, tenants).filter(({ release }) => !fitsRange(ruleset?.spec.release, release));
  return others.length === 0
    ? ''
    : `; ${others.length} tenants expect another release, first ${others[0]?.tenant ?? ''}, and are bound all the same`;
};

const releaseVerdict = (object: LiveRuleset, document: PolicyDocument, { replicas, unmet, tenants, nowMs }: RulesetFacts): Verdict => {
  const { name, digest, signers, ruleset, retired, version } = document;
  const good = [verifiedBy(signers), dependencies(unmet)];
  const enforced = replicas.filter(({ rulesets: held = {} }) => Object.hasOwn(held, name) && held[name] === digest).length;
  const byReplicas = doneBy(enforced, replicas);
  const title = ruleset?.spec.release === undefined ? `version ${version}` : `release ${ruleset.spec.release}`;
  if (isClosed(document, nowMs)) {
    const problem = closingProblem(document);
    const message = formatProblem({ ...problem, message: `${problem.message}; ${byReplicas('close what its members match')}` });
    const reason = conditionReason(problem.code);
    const sealed =
      document.withdrawn === undefined ? verifiedBy(signers) : ({ type: 'Verified', status: 'False', reason, message } as const);
    return stalled(reason, message, [sealed, dependencies(unmet)]);
  }
  const spec = ruleset?.spec;
  const edited = specVerdict(anyDifference(spec, object.spec, 'spec'), good);
  if (edited !== undefined) return edited;
  const [lacking] = unmet;
  if (lacking !== undefined)
    return stalled(conditionReason(lacking.code), `${formatProblem(lacking)}; ${byReplicas(`enforce ${title}`)}`, good);
  const message = retired
    ? byReplicas(`know that version ${version} ends it`)
    : `${byReplicas(`enforce ${title}`)}${unfitting(document, tenants)}`;
  if (replicas.length > 0 && enforced === replicas.length)
    return { ready: { type: 'Ready', status: 'True', reason: retired ? 'Retired' : 'Enforced', message }, others: good };
  const refusals = replicas.map(({ refusedRulesets = {} }) => refusedRulesets);
  return waitingVerdict({ name, refusals, reason: 'NotEnforced', message, others: good });
};

export const rulesetVerdict = (object: LiveRuleset, judged: Judged, facts: RulesetFacts): Verdict =>
  judged.ok ? releaseVerdict(object, judged.document, facts) : refusedVerdict(judged, object.metadata.name, facts);

export const reconcileRuleset = async (deps: RulesetDeps, name: string): Promise<Outcome> => {
  const object = deps.informer.get(name);
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return done;
  await deps.book.prepare([object]);
  const judged = deps.book.judge(object);
  const signed = judged.ok ? judged.document : judged.signed;
  const nowMs = deps.clock.now();
  const tenants = deps.tenants();
  const unmet = unmetRequirements(deps.book.releases()).get(name) ?? [];
  const { ready, others } = rulesetVerdict(object, judged, { replicas: deps.replicas(), unmet, tenants, nowMs });
  const revision = revisionOf('Ruleset', object, { digest: signed?.digest, inventories: deps.inventories() });
  const { written } = await applyStatus(deps.client, {
    resource: rulesets,
    object,
    clock: deps.clock,
    status: {
      observedGeneration: object.metadata.generation,
      ...(signed === undefined ? {} : { digest: signed.digest }),
      ...(revision === undefined ? {} : { revision }),
      policies: judged.ok ? judged.document.compiled.length : 0,
      tenants: subscribers(name, tenants).length,
      conditions: [ready, ...others],
    },
  });
  if (written) await tellReady(deps.recorder, { resource: rulesets, object, verdict: { ready, others } });
  const againMs = nextLookMs(judged, nowMs);
  return againMs === undefined ? done : after(againMs);
};
