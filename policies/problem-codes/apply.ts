// SPDX-License-Identifier: Apache-2.0
// What keeps a commit from being applied.
import type { ProblemCodes } from './entry.ts';

export const applyCodes = {
  APPLY_OWNED_ELSEWHERE: {
    summary: 'The object already comes from another source.',
    fix: 'remove it from one of the two repositories, or rename it',
  },
  APPLY_REFUSED: { summary: 'The API server refuses the object.', fix: 'correct the document as the message says' },
  APPLY_TOO_MANY: {
    summary: 'The commit holds more documents than one inventory can name.',
    fix: 'split the repository into several GitSources',
  },
  APPLY_NOT_READY: {
    summary: 'The API server cannot be told yet to ask about what the commit brings; it is tried again.',
    fix: 'wait; if it stays, look at the Secret writ-webhook-tls and what the operator logs of it',
  },
  APPLY_INTERRUPTED: {
    summary: 'The API server did not take the commit this time; it is tried again.',
    fix: 'wait; if it stays, look at the health of the API server',
  },
  INVENTORY_INVALID: {
    summary: 'The list of what the commit holds could not be read by the replicas, so it is not written.',
    fix: 'correct the name, the revision or the document that the message speaks of',
  },
  PRUNE_EMPTY: {
    summary: 'The commit would remove every object of the source.',
    fix: 'set spec.prune.allowEmpty to true if that is meant',
  },
  PRUNE_BUDGET: {
    summary: 'The commit removes more objects than the prune budget allows.',
    fix: 'raise spec.prune.maxDeletions for this commit if that is meant',
  },
} as const satisfies ProblemCodes;
