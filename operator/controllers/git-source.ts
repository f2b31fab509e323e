// SPDX-License-Identifier: Apache-2.0
/**
 * Git → verified → applied: one GitSource at a time, one commit as one thing.
 *
 * In: the live GitSource, its Secrets, the remote. Out: the commit's objects and its inventory in the cluster, or nothing
 * changed and the reason told. Only sources in the system namespace are followed: what they bring binds every tenant.
 * Deleting a GitSource leaves what it applied, enforced as it was.
 */
import { REQUESTED_AT_ANNOTATION } from '../../crds/kinds.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { after, done, retry } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { parseDuration } from '../../process/flags.ts';
import { createMemo } from '../../policies/memo.ts';
import type { Memo } from '../../policies/memo.ts';
import type { Proving } from '../../policies/trust/evidence-task.ts';
import type { VerifiedObject } from '../manifest/verify.ts';
import type { Sources } from '../source/index.ts';
import { parseRevision } from '../source/ref.ts';
import { jittered } from '../source/jitter.ts';
import type { Receiver } from '../source/receiver.ts';
import { readCommit } from './commit.ts';
import type { CommitObjects } from './commit.ts';
import { bringToCluster, bringTrustAhead } from './git-source-apply.ts';
import type { ApplyDeps } from './git-source-apply.ts';
import { readCredentials, registerReceiver, unsupported } from './git-source-inputs.ts';
import { reportSuspended, reportSync } from './git-source-status.ts';
import type { Stage, SyncFacts } from './git-source-status.ts';
import type { LiveGitSource } from './live.ts';
import { requirementProblems } from './requirements.ts';
import type { StandingRelease } from './requirements.ts';
import type { TrustHolder } from './trust-policy.ts';

export type SyncEvent = {
  readonly source: string;
  readonly result: 'applied' | 'unchanged' | 'failed';
  readonly durationMs: number;
  /** The first of `problems`. */
  readonly problem?: Problem;
  readonly problems?: readonly Problem[];
  /** The commit, where one was looked at. */
  readonly revision?: string;
  /** A failure that may pass by itself. */
  readonly transient?: boolean;
};

export type GitSourceDeps = ApplyDeps & {
  readonly sources: Sources;
  readonly receiver: Receiver;
  readonly trust: Pick<TrustHolder, 'current'>;
  /** The rulesets of the cluster that verify. */
  readonly releases: () => readonly StandingRelease[];
  /** The revision that a source has brought, as its inventory has it. */
  readonly appliedRevision: (source: string) => string | undefined;
  readonly pinnedDigest: string;
  readonly proving: Proving;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly random: () => number;
  readonly observe: (event: SyncEvent) => void;
};

/** What was read of the commit that a source is at, so that an unchanged remote costs nothing but its listing. */
type Held = {
  readonly commit: string;
  readonly revision: string;
  readonly committedAtMs: number;
  readonly generation: number | undefined;
  readonly trustDigest: string;
  readonly objects: CommitObjects;
};

type Failure = {
  readonly stage: Stage;
  readonly problems: readonly Problem[];
  readonly transient: boolean;
  readonly revision?: string;
  readonly error?: unknown;
};
type Step<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

const failed = (
  stage: Stage,
  problems: readonly Problem[],
  more: { readonly transient?: boolean; readonly revision?: string } = {},
): Step<never> => ({
  ok: false,
  failure: { stage, problems, transient: more.transient ?? false, ...(more.revision === undefined ? {} : { revision: more.revision }) },
});

const DEFAULT_INTERVAL_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 60_000;

export type GitSourceReconciler = (key: string, scope: { readonly signal: AbortSignal }) => Promise<Outcome>;

export const createGitSourceReconciler = (deps: GitSourceDeps): GitSourceReconciler => {
  const held = new Map<string, Held>();
  const memos = new Map<string, Memo<VerifiedObject>>();
  return async (key, { signal }) => {
    const source = deps.gitSources.get(key);
    if (source === undefined || source.metadata.deletionTimestamp !== undefined) {
      held.delete(key);
      memos.delete(key);
      deps.receiver.unregister(key);
      return done;
    }
    if (source.spec.suspend === true) {
      await reportSuspended(deps, source);
      return done;
    }
    const startedMs = deps.clock.monotonicMs();
    const intervalMs = jittered(parseDuration(source.spec.interval ?? '') ?? DEFAULT_INTERVAL_MS, deps.random);
    const receiver = await registerReceiver({ client: deps.client, source, signal }, deps.receiver);
    const finish = async (facts: SyncFacts, result: SyncEvent['result'], outcome: Outcome): Promise<Outcome> => {
      const problem = facts.kind === 'failed' ? facts.problems[0] : undefined;
      deps.observe({
        source: key,
        result,
        durationMs: deps.clock.monotonicMs() - startedMs,
        ...(problem === undefined ? {} : { problem }),
        ...(facts.kind === 'failed' ? { problems: facts.problems, transient: facts.transient } : {}),
        ...(facts.revision === undefined ? {} : { revision: facts.revision }),
      });
      await reportSync(deps, source, facts);
      return outcome;
    };
    const fail = (failure: Failure): Promise<Outcome> => {
      const outcome = failure.transient
        ? retry(failure.error ?? new Error(failure.problems[0]?.message ?? failure.stage))
        : after(intervalMs);
      return finish({ kind: 'failed', ...failure, receiver }, 'failed', outcome);
    };
    const memo = memos.get(key) ?? createMemo<VerifiedObject>();
    memos.set(key, memo);
    const current = await readCurrent(deps, { key, source, known: held.get(key), memo, signal });
    if (!current.ok) return fail(current.failure);
    const { commit, receivedAtMs } = current.value;
    const { revision } = commit;
    const refused = await bringTrustAhead(deps, commit.objects, signal);
    if (refused !== undefined) return fail({ ...refused, stage: 'Applied', revision });
    const unmet = held.get(key) === commit ? [] : requirementProblems(commit.objects.releases, deps.releases());
    if (unmet.length > 0) return fail({ stage: 'Verified', problems: unmet, transient: false, revision });
    held.set(key, commit);
    const applied = await bringToCluster(deps, { key, source, ...commit, receivedAtMs }, signal);
    if (!applied.ok) return fail({ ...applied, stage: 'Applied', revision });
    const facts: SyncFacts = { kind: 'applied', revision, documents: commit.objects.desired.length, ...applied, receiver };
    return finish(facts, applied.wrote ? 'applied' : 'unchanged', after(nextLookMs(intervalMs, commit, deps.clock.now())));
  };
};

const isExpired = ({ objects }: Held, nowMs: number): boolean => objects.expiresMs !== undefined && objects.expiresMs <= nowMs;

type Standing = Pick<Held, 'generation' | 'trustDigest'> & { readonly nowMs: number };

const isReusable = (commit: Held, { generation, trustDigest, nowMs }: Standing): boolean =>
  commit.generation === generation && commit.trustDigest === trustDigest && !isExpired(commit, nowMs);

const nextLookMs = (intervalMs: number, commit: Held, nowMs: number): number =>
  commit.objects.expiresMs === undefined || isExpired(commit, nowMs) ? intervalMs : Math.min(intervalMs, commit.objects.expiresMs - nowMs);

type ReadRequest = {
  readonly key: string;
  readonly source: LiveGitSource;
  readonly known: Held | undefined;
  readonly memo: Memo<VerifiedObject>;
  readonly signal: AbortSignal;
};

/** The commit that the remote is at now, read and judged, or the one held where nothing has changed. */
const readCurrent = async (
  deps: GitSourceDeps,
  request: ReadRequest,
): Promise<Step<{ readonly commit: Held; readonly receivedAtMs: number }>> => {
  const { key, source, known, memo, signal } = request;
  const { spec, metadata } = source;
  const nowMs = deps.clock.now();
  const refusal = unsupported(source, deps.systemNamespace);
  if (refusal !== undefined) return failed('Fetched', [refusal]);
  const credentials = await readCredentials({ client: deps.client, source, signal });
  if (!credentials.ok) return failed('Fetched', [credentials.problem], { transient: true });
  const requestedMs = newRequestMs(source);
  const trust = deps.trust.current();
  const standing = { generation: metadata.generation, trustDigest: trust.ok ? trust.trust.digest : '', nowMs };
  const reusable = known !== undefined && isReusable(known, standing) ? known : undefined;
  const fetched = await deps.sources.fetch(
    {
      url: spec.url,
      ref: spec.ref ?? {},
      path: spec.path,
      ignore: spec.ignore,
      credentials: credentials.credentials,
      timeoutMs: parseDuration(spec.timeout ?? '') ?? DEFAULT_TIMEOUT_MS,
      knownCommit: reusable?.commit,
      // Not the time of the request: the replica that took it may have another clock, and a listing that was begun before
      // the push would be taken for a fresh one.
      since: requestedMs === undefined ? undefined : nowMs,
      allowEmpty: spec.prune?.allowEmpty,
      follows: spec.history === 'Any' ? undefined : parseRevision(deps.appliedRevision(key) ?? ''),
    },
    signal,
  );
  const receivedAtMs = requestedMs ?? nowMs;
  if (fetched.kind === 'problem') return failed('Fetched', [fetched.problem], { transient: fetched.transient });
  if (fetched.kind === 'unchanged') {
    if (reusable === undefined) throw new Error(`the remote of ${key} is unchanged since a commit that was not named`);
    return { ok: true, value: { commit: reusable, receivedAtMs } };
  }
  const { snapshot } = fetched;
  const { pinnedDigest, proving } = deps;
  const reading = await readCommit({
    source: key,
    snapshot,
    tenant: spec.tenantRef?.name,
    trust,
    marks: deps.marks.known().values(),
    pinnedDigest,
    nowMs,
    memo,
    proving,
    signal,
  });
  if (!reading.ok) return failed(reading.stage, reading.problems, { revision: snapshot.revision });
  const { commit, revision, committedAt: committedAtMs } = snapshot;
  return {
    ok: true,
    value: {
      commit: { commit, revision, committedAtMs, ...standing, objects: reading.objects },
      receivedAtMs,
    },
  };
};

/** Epoch ms of the request for a sync that was not handled yet. */
const newRequestMs = ({ metadata, status }: LiveGitSource): number | undefined => {
  const requestedAt = metadata.annotations?.[REQUESTED_AT_ANNOTATION];
  if (requestedAt === undefined || requestedAt === status?.lastHandledReconcileAt) return undefined;
  const requestedMs = Date.parse(requestedAt);
  return Number.isNaN(requestedMs) ? undefined : requestedMs;
};
