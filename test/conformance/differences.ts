// SPDX-License-Identifier: Apache-2.0
// Asks both about many expressions, cuts every difference down to its smallest form and sorts out the known ones.
import { answerOurselves, difference } from './compare.ts';
import type { Difference } from './compare.ts';
import { render, simpler, size } from './expression-tree.ts';
import type { Tree } from './expression-tree.ts';
import { knownDifference } from './known-differences.ts';
import { INPUTS } from './objects.ts';
import { celQuestion } from './oracle.ts';
import type { CelAnswer, CelQuestion, Oracle } from './oracle.ts';

const VARIABLES = { self: 'dyn', object: 'dyn' } as const;
const BATCH = 250;
/** So many batches are with the oracle while one is compared. */
const AHEAD = 4;
/** Go walks maps in another order each time, and then even Kubernetes does not agree with itself. */
const REPEATS = 8;
/** So many of the differences that look alike are cut down; the same look may have several causes. */
const SHOWINGS = 4;

export type Found = Difference & { readonly expression: string; readonly size: number };
export type Tally = {
  readonly expressions: number;
  readonly evaluations: number;
  /** Expressions that both refuse before they run. */
  readonly refused: number;
  readonly errors: number;
  /** Known differences by name. */
  readonly known: Readonly<Record<string, number>>;
  /** Differences that the table does not know, smallest form, each once. */
  readonly found: readonly Found[];
};
export type Options = {
  readonly oracle: Oracle<CelAnswer>;
  readonly cost: boolean;
  readonly shrinkAtMost: number;
  /** The Kubernetes minor that the expressions must suit; without it the newest. */
  readonly version?: string;
};

const questionOf = (expression: string, version: string | undefined): CelQuestion => ({
  expression,
  variables: VARIABLES,
  inputs: INPUTS,
  ...(version === undefined ? {} : { version }),
});

type Judged = { readonly expression: string; readonly theirs: CelAnswer; readonly difference: Difference | undefined };

const judge = async (expressions: readonly string[], { oracle, cost, version }: Options): Promise<readonly Judged[]> => {
  const questions = expressions.map((expression) => questionOf(expression, version));
  const answers = await oracle.ask(questions.map(celQuestion));
  return questions.map((question, index) => {
    const theirs = answers[index] ?? {};
    return { expression: question.expression, theirs, difference: difference(answerOurselves(question), theirs, cost) };
  });
};

/** Trees with what was judged of them, in order; the oracle never waits for us. */
async function* judged(trees: readonly Tree[], options: Options): AsyncGenerator<Judged & { readonly tree: Tree }> {
  const pending: { readonly batch: readonly Tree[]; readonly answers: Promise<readonly Judged[]> }[] = [];
  for (let start = 0; start < trees.length || pending.length > 0;) {
    while (start < trees.length && pending.length < AHEAD) {
      const batch = trees.slice(start, start + BATCH);
      start += BATCH;
      pending.push({
        batch,
        answers: judge(
          batch.map((tree) => render(tree)),
          options,
        ),
      });
    }
    const first = pending.shift();
    if (first === undefined) return;
    for (const [index, one] of (await first.answers).entries()) {
      const tree = first.batch[index];
      if (tree !== undefined) yield { ...one, tree };
    }
  }
}

const differs = async (expression: string, options: Options): Promise<Difference | undefined> => {
  const again = await judge(
    Array.from({ length: REPEATS }, () => expression),
    options,
  );
  // Of many entries each can be the last that failed, and ours hardly ever the one of eight tries.
  const agrees = new Set(again.map(({ theirs }) => JSON.stringify(theirs))).size === 1;
  return agrees && again.every((one) => one.difference !== undefined) ? again[0]?.difference : undefined;
};

/** What two showings of one matter have in common: names, numbers and values are taken out of the texts. */
const signature = ({ kind, ours, theirs }: Difference): string => {
  const shape = (text: string): string => (text.startsWith('value ') ? 'value' : text.replaceAll(/'[^']*'|"[^"]*"|\d+/g, '…'));
  return `${kind}: ${shape(ours)}: ${shape(theirs)}`;
};

/** A simpler expression shows the same matter when it differs in the same way and is not explained. */
const same = (left: Difference, right: Difference, expression: string): boolean =>
  signature(left) === signature(right) && knownDifference(left, expression) === undefined;

const shrink = async (tree: Tree, first: Difference, options: Options): Promise<Found> => {
  let smallest = { tree, difference: first };
  for (let round = 0; round < 40; round += 1) {
    const candidates = simpler(smallest.tree)
      .filter((candidate) => size(candidate) < size(smallest.tree) || render(candidate).length < render(smallest.tree).length)
      .sort((left, right) => render(left).length - render(right).length);
    const answers = await judge(
      candidates.map((candidate) => render(candidate)),
      options,
    );
    const index = answers.findIndex((one) => one.difference !== undefined && same(one.difference, first, one.expression));
    const [better, found] = [candidates[index], answers[index]?.difference];
    if (better === undefined || found === undefined) break;
    smallest = { tree: better, difference: found };
  }
  return { ...smallest.difference, expression: render(smallest.tree), size: size(smallest.tree) };
};

const increment = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/** A difference that the table does not know: is it one at all, and what is its smallest form? */
const explain = async (
  tree: Tree,
  first: Difference,
  { options, tally }: { readonly options: Options; readonly tally: Counting },
): Promise<void> => {
  const confirmed = await differs(render(tree), options);
  if (confirmed === undefined) {
    increment(tally.known, 'the oracle varies');
    return;
  }
  const matter = signature(first);
  increment(tally.showings, matter);
  if (tally.shrunk >= options.shrinkAtMost || (tally.showings[matter] ?? 0) > SHOWINGS) {
    increment(tally.known, 'looks like one of those found');
    return;
  }
  tally.shrunk += 1;
  const least = await shrink(tree, first, options);
  tally.found.set(least.expression, least);
};

type Counting = {
  readonly known: Record<string, number>;
  readonly showings: Record<string, number>;
  readonly found: Map<string, Found>;
  shrunk: number;
};

export const compareAll = async (trees: readonly Tree[], options: Options): Promise<Tally> => {
  const tally: Counting = { known: {}, showings: {}, found: new Map(), shrunk: 0 };
  let [evaluations, refused, errors] = [0, 0, 0];
  for await (const { tree, expression, theirs, difference: first } of judged(trees, options)) {
    evaluations += theirs.results?.length ?? 0;
    errors += theirs.results?.filter((result) => result.error !== undefined).length ?? 0;
    if (theirs.error?.kind === 'panic') increment(tally.known, 'Kubernetes breaks down when it compiles it');
    else if (theirs.error !== undefined && first === undefined) refused += 1;
    if (first === undefined) continue;
    const row = knownDifference(first, expression);
    if (row === undefined) await explain(tree, first, { options, tally });
    else increment(tally.known, row.name);
  }
  const found = [...tally.found.values()].sort((a, b) => a.size - b.size);
  return { expressions: trees.length, evaluations, refused, errors, known: tally.known, found };
};
