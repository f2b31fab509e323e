// SPDX-License-Identifier: Apache-2.0
// Limits on metered use hold new agent workloads up; what runs goes on, and what is no agent uses nothing that is metered so.
import type { TenantUsage } from '../../crds/generated/objects.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import type { Problem } from '../../policies/problem.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import { judgeUse } from '../../policies/usage/index.ts';
import type { Bound } from './tenants.ts';

/** Where a tenant stands, as the operator wrote it last; undefined where nothing is known. */
export type UseStanding = (tenant: string) => TenantUsage['status'];

export type UseAnswer =
  | { readonly kind: 'refused'; readonly problems: readonly [Problem, ...Problem[]] }
  | { readonly kind: 'passed'; readonly warnings: readonly string[]; readonly audit: string | undefined };

const PASSED: UseAnswer = { kind: 'passed', warnings: [], audit: undefined };

export const useAnswer = (request: AdmissionRequest, { bounds, limits }: Bound, standingOf: UseStanding): UseAnswer => {
  if (limits.length === 0 || request.operation !== 'CREATE' || request.subResource !== '') return PASSED;
  const judged = judgeUse(limits, standingOf(bounds.tenant)?.limits);
  if (judged.problems.length === 0) return PASSED;
  const subject = subjectOf(request);
  if (subject.kindInfo === undefined || !subject.isAgent()) return PASSED;
  const [first, ...more] = judged.problems.filter(({ verdict }) => verdict === judged.verdict);
  if ((judged.verdict === 'Deny' || judged.verdict === 'Throttle') && first !== undefined)
    return { kind: 'refused', problems: [first, ...more] };
  return {
    kind: 'passed',
    warnings: judged.problems.filter(({ verdict }) => verdict === 'Warn').map(({ message }) => message),
    audit: judged.problems.map(({ message }) => message).join('; '),
  };
};
