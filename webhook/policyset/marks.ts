// SPDX-License-Identifier: Apache-2.0
// The highest version that was enforced of each policy, so that an old order cannot be played again: a version may only
// rise, and one version is one document. Held in memory: what a fresh replica meets first is its first mark.
import type { Problem } from '../../policies/problem.ts';

export type Mark = { readonly version: number; readonly digest: string };
export type Marks = ReadonlyMap<string, Mark>;

type Marked = Mark & { readonly name: string };

// Names that come and go may not fill the memory; the oldest are forgotten first.
const MAX_MARKS = 20_000;

export const checkMarks = (marks: Marks, { name, version, digest }: Marked): Problem | undefined => {
  const mark = marks.get(name);
  if (mark === undefined || version > mark.version || digest === mark.digest) return undefined;
  return version < mark.version
    ? {
        code: 'POLICY_ROLLBACK',
        message: `version ${version} of policy ${name} is older than version ${mark.version}, which is enforced`,
        path: 'spec.version',
      }
    : {
        code: 'POLICY_EQUIVOCATION',
        message: `version ${version} of policy ${name} exists already with other bytes`,
        path: 'spec.version',
      };
};

export const raiseMarks = (marks: Marks, enforced: readonly Marked[]): Marks => {
  const raised = new Map(marks);
  for (const { name, version, digest } of enforced) {
    const mark = raised.get(name);
    if (mark === undefined || version > mark.version) raised.set(name, { version, digest });
  }
  for (const name of raised.keys()) {
    if (raised.size <= MAX_MARKS) break;
    raised.delete(name);
  }
  return raised;
};
