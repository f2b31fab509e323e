// SPDX-License-Identifier: Apache-2.0
import type { Policy } from '../../crds/generated/types.ts';
import type { Problem, SourcePosition } from '../problem.ts';
import type { Rule } from '../subject/workload-kinds.ts';
import type { PolicySet } from './policy-set.ts';

export type { CompiledPolicy, Enforcement, PolicySet } from './policy-set.ts';
export type CompileInput = {
  readonly policy: Policy;
  readonly digest: string;
  readonly file?: string;
  readonly positionOf?: (path: readonly (string | number)[]) => SourcePosition;
};
export type Refusal = { readonly name: string; readonly problems: readonly Problem[] };
export const emptySet: PolicySet = { digest: '', policies: [], candidates: () => [] };
export const compilePolicies = (documents: readonly CompileInput[]): { readonly set: PolicySet; readonly refused: readonly Refusal[] } => {
  throw new Error(String(documents.length));
};
export const admissionRules = (set: PolicySet): readonly Rule[] => { throw new Error(set.digest); };
