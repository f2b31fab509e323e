// SPDX-License-Identifier: Apache-2.0
// The marks in the audit log: a second place for them, which no backup of the cluster puts back.
import { isSealedKind, trustPolicies } from '../../crds/kinds.ts';
import { SET_KIND, decodeMark } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { documentKey } from '../../policies/currency/index.ts';
import { TENANT_KIND } from '../../policies/tenant-object.ts';
import { MARK_TOPIC, markRaised } from './facts.ts';
import type { AuditLog } from './index.ts';

export type MarksRecord = {
  /** What is on record; undefined while the ledger is closed. */
  readonly recall: () => Promise<readonly Mark[] | undefined>;
  /** Puts those on record that are not. Waits for `recall`: what is on record must not fall. */
  readonly record: (marks: readonly Mark[]) => void;
};

const isSealable = ({ kind }: Mark): boolean => isSealedKind(kind) || [SET_KIND, trustPolicies.kind, TENANT_KIND].includes(kind);

/** What is before says as much: a higher version, or that this one ended, after which it stands under a higher one only. */
const saysMore = (before: Mark, { version, gone }: Mark): boolean =>
  before.version > version || (before.version === version && before.gone === true && gone !== true);

const read = (state: string): readonly Mark[] => {
  try {
    const mark = decodeMark(JSON.parse(state));
    return mark === undefined || !isSealable(mark) ? [] : [mark];
  } catch {
    return [];
  }
};

export const createMarksRecord = (audit: Pick<AuditLog, 'states' | 'tellOnce'>): MarksRecord => {
  let said: Map<string, Mark> | undefined;
  return {
    recall: async () => {
      const states = await audit.states(MARK_TOPIC);
      if (states === undefined) return undefined;
      const marks = states.flatMap(read);
      said = new Map(marks.map((mark) => [documentKey(mark), mark]));
      return marks;
    },
    record: (marks) => {
      if (said === undefined) return;
      for (const mark of marks) {
        const key = documentKey(mark);
        const before = said.get(key);
        if (before !== undefined && (saysMore(before, mark) || JSON.stringify(before) === JSON.stringify(mark))) continue;
        said.set(key, mark);
        audit.tellOnce(markRaised(mark));
      }
    },
  };
};
