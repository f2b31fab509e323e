// SPDX-License-Identifier: Apache-2.0
/**
 * What a policy says about its matching that can not be meant: rules that everything is excluded from, selectors that
 * contradict themselves, conditions that no operation of the rules can meet. Findings are certain, not guesses: a part that
 * is named here never matches a request. For `writ lint`.
 */
import { CelError, Fields } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';
import { workloadKinds } from '../subject/workload-kinds.ts';
import { pathText } from './expression.ts';
import type { FieldPath } from './expression.ts';
import type { MatchRule } from './match.ts';
import type { CompiledPolicy, NamedProgram } from './policy-set.ts';
import type { Selector } from './selector.ts';

export type MatchFinding = { readonly path: FieldPath; readonly message: string };

const within = (narrow: ReadonlySet<string>, wide: ReadonlySet<string>): boolean =>
  wide.has('*') || (!narrow.has('*') && [...narrow].every((value) => wide.has(value)));

type Place = MatchRule['resources'][number];
const coversPlace = (wide: Place, narrow: Place): boolean =>
  (wide.resource === '*' || wide.resource === narrow.resource) && (wide.subResource === '*' || wide.subResource === narrow.subResource);

const covers = (wide: MatchRule, narrow: MatchRule, exact: boolean): boolean =>
  within(narrow.groups, wide.groups) &&
  (!exact || within(narrow.versions, wide.versions)) &&
  within(narrow.operations, wide.operations) &&
  (wide.scope === '*' || wide.scope === narrow.scope) &&
  (wide.names.size === 0 || (narrow.names.size > 0 && [...narrow.names].every((name) => wide.names.has(name)))) &&
  narrow.resources.every((place) => wide.resources.some((other) => coversPlace(other, place)));

const meet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.has('*') || b.has('*') || [...a].some((value) => b.has(value));

const placesMeet = (a: Place, b: Place): boolean =>
  (a.resource === '*' || b.resource === '*' || a.resource === b.resource) &&
  (a.subResource === '*' || b.subResource === '*' || a.subResource === b.subResource);

const rulesMeet = (a: MatchRule, b: MatchRule): boolean =>
  meet(a.groups, b.groups) &&
  meet(a.operations, b.operations) &&
  (a.scope === '*' || b.scope === '*' || a.scope === b.scope) &&
  (a.names.size === 0 || b.names.size === 0 || meet(a.names, b.names)) &&
  a.resources.some((place) => b.resources.some((other) => placesMeet(place, other)));

/** A label that would have to be there and not, or have two values. */
const contradiction = ({ requirements }: Selector): string | undefined => {
  for (const [key, about] of Map.groupBy(requirements, (one) => one.key)) {
    const absent = about.some(({ operator }) => operator === 'DoesNotExist');
    const present = about.some(({ operator }) => operator === 'Exists' || operator === 'In');
    if (absent && present) return `the label ${key} would have to be there and not to be there`;
    const wanted = about.filter(({ operator }) => operator === 'In');
    const refused = about.filter(({ operator }) => operator === 'NotIn');
    const [first, ...others] = wanted;
    const left = [...(first?.values ?? [])].filter(
      (value) => others.every(({ values }) => values.has(value)) && !refused.some(({ values }) => values.has(value)),
    );
    if (first !== undefined && left.length === 0) return `no value of the label ${key} meets all requirements`;
  }
  return undefined;
};

/** Plurals of the table that belong to one group only, so that another group is a slip. */
const groupsOf = Map.groupBy(workloadKinds, ({ plural }) => plural);

const ruleFinding = (rule: MatchRule, path: FieldPath, policy: CompiledPolicy): MatchFinding | undefined => {
  const excluded = policy.match.excluded.findIndex((other) => covers(other, rule, policy.match.matchPolicy === 'Exact'));
  if (excluded >= 0) return { path, message: `excludeResourceRules[${excluded}] takes away all that the rule names` };
  const lost = rule.resources.find(({ resource }) => {
    const rows = groupsOf.get(resource);
    // Only groups of Kubernetes itself are known to have no such resource.
    const builtIn = [...rule.groups].every((group) => ['', 'apps', 'batch'].includes(group));
    return rows !== undefined && builtIn && !rows.some(({ group }) => rule.groups.has(group));
  });
  if (lost === undefined) return undefined;
  const group = groupsOf.get(lost.resource)?.[0]?.group ?? '';
  return {
    path: [...path, 'apiGroups'],
    message: `${lost.resource} belong to ${group === '' ? 'the core group ""' : group}, which the rule does not name`,
  };
};

/** A request of which the operation alone is known: whatever else is read is an error, so a `false` is certain. */
class OperationOnly extends Fields {
  readonly #operation: string;
  constructor(operation: string) {
    super();
    this.#operation = operation;
  }
  override field(name: string): Value | CelError {
    return name === 'operation' ? this.#operation : new CelError('not known');
  }
}

const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];
const STEPS = 10_000;

/** All else is not bound and so an error too. `has(…)` and `.?` turn what is not known into an answer, so conditions with these are left alone. */
const neverTrue = ({ program }: NamedProgram, policy: CompiledPolicy): boolean => {
  if (/\bhas\s*\(|\?/.test(program.source)) return false;
  const operations = policy.match.rules.some(({ operations }) => operations.has('*'))
    ? OPERATIONS
    : [...new Set(policy.match.rules.flatMap(({ operations }) => [...operations]))];
  return (
    operations.length > 0 &&
    operations.every((operation) => program.evaluate({ request: new OperationOnly(operation) }, { remaining: STEPS }) === false)
  );
};

const selectorFindings = (match: CompiledPolicy['match'], base: FieldPath): readonly MatchFinding[] =>
  (['namespaceSelector', 'objectSelector'] as const).flatMap((field) => {
    const selector = match[field];
    const message = selector === undefined ? undefined : contradiction(selector);
    return message === undefined ? [] : [{ path: [...base, field], message }];
  });

/** Findings within the policy's own document; `rules` is the number of its resourceRules. */
export const matchFindings = (policy: CompiledPolicy, rules: number): readonly MatchFinding[] => {
  const base: FieldPath = ['spec', 'matchConstraints'];
  return [
    ...policy.match.rules.slice(0, rules).flatMap((rule, index) => ruleFinding(rule, [...base, 'resourceRules', index], policy) ?? []),
    ...selectorFindings(policy.match, base),
    ...policy.matchConditions.flatMap((condition, index) =>
      neverTrue(condition, policy)
        ? [{ path: ['spec', 'matchConditions', index, 'expression'], message: 'no operation of the rules makes it true' }]
        : [],
    ),
  ];
};

/** Findings about one binding, by its name, within the binding's document. */
export const bindingFindings = (policy: CompiledPolicy): readonly (MatchFinding & { readonly binding: string })[] =>
  (policy.bindings ?? []).flatMap(({ name, match }) => {
    const base: FieldPath = ['spec', 'matchResources'];
    const apart = !match.rules.some((rule) => policy.match.rules.some((other) => rulesMeet(rule, other)));
    return [
      ...(apart ? [{ path: [...base, 'resourceRules'], message: `nothing that ${policy.name} matches is named here` }] : []),
      ...selectorFindings(match, base),
    ].map((finding) => ({ ...finding, binding: name }));
  });

export const findingPath = (finding: MatchFinding): string => pathText(finding.path);
