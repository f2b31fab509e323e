// SPDX-License-Identifier: Apache-2.0
// What is enforced now: what commits and single objects order, and what was enforced before and has not ended. A document
// is replaced by a higher version of itself only, and goes only when policies/currency says that it may.
import { SET_KIND } from '../../crds/marks.ts';
import { checkMark, documentKey } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import { listsDocument, mayRemove, ownerOf } from '../../policies/currency/removal.ts';
import type { Standing as StandingRecord } from '../../policies/currency/removal.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import type { AssembleState, Commit, HeldBack, StandingDocument } from './enforcement.ts';
import { comesLate } from './late.ts';
import { isWeaker } from './weaker.ts';

type Standing = ReadonlyMap<string, StandingDocument>;

export type StandInput = {
  readonly state: AssembleState;
  readonly commits: ReadonlyMap<string, Commit>;
  /** With those of the set seals that came now. */
  readonly marks: Marks;
  readonly heldBack: HeldBack;
  /** Added to. */
  readonly refused: Map<string, Problem>;
};

/** As policies/currency asks about it. */
const recordOf = ({ document, source, sequence }: StandingDocument): StandingRecord => ({
  ...document,
  source,
  sequence,
  tier: document.ruleset?.spec.publisher?.tier,
});

/** A set that lists the document ends with the next one; whatever came without being listed, only with one that came later still. */
const sequenceOf = (document: PolicyDocument, { source, set }: Pick<Commit, 'set'> & { readonly source: string }, marks: Marks): number => {
  if (set !== undefined && isListed(document, set)) return set.sequence;
  return marks.get(documentKey({ kind: SET_KIND, name: source }))?.version ?? 0;
};

const isListed = (document: PolicyDocument, set: Commit['set']): boolean =>
  listsDocument(set, { ...document, tier: document.ruleset?.spec.publisher?.tier });

const weaknessOf = ({ kind, name, withdrawn }: PolicyDocument): Problem =>
  withdrawn ?? {
    code: 'POLICY_UNSIGNED',
    message: `${kind.toLowerCase()} ${name} is enforced under seal, and this one has none`,
    path: 'signature',
  };

type Ordered = { readonly document: PolicyDocument; readonly commit: Commit };

/** Of two documents of one name (a policy that moves from one source to another) the newer order counts, whatever came first. */
const isNewer = (other: PolicyDocument, one: PolicyDocument): boolean => {
  if (isWeaker(one, other) || isWeaker(other, one)) return isWeaker(one, other);
  return other.version > one.version || (other.version === one.version && other.digest < one.digest);
};

/** What stood under this name here, or before this replica began, as the marks tell. */
const stoodBefore = (key: string, { state, marks }: StandInput): { readonly source: string | undefined } | undefined => {
  const mark = marks.get(key);
  return state.previous.standing.get(key) ?? (mark === undefined || mark.gone === true ? undefined : { source: mark.source });
};

const isReleased = (before: StandingDocument | undefined, orders: readonly Ordered[], commits: StandInput['commits']): boolean => {
  if (before?.source === undefined || orders.some(({ commit }) => commit.inventory.source === before.source)) return false;
  return mayRemove(recordOf(before), commits.get(before.source)?.set) === undefined;
};

/** `orders`: all for the same bytes, by the name of the source. */
const standingOf = (key: string, orders: readonly [Ordered, ...Ordered[]], input: StandInput): StandingDocument => {
  const { state, commits, marks } = input;
  const [{ document }] = orders;
  const before = state.previous.standing.get(key);
  const source = ownerOf({
    before: stoodBefore(key, input),
    claims: orders.map(({ commit }) => ({ source: commit.inventory.source, isSealed: isListed(document, commit.set) })),
    isReleased: isReleased(before, orders, commits),
  });
  // The same bytes judged again: signers and ends may have changed.
  if (before?.document.digest === document.digest && before.source === source) return { ...before, document };
  const set = orders.find(({ commit }) => commit.inventory.source === source)?.commit.set;
  return { document, source, sequence: source === undefined ? 0 : sequenceOf(document, { source, set }, marks) };
};

const orderedByCommits = (input: StandInput): Map<string, StandingDocument> => {
  const orders = new Map<string, [Ordered, ...Ordered[]]>();
  const commits = [...input.commits.values()].toSorted((a, b) => (a.inventory.source < b.inventory.source ? -1 : 1));
  for (const commit of commits) {
    for (const [key, document] of commit.documents) {
      const known = orders.get(key);
      if (known === undefined || isNewer(document, known[0].document)) orders.set(key, [{ document, commit }]);
      else if (known[0].document.digest === document.digest) known.push({ document, commit });
    }
  }
  return new Map([...orders].map(([key, same]) => [key, standingOf(key, same, input)]));
};

/** Objects that no source claims are enforced for themselves. */
const orderedAlone = ({ state, marks, heldBack, refused }: StandInput, named: Standing): Map<string, StandingDocument> => {
  const ordered = new Map<string, StandingDocument>();
  for (const offer of state.offers) {
    const key = documentKey(offer);
    // A label alone, which nobody signs, must not switch a policy off: until a commit names it, the last bytes stand.
    if (named.has(key) || offer.source !== undefined || !offer.judged.ok) continue;
    const { document } = offer.judged;
    const before = state.previous.standing.get(key);
    const isLate = document.expiresMs !== undefined && document.expiresMs <= state.atMs;
    const isOther = before !== undefined && before.document.digest !== document.digest;
    const problem: Problem | undefined =
      isOther && isLate
        ? { code: 'POLICY_EXPIRED', message: `version ${document.version} was past its date when it came`, path: 'spec.expires' }
        : before !== undefined && isWeaker(document, before.document)
          ? weaknessOf(document)
          : (checkMark(marks.get(key), document) ??
            comesLate({ document, before: before?.document, mark: marks.get(key), atMs: state.atMs }) ??
            heldBack.get(document.digest));
    if (problem !== undefined) refused.set(key, problem);
    else
      ordered.set(
        key,
        before?.document.digest === document.digest ? { ...before, document } : { document, source: undefined, sequence: 0 },
      );
  }
  return ordered;
};

export type Stood = { readonly standing: Standing; /** What ended by seal. */ readonly ended: readonly Marked[] };

export const standNow = (input: StandInput): Stood => {
  const { state, commits, refused } = input;
  const byCommits = orderedByCommits(input);
  const ordered = new Map([...orderedAlone(input, byCommits), ...byCommits]);
  const standing = new Map(ordered);
  const offered = new Set(state.offers.map(documentKey));
  const ended: Marked[] = [];
  for (const [key, before] of state.previous.standing) {
    const next = ordered.get(key);
    if (next !== undefined) {
      const isSame = next.document.digest === before.document.digest;
      if (isSame || isWeaker(before.document, next.document)) continue;
      if (isWeaker(next.document, before.document)) refused.set(key, weaknessOf(next.document));
      else if (next.document.version > before.document.version) continue;
      standing.set(key, before);
      continue;
    }
    if (before.document.unsigned === true) {
      // Nobody sealed its coming, so nobody has to seal its going; while its object is only spoilt, it stands.
      if (offered.has(key)) standing.set(key, before);
      continue;
    }
    const set = before.source === undefined ? undefined : commits.get(before.source)?.set;
    const problem = mayRemove(recordOf(before), set);
    if (problem === undefined) {
      ended.push(before.document);
      continue;
    }
    standing.set(key, before);
    if (!refused.has(key)) refused.set(key, problem);
  }
  return { standing, ended };
};
