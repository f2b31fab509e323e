// SPDX-License-Identifier: Apache-2.0
/**
 * What the `authorizer` of an expression answers. Evaluation does no I/O, so a question whose answer is not known yet is noted
 * and fails like any error; when the policies have been gone through, all that was noted is asked at once, and they are gone
 * through again. The last time, when nothing is open any more, is what counts: evaluation is pure, so it comes to what it
 * would have come to had every answer been there from the start. Answers are kept for the one request, as the API server does.
 *
 * In: a set, a subject, its facts and who answers. Out: the decision, at once where nobody asks.
 */
import { CelError } from '../cel/index.ts';
import type { Access, AccessAnswer, AccessQuestion } from '../cel/index.ts';
import type { PolicySet } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import { decide } from './index.ts';
import type { Decision } from './decision.ts';
import type { AdmissionFacts } from './facts.ts';

/** What goes wrong is told as text: an error of the expression that asked. */
export type AccessOutcome = AccessAnswer | { readonly failed: string };

/** Asks; total. The outcome is there when it is known, or `answers` ends the wait. */
export type AskAccess = (question: AccessQuestion) => Promise<AccessOutcome>;

/** Rounds of questions: each can only depend on the answers of those before it. */
const MAX_ROUNDS = 8;
/** Questions of one request; a policy can afford 28 (Kubernetes' costs). */
const MAX_QUESTIONS = 100;

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sorted = (texts: readonly string[]): readonly string[] => texts.toSorted(compareTexts);

/** Groups and extras in any order are the same user. */
const keyOf = (question: AccessQuestion): string => {
  const { user, verb } = question;
  const extra = sorted(Object.keys(user.extra)).map((key) => [key, sorted(user.extra[key] ?? [])]);
  const about = 'path' in question ? question.path : Object.entries(question.resource).toSorted(([a], [b]) => compareTexts(a, b));
  return JSON.stringify([user.username, user.uid, sorted(user.groups), extra, verb, about]);
};

type Book = {
  readonly access: Access;
  readonly open: () => readonly (readonly [key: string, AccessQuestion])[];
  settle(key: string, outcome: AccessOutcome): void;
};

const createBook = (): Book => {
  const answers = new Map<string, AccessAnswer | CelError>();
  const open = new Map<string, AccessQuestion>();
  return {
    access: (question) => {
      const key = keyOf(question);
      const known = answers.get(key);
      if (known !== undefined) return known;
      if (answers.size + open.size >= MAX_QUESTIONS && !open.has(key))
        return new CelError(`the authorizer answers at most ${MAX_QUESTIONS} questions of one request`);
      open.set(key, question);
      return new CelError('the authorizer has not answered yet');
    },
    open: () => [...open],
    settle: (key, outcome) => {
      open.delete(key);
      answers.set(key, 'failed' in outcome ? new CelError(`the authorizer could not be asked: ${outcome.failed}`) : outcome);
    },
  };
};

type Asking = { readonly set: PolicySet; readonly subject: Subject; readonly facts: AdmissionFacts };

const decideInRounds = async (
  { set, subject, facts }: Asking,
  ask: AskAccess,
  first: { readonly decision: Decision; readonly book: Book },
) => {
  const { book } = first;
  let { decision } = first;
  for (let round = 0; round < MAX_ROUNDS && book.open().length > 0; round += 1) {
    await Promise.all(book.open().map(async ([key, question]) => book.settle(key, await ask(question))));
    decision = decide(set, subject, { ...facts, access: book.access });
  }
  return decision;
};

/** Synchronous unless a policy asks something; `ask` undefined: nobody answers, which is an error of the expression. */
export const decideAsking = (asking: Asking, ask: AskAccess | undefined): Decision | Promise<Decision> => {
  const { set, subject, facts } = asking;
  if (ask === undefined || !set.asksAuthorizer) return decide(set, subject, facts);
  const book = createBook();
  const decision = decide(set, subject, { ...facts, access: book.access });
  return book.open().length === 0 ? decision : decideInRounds(asking, ask, { decision, book });
};
