// SPDX-License-Identifier: Apache-2.0
// What is wrong with an export of the audit log, or keeps the log from being written.
import type { ProblemCodes } from './entry.ts';

export const auditCodes = {
  AUDIT_CHANGED: {
    summary: 'An entry, a tile or a file of an export of the audit log is not what was signed.',
    fix: 'take the export anew from the log; if the log itself says so, keep both copies: somebody changed it',
  },
  AUDIT_CHAIN: {
    summary: 'Entries of the audit log do not follow each other: a number, a time or the hash of the entry before is wrong.',
    fix: 'keep the export as evidence: whoever holds the signing key wrote entries that the operator would not have written',
  },
  AUDIT_FORK: {
    summary: 'Two signed checkpoints of one log do not belong to one tree: different histories were shown to different readers.',
    fix: 'keep both checkpoints: together they prove it. Trust neither until it is known which one the witnesses saw',
  },
  AUDIT_SIGNATURE: {
    summary: 'A signature under a checkpoint, by a key that is known, does not hold.',
    fix: 'take the checkpoint anew from the log; a known key signs nothing that does not hold',
  },
  AUDIT_KEY: {
    summary: 'A checkpoint is not signed by a key that is trusted, or not cosigned by as many witnesses as are asked for.',
    fix: 'give the verifier keys of the log and of its witnesses, as their owners published them, with --vkey and --witness',
  },
  AUDIT_INCOMPLETE: {
    summary: 'A part of an export of the audit log is missing or cut off.',
    fix: 'copy or make the export anew, whole; what is missing can not be proven',
  },
  AUDIT_FIELD_UNREADABLE: {
    summary: 'An encrypted field of the audit log does not open with the keys that were given.',
    fix: 'take ledger and wrapping keys of the same installation and the same time; after a rotation the older wrapping key is gone from the Secret',
  },
  AUDIT_NO_LOG: {
    summary: 'The folder of published audit logs has no log of that tenant, or none at all.',
    fix: 'look at the names in its folder `tenant`; a tenant has a log from its first entry on, and keeps it when it is gone',
  },
  AUDIT_MALFORMED: {
    summary: 'A file is not of an audit log as Writ writes it.',
    fix: 'take the file as it was written; what was changed by hand proves nothing',
  },
  AUDIT_STALE: {
    summary: 'An export of the audit log is older than `--max-age` allows, or does not show how old it is.',
    fix: 'take a new export, with the root log whole or with witnesses; if it is no younger, the operator publishes no more, or shows you another history than it has',
  },
  AUDIT_SINCE: {
    summary: 'What was given as a checkpoint that was kept can not be read, or is no signed checkpoint.',
    fix: 'give the file `checkpoint` of a log as it was published or cosigned; nothing was held against it',
  },
  AUDIT_DIVERGED: {
    summary: 'What the operator has stored of an audit log no longer leads to the checkpoint that it signed before.',
    fix: 'nothing more is signed for that log: keep the volume as evidence and restore the store and the files from one backup',
  },
  AUDIT_WITNESS: {
    summary: 'A witness did not cosign a checkpoint.',
    fix: 'look at the log of the witness: a refusal for inconsistency means that it was shown another history before',
  },
} as const satisfies ProblemCodes;
