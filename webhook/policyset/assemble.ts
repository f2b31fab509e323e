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
import { SET_KIND } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { atOnce } from '../../policies/steps.ts';
import type { Steps } from '../../policies/steps.ts';
import { documentKey, endMarks, forgetGone, hearGone, joinMarks, marksOf, raiseMarks } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import type { AssembleState, Assembled, Enforcement, HeldBack, StandingDocument } from './enforcement.ts';
import { followCommits } from './commits.ts';
import { inventoriesAwaited } from './pending.ts';
import { heldBackBy } from './requirements.ts';
import { standNow } from './standing.ts';

/** Of these, a replica holds no document. */
const NOT_DOCUMENTS: ReadonlySet<string> = new Set([SET_KIND, 'TrustPolicy', 'Tenant']);

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

const takeStep = function* (state: AssembleState, known: Marks, heldBack: HeldBack): Steps<Step> {
  const refused = new Map<string, Problem>();
  for (const offer of state.offers) if (!offer.judged.ok) refused.set(documentKey(offer), offer.judged.problem);
  const { commits, held, pending, sets } = followCommits({ state, marks: known, heldBack, refused });
  const marks = raiseMarks(known, sets);
  yield;
  return { commits, held, pending, marks, refused, ...standNow({ state, commits, marks, heldBack, refused }) };
};

/** Without those that lack what they require: to hold one back may leave another without what it requires. */
const takeSteps = function* (state: AssembleState, known: Marks): Steps<Step> {
  let heldBack: HeldBack = new Map();
  for (;;) {
    const taken = yield* takeStep(state, known, heldBack);
    if (state.isStarting) return taken;
    yield;
    const before = heldBack;
    const more = [...heldBackBy(taken.standing, state.previous.standing)].filter(([digest]) => !before.has(digest));
    // Each round holds back one more at least; what a commit that was followed before still orders stands.
    if (more.length === 0) return taken;
    heldBack = new Map([...before, ...more]);
  }
};

/** Each step takes some milliseconds where there are a thousand documents. */
export const assembleInSteps = function* (state: AssembleState): Steps<Assembled> {
  const { previous, told } = state;
  const seen = marksOf(told);
  const { marks: known, toldGone } = hearGone(joinMarks(forgetGone(previous), seen), seen, (key) => previous.standing.has(key));
  yield;
  const { commits, held, pending, marks, standing, ended, refused } = yield* takeSteps(state, known);
  yield;
  const documents = [...standing].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { document }]) => document);
  yield;
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

export const assemble = atOnce(assembleInSteps);
