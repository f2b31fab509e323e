// SPDX-License-Identifier: Apache-2.0
// What is wrong with receipts of decisions.
import type { ProblemCodes } from './entry.ts';

export const receiptsCodes = {
  RECEIPT_MALFORMED: {
    summary: 'The file is not a spool of receipts, or not one receipt, as Writ writes them.',
    fix: 'take the file as the webhook or `writ verify-receipt --extract` wrote it; what was changed by hand proves nothing',
  },
  RECEIPT_KEY: {
    summary: 'Receipts are sealed by a key that is not trusted, or that is not the one that comes along with them.',
    fix: 'give the public key of that replica with --key, as its report or its log named it',
  },
  RECEIPT_SIGNATURE: {
    summary: 'The signature of a batch of receipts does not hold.',
    fix: 'the batch was changed: take it from another copy of the spool',
  },
  RECEIPT_INCLUSION: {
    summary: 'A record is not the one that was sealed in its batch.',
    fix: 'records were changed, moved, added or taken out: take them from another copy of the spool',
  },
  RECEIPT_CHAIN: {
    summary: 'Batches of receipts do not follow each other without a gap.',
    fix: 'give all files of the spool, each once; what is missing was taken out',
  },
  RECEIPT_UNSEALED: {
    summary: 'A file of a spool ends in records that no seal covers.',
    fix: 'the replica was killed while it wrote, or the file was cut: the records under no seal prove nothing',
  },
  RECEIPT_NOT_FOUND: {
    summary: 'The spool has no receipt of this decision.',
    fix: 'check the id, and that the spool is that of the replica that answered',
  },
} as const satisfies ProblemCodes;
