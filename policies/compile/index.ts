// SPDX-License-Identifier: Apache-2.0
/**
 * Verified policy documents → an immutable `PolicySet` with a digest.
 *
 * In: Policy objects with the digest of the bytes they came from and, where there is a file, a way from field paths to
 * positions. Out: the set of those that compile, and for each other one every problem with code, field path and place.
 * Pure and total: no policy, however hostile, throws. The operator compiles to refuse a commit early and to know the rules
 * of the webhook configuration, the webhook and the command line to decide. Compiling takes milliseconds; deciding is
 * `policies/decide`.
 */
import type { Policy } from '../../crds/generated/objects.ts';
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import type { Problem, SourcePosition } from '../problem.ts';
import type { Rule } from '../subject/workload-kinds.ts';
import { rulesFor } from './admission-rules.ts';
import { problemAt } from './expression.ts';
import { compilePolicyInSteps } from './policy.ts';
import type { CompiledBinding, CompiledPolicy, PolicySet } from './policy-set.ts';
import { createSet } from './set-index.ts';

export type { CompiledPolicy, Enforcement, PolicySet } from './policy-set.ts';

export type CompileInput = {
  readonly policy: Policy;
  /** Of the signed bytes; verdicts and the set's digest go by it. */
  readonly digest: string;
  readonly file?: string;
  readonly positionOf?: (path: readonly (string | number)[]) => SourcePosition;
  /** The document is a ValidatingAdmissionPolicy (`validating-admission-policy.ts`), and these are its bindings. */
  readonly bindings?: readonly CompiledBinding[];
};

export type Refusal = { readonly name: string; readonly problems: readonly Problem[] };
export type Compiled = { readonly set: PolicySet; readonly refused: readonly Refusal[] };

/** Nothing is verified: governed workloads are refused. */
export const emptySet: PolicySet = createSet([]);

const nameOf = (input: CompileInput): string => input.policy.metadata.name ?? '';

const compareInputs = (a: CompileInput, b: CompileInput): number => {
  const [first, second] = [nameOf(a), nameOf(b)];
  if (first !== second) return first < second ? -1 : 1;
  return a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0;
};

/** The outcome does not depend on the order of the documents; of two of one name the one with the lower digest stays. One that is retired, or breaks glass, is not in the set. */
export const compileInSteps = function* (documents: readonly CompileInput[]): Steps<Compiled> {
  const policies: CompiledPolicy[] = [];
  const refused: Refusal[] = [];
  const names = new Set<string>();
  for (const input of documents.toSorted(compareInputs)) {
    const name = nameOf(input);
    // A Policy and a ValidatingAdmissionPolicy are of two kinds, so they may share a name.
    const taken = input.bindings === undefined ? name : `/${name}`;
    if (names.has(taken)) {
      const problem = problemAt('POLICY_NAME_TAKEN', `another document holds the policy ${name} too`, {
        path: ['metadata', 'name'],
        positionOf: input.positionOf,
      });
      refused.push({ name, problems: [problem] });
      continue;
    }
    names.add(taken);
    // One ends the versions before it and matches nothing, the other speaks of policies: there is nothing to compile.
    if (input.policy.spec.retired === true || input.policy.spec.breakGlass !== undefined) continue;
    const outcome = yield* compilePolicyInSteps(input);
    if (outcome.ok) policies.push(outcome.policy);
    else refused.push({ name, problems: outcome.problems });
  }
  return { set: createSet(policies), refused };
};

export const compilePolicies = atOnce(compileInSteps);

/** What the API server must ask us about for this set; the same for the same set, in a stable order. */
export const admissionRules = (set: PolicySet): readonly Rule[] => rulesFor(set.policies);
