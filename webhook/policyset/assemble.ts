// SPDX-License-Identifier: Apache-2.0
/**
 * Which documents are enforced, decided from what the cluster shows now and what was enforced before. Pure.
 *
 * In: what stands (`Enforcement`), one offer for each sealed object (its bytes already judged: seal, schema, compilation),
 * the inventories, one for each source, which the operator writes last, with the set seals that verify now, and the marks
 * that the cluster keeps. Out: what stands now, what was refused and what each source still waits for, an inventory that must
 * be there included. A source is followed as exactly one whole commit or not at all, once every document that its inventory
 * names is held, so the order in which objects arrive never shows. Nothing leaves because an object was damaged or deleted,
 * nor because an inventory names it no more: what is enforced ends by a seal that says so (policies/currency), and no version
 * ever falls. Only `loader.ts` calls it.
 */
import type { Inventory } from '../../crds/inventory.ts';
import { SET_KIND } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { documentKey, endMarks, forgetGone, hearGone, joinMarks, marksOf, noMarks, raiseMarks } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import { followCommits } from './commits.ts';
import type { Commit } from './commits.ts';
import { inventoriesAwaited } from './pending.ts';
import { heldBackBy } from './requirements.ts';
import type { HeldBack } from './requirements.ts';
import { standNow } from './standing.ts';
import type { StandingDocument } from './standing.ts';

/** What one sealed object offers; `source` is the value of its source label. */
export type Offer = {
  readonly kind: PolicyDocument['kind'];
  readonly name: string;
  readonly source: string | undefined;
  readonly judged: Judged;
};

export type Enforcement = {
  /** Source → the commit that is followed. */
  readonly commits: ReadonlyMap<string, Commit>;
  /** By `documentKey`: all that is enforced, whatever objects there are. */
  readonly standing: ReadonlyMap<string, StandingDocument>;
  /** By digest: everything that may still be needed to make a commit whole. */
  readonly held: ReadonlyMap<string, PolicyDocument>;
  readonly marks: Marks;
  /** What of the marks only the cluster says. */
  readonly toldGone: ReadonlySet<string>;
};

export type Missing = Pick<Mark, 'kind' | 'name' | 'digest'> & { readonly problem: Problem | undefined };
/** What must be followed and cannot be yet: a commit that its inventory orders, or a source whose inventory is not there. */
export type Pending = {
  readonly source: string;
  /** Empty where there is no inventory to say it. */
  readonly revision: string;
  readonly missing: readonly Missing[];
  /** Why, where it is not what is missing. */
  readonly why?: string;
  /** By `documentKey`: all that will stand once nothing is missing. */
  readonly orders?: readonly string[];
};

export type Assembled = {
  readonly enforcement: Enforcement;
  /** What is enforced, sorted by kind and name, one document each. */
  readonly documents: readonly PolicyDocument[];
  /** By `documentKey`. */
  readonly refused: ReadonlyMap<string, Problem>;
  readonly pending: readonly Pending[];
  /** Marks of what has to be enforced and is not: only a replica that starts can lack them. */
  readonly unmet: readonly Mark[];
};

export type AssembleState = {
  readonly previous: Enforcement;
  readonly offers: readonly Offer[];
  readonly inventories: readonly Inventory[];
  /** Source → the set seal in its inventory, where one verifies now. */
  readonly sets: ReadonlyMap<string, SetProof>;
  /** What the cluster's marks say. */
  readonly told: readonly Mark[];
  /** Names of objects that carry the label of an inventory and are none. */
  readonly unreadable: readonly string[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Nothing was enforced here yet: what others enforce without what it requires is not known, so nothing is held back for that. */
  readonly isStarting: boolean;
};

export const nothingEnforced: Enforcement = {
  commits: new Map(),
  standing: new Map(),
  held: new Map(),
  marks: noMarks,
  toldGone: new Set(),
};

/** Of these, a replica holds no document. */
const NOT_DOCUMENTS: ReadonlySet<string> = new Set([SET_KIND, 'TrustPolicy']);

const unmetBy = (told: readonly Mark[], standing: ReadonlyMap<string, StandingDocument>): readonly Mark[] =>
  told.filter((mark) => {
    if (mark.gone === true || NOT_DOCUMENTS.has(mark.kind)) return false;
    const document = standing.get(documentKey(mark))?.document;
    return document === undefined || (document.version <= mark.version && document.digest !== mark.digest);
  });

/** What nobody who is trusted now has sealed says nothing of what came last. */
const isInForce = ({ withdrawn }: PolicyDocument): boolean => withdrawn === undefined;

type Step = Pick<ReturnType<typeof followCommits>, 'commits' | 'held' | 'pending'> & {
  readonly marks: Marks;
  readonly standing: Enforcement['standing'];
  readonly ended: readonly Marked[];
  readonly refused: ReadonlyMap<string, Problem>;
};

const takeStep = (state: AssembleState, known: Marks, heldBack: HeldBack): Step => {
  const refused = new Map<string, Problem>();
  for (const offer of state.offers) if (!offer.judged.ok) refused.set(documentKey(offer), offer.judged.problem);
  const { commits, held, pending, sets } = followCommits({ state, marks: known, heldBack, refused });
  const marks = raiseMarks(known, sets);
  return { commits, held, pending, marks, refused, ...standNow({ state, commits, marks, heldBack, refused }) };
};

/** Without those that lack what they require: to hold one back may leave another without what it requires. */
const takeSteps = (state: AssembleState, known: Marks): Step => {
  let heldBack: HeldBack = new Map();
  for (;;) {
    const taken = takeStep(state, known, heldBack);
    if (state.isStarting) return taken;
    const before = heldBack;
    const more = [...heldBackBy(taken.standing, state.previous.standing)].filter(([digest]) => !before.has(digest));
    // Each round holds back one more at least; what a commit that was followed before still orders stands.
    if (more.length === 0) return taken;
    heldBack = new Map([...before, ...more]);
  }
};

export const assemble = (state: AssembleState): Assembled => {
  const { previous, told } = state;
  const seen = marksOf(told);
  const { marks: known, toldGone } = hearGone(joinMarks(forgetGone(previous), seen), seen, (key) => previous.standing.has(key));
  const { commits, held, pending, marks, standing, ended, refused } = takeSteps(state, known);
  const documents = [...standing].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { document }]) => document);
  const enforced = new Set(documents.map(({ digest }) => digest));
  const raised = endMarks(raiseMarks(marks, documents.filter(isInForce)), ended);
  // What was raised or ended here since is no hearsay any more.
  const hearsay = new Set([...toldGone].filter((key) => raised.get(key) === known.get(key)));
  return {
    enforcement: { commits, standing, held, marks: raised, toldGone: hearsay },
    documents,
    refused,
    pending: [...pending, ...inventoriesAwaited(state, enforced)],
    unmet: unmetBy(told, standing),
  };
};
