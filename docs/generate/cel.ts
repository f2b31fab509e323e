// SPDX-License-Identifier: Apache-2.0
// The page of the expression language: which functions each Kubernetes minor brought, and where the engine is known to
// differ from the API server.
import { MOST_SOURCE } from '../../policies/compile/policy.ts';
import { code, page, plain, table } from './markdown.ts';

type Functions = { readonly name: string; readonly since: string; readonly functions: readonly { readonly name: string }[] };
type Difference = { readonly name: string; readonly why: string };
type Limits = { readonly expression: number; readonly match: number; readonly policy: number; readonly audit: number; readonly effort: number };

/** Operators are written between their operands, not called by these names. */
const isCalled = (name: string): boolean => !/^[_@!-]/.test(name);

const count = (steps: number): string => steps.toLocaleString('en-US');

const functionRows = (libraries: readonly Functions[]): readonly (readonly string[])[] =>
  libraries.map(({ name, since, functions }) => {
    const names = [...new Set(functions.map((one) => one.name))].filter(isCalled).toSorted();
    return [plain(name), since, names.map(code).join(' ')];
  });

export const celPage = (input: {
  readonly newest: string;
  readonly libraries: readonly Functions[];
  readonly limits: Limits;
  readonly differences: readonly Difference[];
}): string => {
  const { newest, libraries, limits, differences } = input;
  return page('Expressions', '`policies/cel/functions`, `policies/decide/limits.ts` and `test/conformance/known-differences.ts`', [
    `The Common Expression Language as Kubernetes ${newest} has it. [policies/cel/README.md](../../policies/cel/README.md) says how to use the engine by itself.`,
    '## Functions',
    'Beside the operators and the macros `has`, `all`, `exists`, `exists_one` / `existsOne`, `map`, `filter`, `optMap`, `optFlatMap`, `transformList`, ' +
      '`transformMap`, `transformMapEntry` and `sortBy`. `math.*`, `base64.*`, `cel.bind`, protocol buffers and network extensions are not in ' +
      'Kubernetes, and are refused.',
    table(['Library', 'Since Kubernetes', 'Functions'], functionRows(libraries)),
    '## Limits',
    'In steps of Kubernetes’ cost model, counted as the API server counts them.',
    table(
      ['What', 'Steps'],
      [
        ['one expression', count(limits.expression)],
        ['all match conditions of a policy', count(limits.match)],
        ['all validations and messages of a policy', count(limits.policy)],
        ['all audit annotations of a policy', count(limits.audit)],
      ],
    ),
    'Policies together have no bound in steps. Writ counts beside them the work that calls and loops really do, in units of some 5 ns or 8 bytes: ' +
      `3,000,000 for one expression, which then fails with an error, and ${count(limits.effort)} for all that policies do for one request, which is then ` +
      'refused by `DECISION_BUDGET`.',
    `All expressions of one Policy together have at most ${count(MOST_SOURCE)} characters, so that compiling it holds up no request for long; ` +
      'those of a ValidatingAdmissionPolicy have as many as the API server takes.',
    '## Where it differs',
    'Generated expressions are evaluated here and by Kubernetes’ own code and compared in type, value, cost, error and refusal (`make conformance`). ' +
      'What differs and why:',
    table(
      ['What', 'Why'],
      differences.map(({ name, why }) => [plain(name), plain(why)]),
    ),
    'Not compared: syntax errors beyond their place, since the API server’s wording is that of its parser generator; and expressions over which ' +
      'Kubernetes itself breaks down while compiling, such as `[?self.a, 1]`; and the cost of an evaluation in which it breaks down.',
  ]);
};
