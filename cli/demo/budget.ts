// SPDX-License-Identifier: Apache-2.0
// What is left of an error budget, by answers, of a webhook's own count since its start. Total: nobody may have asked yet, and a promise of
// all leaves nothing to spend.
import { plural } from '../output.ts';

export type Answers = {
  /** From 0 to 1. */
  readonly promised: number;
  readonly valid: number;
  readonly bad: number;
};

const leftText = ({ promised, valid, bad }: Answers): string => {
  if (!(valid > 0)) return 'nothing of the budget is spent';
  const allowed = valid * (1 - promised);
  if (!(allowed > 0)) return bad > 0 ? 'there is no budget, and it is overspent' : 'there is no budget, and none is spent';
  return `${((1 - bad / allowed) * 100).toFixed(0)} % of the budget is left`;
};

export const budgetText = (answers: Answers): string => {
  const { promised, valid, bad } = answers;
  return `promised ${Number((promised * 100).toFixed(10))} %; ${valid > 0 ? plural(valid, 'answer') : 'no answer yet'}, ${bad} bad: ${leftText(answers)}`;
};
