// SPDX-License-Identifier: Apache-2.0
/**
 * The rules of the ValidatingWebhookConfiguration: all that the policies of a set match, and always every workload, so that
 * the default of deny holds with nothing verified.
 *
 * A webhook that fails closed must never stand in the way of a cluster's recovery (law 5): every rule is for what lies in
 * namespaces, where the tenant label chooses, except the one that names Namespaces, which are chosen by their own labels.
 * What `governed-kinds.ts` excludes is left out here too, whoever made the policy.
 */
import { workloadRules } from '../subject/kind-index.ts';
import type { Rule } from '../subject/workload-kinds.ts';
import { isNamespaces, isNeverGoverned } from './governed-kinds.ts';
import type { MatchRule } from './match.ts';
import type { CompiledPolicy } from './policy-set.ts';

type Scope = 'Cluster' | 'Namespaced';
/** One combination; the union of these is the union of the rules. */
type Atom = {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly operation: string;
  readonly scope: Scope;
};

const scopesOf = (rule: MatchRule, group: string, resource: string): readonly (readonly [group: string, scope: Scope])[] => {
  if (isNeverGoverned(group, resource)) return [];
  const inside: readonly (readonly [string, Scope])[] = rule.scope === 'Cluster' ? [] : [[group, 'Namespaced']];
  if (!isNamespaces(group, resource)) return inside;
  const itself: readonly (readonly [string, Scope])[] = rule.scope === 'Namespaced' ? [] : [['', 'Cluster']];
  return group === '*' ? [...inside, ...itself] : itself;
};

const atomsOf = (rule: MatchRule): readonly Atom[] =>
  [...rule.groups].flatMap((named) =>
    rule.resources.flatMap(({ resource, subResource }) => {
      const name = subResource === '' ? resource : `${resource}/${subResource}`;
      return scopesOf(rule, named, resource).flatMap(([group, scope]) =>
        [...rule.versions].flatMap((version) =>
          [...rule.operations].map((operation): Atom => ({ group, version, resource: name, operation, scope })),
        ),
      );
    }),
  );

type Product = { readonly [F in 'groups' | 'versions' | 'resources' | 'operations']: readonly string[] } & { readonly scope: Scope };

const product = ({ groups, versions, resources, operations, scope }: Product): readonly Atom[] =>
  groups.flatMap((group) =>
    versions.flatMap((version) =>
      resources.flatMap((resource) => operations.map((operation): Atom => ({ group, version, resource, operation, scope }))),
    ),
  );

const baseline = (): readonly Atom[] =>
  workloadRules('Agent').flatMap(({ apiGroups, apiVersions, resources, operations }) =>
    product({ groups: apiGroups, versions: apiVersions, resources, operations, scope: 'Namespaced' }),
  );

const covers = (wide: string, narrow: string): boolean => wide === '*' || wide === narrow;

/** `pods/*` covers pods, and every subresource of theirs. */
const coversResource = (wide: string, narrow: string): boolean => {
  const [plural = '', sub = ''] = wide.split('/');
  const [narrowPlural = '', narrowSub = ''] = narrow.split('/');
  return covers(plural, narrowPlural) && covers(sub, narrowSub);
};

const coversAtom = (wide: Atom, narrow: Atom): boolean =>
  covers(wide.group, narrow.group) &&
  covers(wide.version, narrow.version) &&
  covers(wide.operation, narrow.operation) &&
  wide.scope === narrow.scope &&
  coversResource(wide.resource, narrow.resource);

const sameAtom = (a: Atom): string => JSON.stringify([a.group, a.version, a.resource, a.operation, a.scope]);

/** `*` beside others says nothing more, and the API server refuses it for groups, versions and operations. */
const tidy = (values: Iterable<string>): readonly string[] => {
  const sorted = [...new Set(values)].toSorted();
  return sorted.includes('*') ? ['*'] : sorted;
};

type Field = 'group' | 'version' | 'operation' | 'resource';
type Block = { readonly [F in Field]: readonly string[] } & { readonly scope: Scope };

const ORDER: readonly Field[] = ['operation', 'resource', 'version', 'group'];

/** Joins blocks that differ in one field only. */
const mergeBy = (blocks: readonly Block[], field: Field): readonly Block[] => {
  const groups = new Map<string, Block>();
  for (const block of blocks) {
    const name = JSON.stringify([block.scope, ...ORDER.filter((other) => other !== field).map((other) => block[other])]);
    const before = groups.get(name);
    const values = [...(before?.[field] ?? []), ...block[field]];
    groups.set(name, { ...block, [field]: field === 'resource' ? [...new Set(values)].toSorted() : tidy(values) });
  }
  return [...groups.values()];
};

const ruleOf = (block: Block): Rule => ({
  apiGroups: block.group,
  apiVersions: block.version,
  resources: block.resource,
  operations: block.operation,
  scope: block.scope,
});

const atomsFor = (policies: readonly CompiledPolicy[]): readonly Atom[] =>
  policies.flatMap((policy) => policy.match.rules.flatMap(atomsOf));

/** Of the policies of all, and always every workload. */
export const rulesFor = (policies: readonly CompiledPolicy[]): readonly Rule[] => joined([...baseline(), ...atomsFor(policies)]);

/** What the policies of one tenant match beyond what is asked about everybody: what lies in namespaces, and nothing else. */
export const rulesBeyond = (own: readonly CompiledPolicy[], shared: readonly CompiledPolicy[]): readonly Rule[] => {
  const asked = [...baseline(), ...atomsFor(shared)];
  return joined(atomsFor(own).filter((atom) => atom.scope === 'Namespaced' && !asked.some((other) => coversAtom(other, atom))));
};

const distinct = (atoms: readonly Atom[]): readonly Atom[] => [...new Map(atoms.map((atom) => [sameAtom(atom), atom])).values()];

/** Whether whoever is asked by these rules is asked about all that the policies match, and about every workload. */
export const areAsked = (policies: readonly CompiledPolicy[], rules: readonly Rule[]): boolean => {
  const asked = rules.flatMap(({ apiGroups, apiVersions, resources, operations, scope }) =>
    (scope === 'Cluster' || scope === 'Namespaced' ? [scope] : (['Cluster', 'Namespaced'] as const)).flatMap((within) =>
      product({ groups: apiGroups, versions: apiVersions, resources, operations, scope: within }),
    ),
  );
  return distinct([...baseline(), ...atomsFor(policies)]).every((atom) => asked.some((wide) => coversAtom(wide, atom)));
};

const joined = (atoms: readonly Atom[]): readonly Rule[] => {
  const unique = distinct(atoms);
  const wide = unique.filter((atom) => sameAtom(atom).includes('*'));
  const needed = unique.filter((atom) => !wide.some((other) => other !== atom && coversAtom(other, atom)));
  const blocks: readonly Block[] = needed.map((atom) => ({
    group: [atom.group],
    version: [atom.version],
    resource: [atom.resource],
    operation: [atom.operation],
    scope: atom.scope,
  }));
  return ORDER.reduce(mergeBy, blocks)
    .map(ruleOf)
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
};
