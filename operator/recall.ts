// SPDX-License-Identifier: Apache-2.0
// What the audit log tells a term of leadership that begins: the marks and the trust policy that were in force, which no backup of
// the cluster lowers; and what of both goes on record from then on.
import type { Mark } from '../crds/marks.ts';
import { createMarksRecord } from './audit/marks-record.ts';
import type { AuditLog } from './audit/index.ts';
import { createTrustRecord } from './audit/trust-record.ts';
import { recallMarks } from './controllers/marks.ts';
import type { MarksDeps } from './controllers/marks.ts';
import type { TrustHolder } from './controllers/trust-policy.ts';

export type RecallDeps = Pick<MarksDeps, 'ledger' | 'namespace' | 'recorder'> & {
  readonly audit: Pick<AuditLog, 'states' | 'tellOnce'>;
  readonly trust: TrustHolder;
};

export type Recall = {
  /** False while the ledger is closed. */
  recall(): Promise<boolean>;
  readonly record: (marks: readonly Mark[]) => void;
};

export const createRecall = ({ audit, trust, ...marks }: RecallDeps): Recall => {
  const marksRecord = createMarksRecord(audit);
  const trustRecord = createTrustRecord(audit);
  /** As it was proven: what stands in the object may have lost its seals or its chain since. */
  const recordTrust = (): void => {
    const state = trust.current();
    const signature = trust.provenBy();
    if (state.ok && signature !== undefined) trustRecord.record({ version: state.trust.version, digest: state.trust.digest, signature });
  };
  return {
    recall: async () => {
      const followed = await trustRecord.recall();
      const recorded = await marksRecord.recall();
      if (followed === undefined || recorded === undefined) return false;
      // First: by what is trusted now it is judged which marks stand.
      if (followed !== 'none') trust.recall(followed);
      await recallMarks(marks, recorded);
      return true;
    },
    record: (raised) => {
      marksRecord.record(raised);
      recordTrust();
    },
  };
};
