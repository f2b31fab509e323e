// SPDX-License-Identifier: Apache-2.0
/**
 * What the types of the objects say against a policy's expressions, where its rules name kinds exactly.
 *
 * In: a policy's spec and the types of kinds, which the caller knows. Out: findings with kind, field and offset. They are the
 * API server's own type checks of ValidatingAdmissionPolicies (status.typeChecking), with its bounds: kinds of rules without
 * wildcards, ten at most for each rule; besides validations and their messages, match conditions, variables and audit
 * annotations are checked too. An expression that fails here may still be right for other kinds, so these are warnings.
 */
import type { PolicySpec, ResourceRule } from '../../crds/generated/objects.ts';
import { celTypes, compile } from '../cel/index.ts';
import type { Type } from '../cel/index.ts';
import { baseDeclarations, kubernetesDeclarations, withAuthorizer, withParams, withVariables, workloadOfPod } from './declarations.ts';
import type { Declarations } from './declarations.ts';
import type { FieldPath } from './expression.ts';

export type KnownKind = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Undefined: it has no schema. */
  readonly type: () => Type | undefined;
};

export type KnownTypes = {
  readonly kindsOf: (resource: { readonly group: string; readonly version: string; readonly plural: string }) => readonly KnownKind[];
  readonly kind: (kind: { readonly group: string; readonly version: string; readonly kind: string }) => KnownKind | undefined;
};

export type TypeFinding = {
  readonly path: FieldPath;
  readonly message: string;
  /** Within the expression, in UTF-16 units. */
  readonly offset: number;
  /** `apps/v1, Kind=Deployment`, the kinds for which it is so. */
  readonly kinds: readonly string[];
};

const MAX_KINDS = 10;

const exactly = (values: readonly string[] | undefined): readonly string[] => {
  const given = values ?? [];
  return given.some((value) => value.includes('*')) ? [] : given.toSorted();
};

const kindsOfRule = ({ apiGroups, apiVersions, resources }: ResourceRule, known: KnownTypes): readonly KnownKind[] => {
  const plurals = (resources ?? []).filter((resource) => !/[*/]/.test(resource)).toSorted();
  const found = exactly(apiGroups).flatMap((group) =>
    exactly(apiVersions).flatMap((version) => plurals.flatMap((plural) => known.kindsOf({ group, version, plural }))),
  );
  return found.slice(0, MAX_KINDS);
};

const textOf = ({ group, version, kind }: KnownKind): string => `${group}/${version}, Kind=${kind}`;

const kindsOf = (spec: PolicySpec, known: KnownTypes): readonly KnownKind[] => {
  const all = (spec.matchConstraints?.resourceRules ?? []).flatMap((rule) => kindsOfRule(rule, known));
  const byName = new Map(all.map((one) => [`${one.group}\n${one.version}\n${one.kind}`, one]));
  return [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
};

const paramsType = ({ paramKind }: PolicySpec, known: KnownTypes): Type => {
  const [first = '', second] = (paramKind?.apiVersion ?? '').split('/');
  const [group, version] = second === undefined ? ['', first] : [first, second];
  const found = paramKind === undefined ? undefined : known.kind({ group, version, kind: paramKind.kind ?? '' });
  return found?.type() ?? celTypes.DYN;
};

type Found = Omit<TypeFinding, 'kinds'>;

const check = (source: string, path: FieldPath, variables: Declarations): { readonly type: Type; readonly found: readonly Found[] } => {
  const outcome = compile(source, { variables });
  if (outcome.ok) return { type: outcome.program.type, found: [] };
  return { type: celTypes.DYN, found: outcome.issues.map(({ message, offset }) => ({ path, message, offset })) };
};

const checkAll = (spec: PolicySpec, base: Declarations): readonly Found[] => {
  const found: Found[] = [];
  const typed = new Map<string, Type>();
  for (const [index, { expression }] of (spec.matchConditions ?? []).entries())
    found.push(...check(expression, ['spec', 'matchConditions', index, 'expression'], base).found);
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    const checked = check(expression, ['spec', 'variables', index, 'expression'], withVariables(base, typed));
    typed.set(name, checked.type);
    found.push(...checked.found);
  }
  const declarations = typed.size === 0 ? base : withVariables(base, typed);
  for (const [index, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    const path = ['spec', 'validations', index];
    found.push(...check(expression, [...path, 'expression'], declarations).found);
    if (messageExpression !== undefined) found.push(...check(messageExpression, [...path, 'messageExpression'], declarations).found);
  }
  for (const [index, { valueExpression }] of (spec.auditAnnotations ?? []).entries())
    found.push(...check(valueExpression, ['spec', 'auditAnnotations', index, 'valueExpression'], declarations).found);
  return found;
};

/** Of a policy that compiles; others have worse to be told. */
export const typeFindings = (
  spec: PolicySpec,
  options: { readonly known: KnownTypes; readonly isOurs: boolean },
): readonly TypeFinding[] => {
  const { known, isOurs } = options;
  const plain = withAuthorizer(isOurs ? baseDeclarations : kubernetesDeclarations);
  const hasParams = spec.paramKind !== undefined || spec.params !== undefined;
  const base: Declarations = hasParams ? { ...withParams(plain), params: paramsType(spec, known) } : plain;
  const together = new Map<string, TypeFinding>();
  const pod = isOurs ? known.kind({ group: '', version: 'v1', kind: 'Pod' }) : undefined;
  const podType = pod?.type();
  // Parts of pods are dyn, as strangers may have written them; what no pod has is hardly meant.
  if (pod !== undefined && podType !== undefined)
    for (const found of checkAll(spec, { ...base, workload: workloadOfPod(podType) }))
      together.set(JSON.stringify([found.path, found.offset, found.message]), { ...found, kinds: [textOf(pod)] });
  for (const one of kindsOf(spec, known)) {
    const type = one.type();
    if (type === undefined) continue;
    for (const found of checkAll(spec, { ...base, object: type, oldObject: type })) {
      const key = JSON.stringify([found.path, found.offset, found.message]);
      together.set(key, { ...found, kinds: [...(together.get(key)?.kinds ?? []), textOf(one)] });
    }
  }
  return [...together.values()];
};
