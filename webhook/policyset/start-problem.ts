// SPDX-License-Identifier: Apache-2.0
// Why a replica that starts may not decide yet: it would decide by less than those that run. What a commit on its way
// accounts for is waited for; what was enforced before and is nowhere in sight has a code of its own.
import { MARKS_NAME } from '../../crds/kinds.ts';
import type { Mark } from '../../crds/marks.ts';
import { documentKey } from '../../policies/currency/index.ts';
import type { Problem } from '../../policies/problem.ts';
import type { Assembled, Pending } from './enforcement.ts';

const DESCRIBED_MAX = 5;

const describeMissing = ({ source, revision, missing, why }: Pending): string => {
  if (why !== undefined) return why;
  const [first] = missing;
  const reason = first?.problem === undefined ? '' : ` (${first.problem.code}: ${first.problem.message})`;
  return `${source} at ${revision} lacks ${missing.length} of its documents, first ${first?.name ?? ''}${reason}`;
};

const describePending = (pending: readonly Pending[]): string => {
  const lines = pending.slice(0, DESCRIBED_MAX).map(describeMissing);
  return [...lines, ...(pending.length > DESCRIBED_MAX ? [`and ${pending.length - DESCRIBED_MAX} more sources`] : [])].join('; ');
};

const describeUnmet = (unmet: readonly Mark[]): string => {
  const lines = unmet.slice(0, DESCRIBED_MAX).map(({ kind, name, version }) => `${kind} ${name} version ${version}`);
  return `enforced before and not here: ${lines.join(', ')}${unmet.length > DESCRIBED_MAX ? ` and ${unmet.length - DESCRIBED_MAX} more` : ''}`;
};

/** `areReadable`: whether the marks are, or are not there at all. */
export const startProblem = (found: Pick<Assembled, 'pending' | 'unmet'>, areReadable: boolean): Problem | undefined => {
  const { pending } = found;
  const awaited = new Set(pending.flatMap(({ missing, orders = [] }) => [...missing.map(documentKey), ...orders]));
  const unmet = found.unmet.filter((mark) => !awaited.has(documentKey(mark)));
  const lacks = [
    ...(areReadable ? [] : [`ConfigMap ${MARKS_NAME}, which says what was enforced, cannot be read; the operator writes it again`]),
    ...(unmet.length === 0 ? [] : [describeUnmet(unmet)]),
  ];
  if (lacks.length > 0)
    return { code: 'MARK_UNMET', message: [...lacks, ...(pending.length === 0 ? [] : [describePending(pending)])].join('; ') };
  return pending.length === 0 ? undefined : { code: 'WEBHOOK_NOT_READY', message: describePending(pending) };
};
