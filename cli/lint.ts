// SPDX-License-Identifier: Apache-2.0
// writ lint: everything that would be refused later, told now, at its place; and what can hardly be meant.
import { Command, Option } from 'commander';
import { pathText } from '../policies/compile/expression.ts';
import { costFindings } from '../policies/compile/cost-findings.ts';
import { bindingFindings, findingPath, matchFindings } from '../policies/compile/match-findings.ts';
import type { MatchFinding } from '../policies/compile/match-findings.ts';
import { typeFindings } from '../policies/compile/type-findings.ts';
import { valueAt } from '../policies/document/json.ts';
import type { ParsedDocument } from '../policies/document/index.ts';
import { formatProblem } from '../policies/problem.ts';
import type { Problem } from '../policies/problem.ts';
import { isFolder } from './find-files.ts';
import { EXIT_FINDINGS, plural, printJson, printProblems, printWarnings, problemRow } from './output.ts';
import type { Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { PolicyFiles } from './policy-files.ts';
import { readRepository } from './repository-files.ts';
import type { RepositoryFiles } from './repository-files.ts';
import { readDefinitions } from './schemas/definition-files.ts';
import { knownTypes } from './schemas/index.ts';
import { sarifLog } from './sarif.ts';

type Options = { readonly output: 'text' | 'json' | 'sarif'; readonly strict: boolean; readonly crds: readonly string[] };

const HELP = `
A folder is searched for YAML files that speak of writ.dev or admissionregistration.k8s.io; a file that is named is always
read, and - is standard input. How many other YAML files were left alone is told. A folder that has trust.yaml, or YAML in
policies/, tenants/, rulesets/ or licenses/, is a policy repository: what the operator would read there must be as it wants it, names included;
seals of policies are for writ verify. Found are: encodings and YAML that readers disagree about, fields that are unknown, missing or of the wrong type,
values whose meaning differs between YAML 1.1 and 1.2, expressions that do not compile, bindings that an API server would
refuse, two policies of one name, tiers of a catalog that give by default what they do not allow, members of a ruleset that are missing, are not named or have another digest than it
says (\`writ pin\` writes digests), requirements of rulesets that no release can meet, and versions of the trust policy that do not follow
from each other under the seals of both (trust.yaml from the oldest in trust/; one that nobody has sealed yet is a warning).

Warnings are told of what is allowed and can hardly be meant: rules that excludeResourceRules take away, resources in a
group that has none of them, selectors that contradict themselves, match conditions that no operation of the rules can
make true, bindings without policy and policies without binding, expressions that cost more than any may. Where the rules name kinds without wildcards, expressions
are checked against the types of these kinds too, as the API server does for status.typeChecking: those of Kubernetes are
known, others come from the CustomResourceDefinitions among PATHS or in --crds. What workload is made of is checked against pods.
Warnings count only with --strict.

Formats: text has one line a finding, file:line:column: CODE: message (fix), on standard error, and a summary on standard
output; json has {files, leftAlone, problems, warnings}, each problem with code, message, fix, path, file, line, column, and costs: what
Kubernetes estimates each expression to cost, {policy, path, min, max}, with objects of unknown size; sarif is SARIF 2.1.0.

Exit codes: 0 nothing found, 1 problems (with --strict: or warnings), 2 wrong use.

Examples:
  writ lint .
  writ lint policies/a.yaml --output json
  writ lint policies --crds crds
  helm template chart | writ lint -
  writ lint policies --strict --output sarif > writ.sarif`;

const warn = (finding: MatchFinding, document: ParsedDocument): Problem => ({
  code: 'MATCH_UNREACHABLE',
  message: finding.message,
  path: findingPath(finding),
  at: document.positionOf(finding.path),
});

/** Of policies that compile only: others have worse to be told. */
const matchWarnings = ({ set, policies }: PolicyFiles): readonly Problem[] =>
  set.policies.flatMap((policy) => {
    const loaded = policies.find(({ digest, name }) => name === policy.name && digest === policy.digest);
    if (loaded === undefined) return [];
    const { document, spec, bindings = [] } = loaded;
    const own = matchFindings(policy, spec.matchConstraints?.resourceRules?.length ?? 0).map((finding) => warn(finding, document));
    const ofBindings = bindingFindings(policy).flatMap((finding) => {
      const bound = bindings.find(({ value }) => valueAt(value, ['metadata', 'name']) === finding.binding);
      return bound === undefined ? [] : [warn(finding, bound)];
    });
    return [...own, ...ofBindings];
  });

/** Where the rules of a policy name kinds exactly, what the types of these say. */
const typeWarnings = ({ set, policies, definitions }: PolicyFiles, crds: readonly string[]): readonly Problem[] => {
  const known = knownTypes([...definitions, ...readDefinitions(crds)]);
  const compiled = new Set(set.policies.map(({ name, digest }) => JSON.stringify([name, digest])));
  return policies.flatMap(({ name, digest, spec, document, bindings }) => {
    if (!compiled.has(JSON.stringify([name, digest]))) return [];
    return typeFindings(spec, { known, isOurs: bindings === undefined }).map(({ path, message, offset, kinds }): Problem => ({
      code: 'EXPRESSION_TYPES',
      message: `${kinds.join(' and ')}: ${message}`,
      path: pathText(path),
      at: document.positionIn(path, offset),
    }));
  });
};

type PolicyCost = { readonly policy: string; readonly path: string; readonly min: number; readonly max: number };
type Costs = { readonly costs: readonly PolicyCost[]; readonly warnings: readonly Problem[] };

/** What each expression may cost, and those that cost more than any may. */
const costsOf = ({ set, policies }: PolicyFiles): Costs => {
  const found = set.policies.flatMap((policy) => {
    const document = policies.find((one) => one.name === policy.name && one.digest === policy.digest)?.document;
    return costFindings(policy).map((finding) => ({ ...finding, policy: policy.name, document }));
  });
  return {
    costs: found.map(({ policy, path, estimate }) => ({ policy, path: pathText(path), ...estimate })),
    warnings: found.flatMap(({ path, message, document }): readonly Problem[] =>
      message === undefined || document === undefined
        ? []
        : [{ code: 'EXPRESSION_COST', message, path: pathText(path), at: document.positionOf(path) }],
    ),
  };
};

/** Those that a repository has beyond the ones of its documents, which are found twice. */
const allProblems = ({ problems }: PolicyFiles, repositories: readonly RepositoryFiles[]): readonly Problem[] => {
  const told = new Set(problems.map(formatProblem));
  return [...problems, ...repositories.flatMap((one) => one.problems).filter((problem) => !told.has(formatProblem(problem)))];
};

const lint = (paths: readonly string[], options: Options, terminal: Terminal): void => {
  const repositories = paths.filter(isFolder).flatMap((path) => readRepository(path, terminal.clock.now()) ?? []);
  const files = loadPolicyFiles(paths, repositories.length > 0);
  const { documents } = files;
  const problems = allProblems(files, repositories);
  const read = new Set(repositories.flatMap((repository) => repository.files));
  const leftAlone = files.leftAlone.filter((file) => !read.has(file));
  const { costs, warnings: dear } = costsOf(files);
  const ofTrust = repositories.flatMap((repository) => repository.warnings);
  const warnings = [...ofTrust, ...files.warnings, ...matchWarnings(files), ...typeWarnings(files, options.crds), ...dear];
  if (problems.length > 0 || (options.strict && warnings.length > 0)) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'sarif') return printJson(terminal, sarifLog({ problems, warnings }));
  if (options.output === 'json')
    return printJson(terminal, {
      files: documents,
      leftAlone,
      problems: problems.map(problemRow),
      warnings: warnings.map(problemRow),
      costs,
    });
  printProblems(terminal, problems);
  printWarnings(terminal, warnings);
  const also = warnings.length === 0 ? '' : `, ${plural(warnings.length, 'warning')}`;
  const others = leftAlone.length === 0 ? '' : `; ${plural(leftAlone.length, 'other YAML file')} left alone: not Writ's`;
  terminal.out(`${plural(documents, 'document')}, ${plural(problems.length, 'problem')}${also}${others}\n`);
};

export const lintCommand = (terminal: Terminal): Command =>
  new Command('lint')
    .description('find what is wrong with documents, at file:line:column')
    .argument('<paths...>', 'documents or folders')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json', 'sarif']).default('text'))
    .option('--crds <paths...>', 'CustomResourceDefinitions: files or folders', [])
    .option('--strict', 'warnings count as problems', false)
    .addHelpText('after', HELP)
    .action((paths: string[], options: Options) => lint(paths, options, terminal));
