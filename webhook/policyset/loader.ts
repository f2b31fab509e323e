// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the enforced set true to the cluster: caches → verify → assemble → compile → one swap.
 *
 * In: a look at the caches (`observe`), the digest that pins the trust policy. Out: `current`, replaced in one step, and
 * what each look found (`onState`). Work is taken in slices between which requests are answered; a change that comes
 * while it works makes it look again, so many changes cost one rebuild. Nothing here can loosen what stands: a failure
 * of any sort leaves the set as it is (law 4).
 */
import type { Inventory } from '../../crds/inventory.ts';
import { SOURCE_LABEL, isSealedKind } from '../../crds/kinds.ts';
import type { Mark } from '../../crds/marks.ts';
import { documentKey, joinMarks, marksOf } from '../../policies/currency/index.ts';
import type { PolicySet } from '../../policies/compile/index.ts';
import { REFUSAL_LASTS_MS } from '../../policies/trust/term.ts';
import { closingProblem, isClosed } from '../../policies/policy-object.ts';
import type { JudgeMemory } from '../../policies/judge-memory.ts';
import type { PolicyDocument, SealedObject } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import { runAhead } from '../../policies/run-ahead.ts';
import type { Proving } from '../../policies/trust/evidence-task.ts';
import { createTrustFollower, trustMarkIn } from '../../policies/trust/follow.ts';
import type { Followed } from '../../policies/trust/follow.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { Clock } from '../../process/clock.ts';
import { nothingEnforced } from './enforcement.ts';
import type { Assembled, Enforcement, Offer, Pending } from './enforcement.ts';
import { assembleInSteps } from './assemble.ts';
import { closedSet } from './enforced.ts';
import type { EnforcedSet } from './enforced.ts';
import { closedDigest, nextChangeMs } from './expired.ts';
import { retrust } from './retrust.ts';
import { createSetMaker } from './set.ts';
import { createSetReader } from '../../policies/trust/set-reader.ts';
import { createSlices } from '../../process/slices.ts';
import { startProblem } from './start-problem.ts';

export type Observed = {
  /** The object named `cluster`. */
  readonly trustPolicy: SealedObject | undefined;
  /** Each says its kind, but Policies. */
  readonly sealed: readonly SealedObject[];
  readonly inventories: readonly Inventory[];
  /** Names of ConfigMaps that carry the label of an inventory and do not decode. */
  readonly unreadableInventories: readonly string[];
  /** What the cluster's marks say; undefined where they cannot be read. */
  readonly marks: readonly Mark[] | undefined;
};

export type LoaderState = {
  readonly enforced: EnforcedSet;
  readonly documents: readonly PolicyDocument[];
  /** By `documentKey`. */
  readonly refused: ReadonlyMap<string, Problem>;
  readonly pending: readonly Pending[];
  readonly trustProblem: Problem | undefined;
};

export type Flip = { readonly state: LoaderState; /** Commits that are enforced since now. */ readonly commits: readonly Inventory[] };

export type LoaderOptions = {
  readonly clock: Clock;
  /** `undefined` until every cache holds its first list. */
  readonly observe: () => Observed | undefined;
  readonly pinnedTrustDigest: string;
  readonly judgements: JudgeMemory;
  readonly proving: Proving;
  readonly onState: (state: LoaderState) => void;
  readonly onFlip: (flip: Flip) => void;
  /** What should never happen; the set before stands. */
  readonly onBug: (error: unknown) => void;
};

export type Loader = {
  readonly current: EnforcedSet;
  /** In force, what was verified was verified by it; undefined before the first good one. */
  readonly trust: Trust | undefined;
  /** What stands, and everything that verified beside it. */
  readonly enforcement: Enforcement;
  /** Something changed. */
  request(): void;
  /** Resolves when there is nothing left to do. */
  settled(): Promise<void>;
  close(): void;
};

/** Each of the last steps takes some milliseconds where there are a thousand policies: requests are answered between them. */
const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export const createLoader = (options: LoaderOptions): Loader => {
  const { clock, observe, pinnedTrustDigest, judgements, proving } = options;
  const makeSet = createSetMaker();
  const readSets = createSetReader();
  let current = closedSet({ code: 'WEBHOOK_NOT_READY', message: 'the caches are not filled yet' }, clock.now());
  let enforcement: Enforcement = nothingEnforced;
  let documents: readonly PolicyDocument[] = [];
  const followTrust = createTrustFollower({ pinnedDigest: pinnedTrustDigest, evidence: proving.memory });
  let trust: Trust | undefined;
  let enforcedUnder: string | undefined;
  let startedWhole = false;
  const work: { dirty: boolean; closed: boolean; running: Promise<void> | undefined } = { dirty: false, closed: false, running: undefined };
  let cancelWake: () => void = () => undefined;

  /** A chain of trust policies takes milliseconds a version. */
  const follow = async ({ trustPolicy, marks }: NonNullable<ReturnType<LoaderOptions['observe']>>): Promise<Followed> => {
    const following = followTrust(trustPolicy, clock.now(), trustMarkIn(marks));
    let step = following.next();
    for (; step.done !== true; step = following.next()) await nextTurn();
    return step.value;
  };

  /** A process that starts has run nothing of it yet. */
  const runFirstAhead = async (objects: readonly SealedObject[], by: Trust): Promise<void> => {
    for (const artifact of judgements.toVerify(objects, by, clock.now())) {
      const known = { ...artifact, evidence: proving.memory };
      for (const _ of runAhead({ artifact: known, trust: by, atMs: clock.now() })) await nextTurn();
      return;
    }
  };

  let abandoned = false;
  /** Never twice in a row, or a steady trickle of changes would keep a large set waiting for ever: the second look goes through, and another follows. */
  const givesUp = (): boolean => {
    if (!work.dirty || abandoned) return false;
    abandoned = true;
    return true;
  };

  /** `undefined` when something changed on the way. */
  const judgeAll = async (objects: readonly SealedObject[], by: Trust): Promise<readonly Offer[] | undefined> => {
    const slices = createSlices(clock);
    const offers: Offer[] = [];
    for (const object of objects) {
      const judging = judgements.judgeInSteps(object, by, clock.now());
      let step = judging.next();
      let rested = false;
      // What is begun is finished and remembered, so that each look gets further than the one before it.
      for (; step.done !== true; step = judging.next()) rested = (await slices.rest()) || rested;
      offers.push({
        kind: object.kind !== undefined && isSealedKind(object.kind) ? object.kind : 'Policy',
        name: object.metadata.name,
        source: object.metadata.labels?.[SOURCE_LABEL],
        judged: step.value,
      });
      if (((await slices.rest()) || rested) && givesUp()) return undefined;
    }
    abandoned = false;
    judgements.forgetUnseen();
    return offers;
  };

  const swap = (assembled: Assembled, set: PolicySet, by: Trust, problem: Problem | undefined): readonly Inventory[] | undefined => {
    const atMs = clock.now();
    const commits = [...assembled.enforcement.commits.values()].map((commit) => commit.inventory);
    const revisions = Object.fromEntries(commits.map(({ source, revision }) => [source, revision]));
    const expired = assembled.documents.flatMap((document) =>
      document.compiled.length > 0 && isClosed(document, atMs) ? [document.name] : [],
    );
    const signers = new Map(assembled.documents.flatMap(({ compiled, signers: names }) => compiled.map(({ name }) => [name, names])));
    const next: EnforcedSet =
      problem === undefined
        ? { closed: undefined, set, trustDigest: by.digest, revisions, signers, expired, flippedAtMs: atMs }
        : { ...closedSet(problem, atMs), trustDigest: by.digest };
    if (isSame(current, next)) return undefined;
    const before = current.revisions;
    current = next;
    return problem === undefined ? commits.filter(({ source, revision }) => before[source] !== revision) : [];
  };

  const report = (state: Omit<LoaderState, 'enforced'>, flipped: readonly Inventory[] | undefined): void => {
    const whole: LoaderState = { ...state, enforced: current };
    if (flipped !== undefined) options.onFlip({ state: whole, commits: flipped });
    options.onState(whole);
  };

  const withoutTrust = (problem: Problem): void => {
    const flipped = current.closed?.code !== problem.code;
    if (flipped) current = closedSet(problem, clock.now());
    report({ documents: [], refused: new Map(), pending: [], trustProblem: problem }, flipped ? [] : undefined);
  };

  /** Also without any event: a document ends, one of its seals does, a refusal may have been a matter of time. */
  const wakeLater = (refusals: number, nextMs: number | undefined): void => {
    const delays = refusals > 0 ? [REFUSAL_LASTS_MS] : [];
    if (nextMs !== undefined) delays.push(Math.max(nextMs - clock.now(), 0));
    cancelWake();
    cancelWake = delays.length === 0 || work.closed ? () => undefined : clock.schedule(Math.min(...delays), request);
  };

  const rebuild = async (): Promise<void> => {
    const observed = observe();
    if (observed === undefined) return;
    const { trust: by, problem: trustProblem } = await follow(observed);
    trust = by;
    if (by === undefined) return withoutTrust(trustProblem ?? { code: 'TRUST_MISSING', message: 'there is no TrustPolicy cluster' });
    await nextTurn();
    const { sealed } = observed;
    await proving.ahead(judgements.toVerify(sealed, by, clock.now()), by);
    if (!startedWhole) await runFirstAhead(sealed, by);
    const offers = await judgeAll(sealed, by);
    if (offers === undefined || work.closed) return;
    const under = `${by.digest} ${by.root.ok}`;
    if (enforcedUnder !== under) {
      // Else what a newer trust policy takes the seals from would go on from memory.
      enforcement = await retrust({ enforcement, offers, trust: by, clock });
      enforcedUnder = under;
    }
    await nextTurn();
    const atMs = clock.now();
    const { inventories, unreadableInventories: unreadable, marks } = observed;
    const told = marks ?? [];
    const sets = readSets(inventories, { trust: by, atMs, marks: joinMarks(enforcement.marks, marksOf(told)).values() });
    await nextTurn();
    const assembling = assembleInSteps({
      previous: enforcement,
      offers,
      inventories,
      sets,
      told,
      unreadable,
      atMs,
      isStarting: !startedWhole,
    });
    let step = assembling.next();
    for (; step.done !== true; step = assembling.next()) await nextTurn();
    const assembled = step.value;
    await nextTurn();
    const set = makeSet(assembled.documents, atMs);
    await nextTurn();
    const nextMs = nextChangeMs(assembled.documents, offers, atMs);
    await nextTurn();
    if (work.closed) return;
    enforcement = assembled.enforcement;
    documents = assembled.documents;
    // A whole look that found nothing is no reason to close: `decide` itself refuses workloads under an empty set.
    const problem = startedWhole ? undefined : startProblem(assembled, marks !== undefined);
    startedWhole ||= problem === undefined;
    const refused = new Map(assembled.refused);
    for (const document of documents) if (isClosed(document, atMs)) refused.set(documentKey(document), closedProblem(document));
    report({ documents, refused, pending: assembled.pending, trustProblem }, swap(assembled, set, by, problem));
    wakeLater(refused.size, nextMs);
  };

  const run = async (): Promise<void> => {
    while (work.dirty && !work.closed) {
      work.dirty = false;
      try {
        await rebuild();
      } catch (error) {
        options.onBug(error);
      }
    }
    work.running = undefined;
  };

  const request = (): void => {
    work.dirty = true;
    // Begins after the events of this turn, so that a list of a thousand objects is one look.
    work.running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(run);
  };

  return {
    get current() {
      return current;
    },
    get trust() {
      return trust;
    },
    get enforcement() {
      return enforcement;
    },
    request,
    settled: async () => {
      while (work.running !== undefined) await work.running;
    },
    close: () => {
      work.closed = true;
      cancelWake();
    },
  };
};

const closedProblem = (document: PolicyDocument): Problem => {
  const problem = closingProblem(document);
  const what =
    document.entitlement === undefined
      ? `what it matches is closed (digest ${closedDigest(document.digest, document)})`
      : document.kind === 'TierCatalog'
        ? 'it is gone by until a newer version comes'
        : document.kind === 'PriceBook'
          ? 'nothing new is rated by it'
          : 'it gives nothing any more';
  return { ...problem, message: `${problem.message}; ${what}` };
};

const isSame = (one: EnforcedSet, other: EnforcedSet): boolean =>
  one.closed?.code === other.closed?.code &&
  one.closed?.message === other.closed?.message &&
  one.set.digest === other.set.digest &&
  one.trustDigest === other.trustDigest &&
  JSON.stringify([one.revisions, one.expired, [...one.signers]]) === JSON.stringify([other.revisions, other.expired, [...other.signers]]);
