// SPDX-License-Identifier: Apache-2.0
/**
 * Whose seal counts, as far as the operator knows: the TrustPolicy `cluster`, believed at the digest that a flag pins or by a
 * chain of sealed versions from it.
 *
 * In: the live object, the marks, and what the audit log has. Out: the trust by which everything else is judged, and the object's
 * status. The trust of a process only moves forward, and begins at what the marks say was in force: an older version, or another of
 * the same, is told and not followed, and goes where the audit log has the newer one.
 */
import { TRUST_POLICY_NAME, trustPolicies } from '../../crds/kinds.ts';
import { conditionReason } from '../../crds/conditions.ts';
import { decodeMarks } from '../../crds/marks.ts';
import type { KubeClient } from '../../kube/client.ts';
import { regardingOf } from '../../kube/events.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { after, done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { REFUSAL_LASTS_MS } from '../../policies/trust/term.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import { atOnce } from '../../policies/steps.ts';
import { createTrustFollower, trustMarkIn } from '../../policies/trust/follow.ts';
import type { FollowOptions, FollowTrust, Followed, TrustMark } from '../../policies/trust/follow.ts';
import type { TrustSignature } from '../../policies/trust/load.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { rootConfirmedMs } from '../../policies/trust/root-age.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveTrustPolicy } from './live.ts';
import { restoreTrust } from './trust-restore.ts';

export type TrustState =
  | { readonly ok: true; readonly trust: Trust }
  /** `mark`: the newest version that was in force, as far as the cluster tells; nothing below it is to be followed. */
  | { readonly ok: false; readonly problem: Problem; readonly mark?: TrustMark | undefined };

export type TrustHolder = {
  /** What is in force. */
  current(): TrustState;
  /** What is wrong with the object that is there now, whatever is in force. */
  problem(): Problem | undefined;
  /** What proved that which is in force, whatever stands in the object now. */
  provenBy(): TrustSignature | undefined;
  /** What was in force, as the audit log has it: it is followed where it leads on from what is, and believed by its own seals. */
  recall(signature: TrustSignature): void;
  /** What is in force, where it was recalled and not brought by the object. */
  recalled(): TrustSignature | undefined;
};

export type TrustHolderDeps = FollowOptions & {
  readonly informer: { get(name: string): Parameters<FollowTrust>[0] };
  /** The marks of the cluster. */
  readonly marks: Pick<Informer<KubeObject>, 'list' | 'hasSynced'>;
  readonly clock: Pick<Clock, 'now'>;
};

const UNREAD: Problem = { code: 'TRUST_MISSING', message: 'the marks are not read yet, which say what trust policy was in force' };

/** One for the life of the process, so that it never goes back. */
export const createTrustHolder = ({ informer, marks, clock, ...options }: TrustHolderDeps): TrustHolder => {
  const follow = atOnce(createTrustFollower(options));
  const mark = (): TrustMark | undefined => trustMarkIn(marks.list().flatMap((object) => decodeMarks(object) ?? []));
  let hasFollowed = false;
  let recalled: { readonly signature: TrustSignature; readonly digest: string } | undefined;
  const look = (): Followed => {
    // Whoever starts has seen nothing: without the marks any version back to the pinned one would do.
    if (!hasFollowed && !marks.hasSynced()) return { trust: undefined, problem: UNREAD };
    const followed = follow(informer.get(TRUST_POLICY_NAME), clock.now(), hasFollowed ? undefined : mark());
    hasFollowed ||= followed.trust !== undefined;
    return followed;
  };
  return {
    current: () => {
      const { trust, problem } = look();
      if (trust !== undefined) return { ok: true, trust };
      const missing: Problem = { code: 'TRUST_MISSING', message: `there is no TrustPolicy ${TRUST_POLICY_NAME}` };
      return { ok: false, problem: problem ?? missing, mark: mark() };
    },
    problem: () => look().problem,
    provenBy: () => look().provenBy,
    recall: (signature) => {
      const before = look().trust;
      const { trust } = follow({ signature }, clock.now(), hasFollowed ? undefined : mark());
      if (trust === undefined || trust.digest === before?.digest) return;
      hasFollowed = true;
      recalled = { signature, digest: trust.digest };
    },
    recalled: () => {
      const { trust } = look();
      return trust !== undefined && trust.digest === recalled?.digest ? recalled.signature : undefined;
    },
  };
};

export type TrustPolicyDeps = {
  readonly client: KubeClient;
  readonly informer: Informer<LiveTrustPolicy>;
  readonly trust: TrustHolder;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  /** After how long a trusted root that nobody has looked after is told of; 0 = never. */
  readonly rootMaxAgeMs: number;
};

const DAY_MS = 24 * 3_600_000;

type RootLook = { readonly condition: ConditionInput | undefined; readonly againMs: number | undefined };

/** Timers hold no longer than some weeks. */
const lookAtRoot = (trust: Trust, nowMs: number, maxAgeMs: number): RootLook => {
  const confirmedMs = rootConfirmedMs(trust, nowMs);
  if (confirmedMs === undefined || maxAgeMs === 0) return { condition: undefined, againMs: undefined };
  const type = 'RootFresh';
  const since = new Date(confirmedMs).toISOString();
  if (nowMs - confirmedMs <= maxAgeMs) {
    const message = `it was last confirmed at ${since}`;
    return {
      condition: { type, status: 'True', reason: 'Confirmed', message },
      againMs: Math.min(confirmedMs + maxAgeMs - nowMs + 1, DAY_MS),
    };
  }
  const days = Math.floor(maxAgeMs / DAY_MS);
  const problem = {
    code: 'TRUST_ROOT_OLD',
    message: `nothing shows that anybody looked after it since ${since}, ${days} days are the bound`,
  } as const;
  return {
    condition: { type, status: 'False', reason: conditionReason(problem.code), message: formatProblem(problem) },
    againMs: undefined,
  };
};

const describeGood = ({ version, predecessors }: Trust): { readonly reason: string; readonly message: string } => {
  const pinned = predecessors.at(-1);
  return pinned === undefined
    ? { reason: 'Pinned', message: `version ${version} is the document that --trust-digest names` }
    : {
        reason: 'Sealed',
        message: `version ${version} is sealed by those whom version ${version - 1} names, back to the pinned version ${pinned.version}`,
      };
};

export const reconcileTrustPolicy = async (deps: TrustPolicyDeps, signal: AbortSignal): Promise<Outcome> => {
  const { client, informer, trust, recorder, clock, rootMaxAgeMs } = deps;
  await restoreTrust(deps, signal);
  const object = informer.get(TRUST_POLICY_NAME);
  if (object === undefined) return done;
  const state = trust.current();
  const problem = trust.problem() ?? (state.ok ? undefined : state.problem);
  const standing = state.ok && problem !== undefined ? `; version ${state.trust.version} stays in force` : '';
  const told =
    state.ok && problem === undefined
      ? { status: 'True' as const, ...describeGood(state.trust) }
      : {
          status: 'False' as const,
          reason: conditionReason(problem?.code ?? 'TRUST_MISSING'),
          message: `${problem?.message ?? ''}${standing}`,
        };
  const root = state.ok ? lookAtRoot(state.trust, clock.now(), rootMaxAgeMs) : undefined;
  const { written } = await applyStatus(client, {
    resource: trustPolicies,
    object,
    clock,
    status: {
      observedGeneration: object.metadata.generation,
      ...(state.ok ? { digest: state.trust.digest, version: state.trust.version } : {}),
      conditions: [
        { type: 'Ready', ...told },
        { type: 'Verified', ...told },
        ...(root?.condition === undefined ? [] : [root.condition]),
        ...(told.status === 'True' ? [] : [{ ...told, type: 'Stalled', status: 'True' as const }]),
      ],
    },
  });
  if (written) {
    const regarding = regardingOf(trustPolicies, object);
    const type = told.status === 'True' ? 'Normal' : 'Warning';
    await recorder.record({ regarding, type, reason: told.reason, note: told.message, action: 'Trust' });
    const condition = root?.condition;
    if (condition?.status === 'False')
      await recorder.record({ regarding, type: 'Warning', reason: condition.reason, note: condition.message, action: 'Trust' });
  }
  if (told.status === 'False') return after(REFUSAL_LASTS_MS);
  return root?.againMs === undefined ? done : after(root.againMs);
};
