// SPDX-License-Identifier: Apache-2.0
// TypeScript types as source text: one exported name for each kind and each part of it that is worth a name.
import { compile } from 'json-schema-to-typescript';
import { isSchema, properties } from './schema.ts';
import type { JsonSchema, KindSchema } from './schema.ts';

/** Parts that have one meaning wherever they stand. */
const sharedNames: Readonly<Record<string, string>> = {
  metadata: 'ObjectMeta',
  managedFields: 'ManagedFields',
  ownerReferences: 'OwnerReference',
  conditions: 'Condition',
  signature: 'Signature',
  namespaceSelector: 'LabelSelector',
  objectSelector: 'LabelSelector',
  matchExpressions: 'LabelSelectorRequirement',
  resourceRules: 'ResourceRule',
  excludeResourceRules: 'ResourceRule',
  subjects: 'Subject',
};

/** Parts whose field alone says too little. */
const namesByPath: Readonly<Record<string, string>> = {
  'Tenant.spec.agents.models.allowed': 'TenantModel',
  'Tenant.spec.agents.tools.allowed': 'TenantTool',
  'Tenant.spec.agents.tools.denied': 'TenantTool',
  'Tenant.spec.namespaces.items': 'TenantNamespace',
  'Ruleset.spec.requires': 'RulesetRequirement',
  'Tenant.spec.namespaces.metadata': 'TenantNamespaceMetadata',
  'Tenant.spec.owners': 'TenantOwner',
  'Tenant.spec.scheduling.priorityClasses': 'TenantClasses',
  'Tenant.spec.scheduling.runtimeClasses': 'TenantClasses',
  'Tenant.spec.additionalRoleBindings': 'TenantRoleBinding',
  'Tenant.spec.usage.limits': 'TenantLimit',
  'TenantUsage.status.period': 'TenantUsagePeriod',
  'TenantUsage.status.meters': 'TenantUsageMeter',
  'TenantUsage.status.limits': 'TenantUsageStanding',
  'TenantUsage.status.sources': 'TenantUsageSources',
  'Tenant.spec.network.egress': 'TenantEgress',
  'TrustPolicy.spec.rules.allOf': 'TrustPolicyThreshold',
  'TrustPolicy.signature': 'TrustPolicySignature',
  'Ruleset.signature': 'RulesetSignature',
};

const capitalised = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
const singular = (word: string): string => (word.endsWith('ies') ? `${word.slice(0, -3)}y` : word.endsWith('s') ? word.slice(0, -1) : word);

const nameOf = (path: readonly string[], isEntry: boolean): string => {
  const [kind = '', part = '', ...rest] = path;
  const field = path.at(-1) ?? '';
  const byPath = namesByPath[path.join('.')];
  if (byPath !== undefined) return byPath;
  if (path.length === 1) return kind;
  const shared = sharedNames[field];
  if (shared !== undefined) return shared;
  if (rest.length === 0) return kind + capitalised(part);
  return kind + (part === 'status' ? 'Status' : '') + capitalised(isEntry ? singular(field) : field);
};

/** Equal but for their descriptions and bounds, which types do not show. */
const shapeOf = (schema: JsonSchema): string =>
  JSON.stringify(schema, (key, value: unknown) => (['description', 'maxLength', 'pattern'].includes(key) ? undefined : value));

type Definitions = Map<string, { readonly shape: string; readonly schema: JsonSchema }>;

type Place = { readonly path: readonly string[]; readonly isEntry: boolean; readonly description: unknown };

/** The schema with every part that has a name moved into `definitions`. */
const named = (schema: JsonSchema, place: Place, definitions: Definitions): JsonSchema => {
  const { items, additionalProperties } = schema;
  if (isSchema(items)) {
    return {
      ...schema,
      items: named(items, { path: place.path, isEntry: true, description: items['description'] ?? schema['description'] }, definitions),
    };
  }
  if (isSchema(additionalProperties)) return { ...schema, additionalProperties: named(additionalProperties, place, definitions) };
  const fields = properties(schema);
  if (fields.length === 0) return schema['type'] === 'object' ? { ...schema, additionalProperties: true } : schema;
  const inner = Object.fromEntries(
    fields.map(([name, field]) => [
      name,
      named(field, { path: [...place.path, name], isEntry: false, description: field['description'] }, definitions),
    ]),
  );
  const whole = { ...schema, properties: inner, ...(place.description === undefined ? {} : { description: place.description }) };
  // A reference such as {name} reads best where it stands.
  if (fields.length === 1 && !place.isEntry) return whole;
  const name = nameOf(place.path, place.isEntry);
  const shape = shapeOf(schema);
  const known = definitions.get(name);
  if (known !== undefined && known.shape !== shape)
    throw new Error(`two shapes want the name ${name}: give one of them a name in namesByPath`);
  if (known === undefined) definitions.set(name, { shape, schema: { ...whole, title: name } });
  return { $ref: `#/definitions/${name}` };
};

/** What comes from the wire is never changed in place. */
const readonlyText = (text: string): string =>
  text
    // An alias, unlike an interface, fits where an index signature is asked for, as in a JSON object.
    .replace(/^export interface (\w+) \{$([\s\S]*?)^\}$/gm, 'export type $1 = {$2};')
    .replace(/^(\s+)("?[\w$./-]+"?\??: )/gm, '$1readonly $2')
    .replace(/^(\s+)(\[k: string\]: )/gm, '$1readonly $2')
    .replace(/(: )((?:[\w$]+|\([^()]*\))\[\])/g, '$1readonly $2');

export const typesText = async (kinds: readonly KindSchema[], header: string): Promise<string> => {
  const definitions: Definitions = new Map();
  const roots = kinds.map(({ resource, schema }) =>
    named(schema, { path: [resource.kind], isEntry: false, description: schema['description'] }, definitions),
  );
  const root = {
    title: 'WritObject',
    description: 'Any object of the group writ.dev.',
    anyOf: roots,
    definitions: Object.fromEntries([...definitions].map(([name, { schema }]) => [name, schema])),
  };
  const text = await compile(root, 'WritObject', {
    bannerComment: '',
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    style: { printWidth: 140, singleQuote: true },
  });
  return `${header}${readonlyText(text)}`;
};
