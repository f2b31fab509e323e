// SPDX-License-Identifier: Apache-2.0
// What a statement of service levels answers.
import type { ProblemCodes } from './entry.ts';

export const serviceLevelsCodes = {
  SLO_NOTHING_PROMISED: {
    summary: 'Nothing was promised to the tenant in that month.',
    fix: 'look at the months and tiers of the subscription, and at promise of the tier in the price book',
  },
  SLO_MONTH_OPEN: {
    summary: 'A statement was asked for of a month that is not over, or was over less than two days ago.',
    fix: 'wait until the time that is named; `writ slo status` shows how it stands',
  },
  SLO_MONTH_PRUNED: {
    summary: 'The counts of answers of that month have left the ledger by --usage-retention, so nothing can be stated of it any more.',
    fix: 'go by the signed statement that was made while they were there; `writ usage verify --archive` holds the events that it was made of',
  },
  SLO_STATEMENT_DIFFERS: {
    summary: 'A statement that was made would say something else now.',
    fix: 'see what came late or was changed, and write the difference as a revision by `writ slo statement --correct`',
  },
  SLO_STATEMENT_INVALID: {
    summary: 'A file is no SLA statement, or not the one that the revision after it corrects.',
    fix: 'take the files as `writ slo statement` wrote them, all revisions of a month together',
  },
  SLO_STATEMENT_UNSIGNED: {
    summary: 'An SLA statement has no signature that this key verifies.',
    fix: 'give the public key of whoever made it; one that was never signed is finished by making it again',
  },
} as const satisfies ProblemCodes;
