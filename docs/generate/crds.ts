// SPDX-License-Identifier: Apache-2.0
// The page of the fields of our kinds, as `kubectl explain` has them, on one page.
import { crdSchema, isSchema, properties, readCrd } from '../../crds/generate/schema.ts';
import type { JsonSchema } from '../../crds/generate/schema.ts';
import { writKinds } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { code, page, plain, table } from './markdown.ts';

type Field = { readonly path: string; readonly schema: JsonSchema; readonly required: boolean };

const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []);

const typeOf = (schema: JsonSchema): string => {
  if (schema['x-kubernetes-int-or-string'] === true) return 'integer or string';
  const { items, additionalProperties, type } = schema;
  if (isSchema(items)) return `list of ${typeOf(items)}`;
  if (isSchema(additionalProperties)) return `map to ${typeOf(additionalProperties)}`;
  return text(schema['format'] ?? type);
};

/** Fields below a schema in the order of the YAML, an entry of a list as `[]`. */
const fieldsOf = (schema: JsonSchema, prefix: string): readonly Field[] => {
  const required = texts(schema['required']);
  return properties(schema).flatMap(([name, field]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const { items, additionalProperties } = field;
    const inner = isSchema(items)
      ? fieldsOf(items, `${path}[]`)
      : isSchema(additionalProperties)
        ? fieldsOf(additionalProperties, `${path}{}`)
        : fieldsOf(field, path);
    return [{ path, schema: field, required: required.includes(name) }, ...inner];
  });
};

const bounds: Readonly<Record<string, (limit: string) => string>> = {
  minimum: (limit) => `at least ${limit}`,
  maximum: (limit) => `at most ${limit}`,
  maxLength: (limit) => `at most ${limit} characters`,
  minItems: (limit) => `at least ${limit} entries`,
  maxItems: (limit) => `at most ${limit} entries`,
  maxProperties: (limit) => `at most ${limit} keys`,
};

const limitsOf = (schema: JsonSchema): readonly string[] =>
  Object.entries(bounds).flatMap(([keyword, words]) => (typeof schema[keyword] === 'number' ? [words(String(schema[keyword]))] : []));

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const ruleMessages = (schema: JsonSchema): readonly string[] => {
  const rules = schema['x-kubernetes-validations'];
  return Array.isArray(rules) ? rules.filter(isSchema).map((rule) => text(rule['message'])) : [];
};

const meaning = ({ schema, required }: Field): string => {
  const { items } = schema;
  const entry = isSchema(items) && items['properties'] === undefined ? items : schema;
  const choices = texts(entry['enum']);
  const limits = limitsOf(schema);
  const messages = [...ruleMessages(schema), ...(isSchema(items) ? ruleMessages(items) : [])];
  return [
    plain(text(schema['description'])),
    ...(required ? ['Required.'] : []),
    ...(choices.length === 0 ? [] : [`One of ${choices.map((choice) => code(choice)).join(', ')}.`]),
    ...(schema['default'] === undefined ? [] : [`Default ${code(JSON.stringify(schema['default']))}.`]),
    ...(limits.length === 0 ? [] : [`Bounds: ${limits.join(', ')}.`]),
    ...messages.map((message) => `Rule: ${plain(message)}.`),
  ].join(' ');
};

const section = (resource: Resource): string => {
  const schema = crdSchema(resource);
  const { spec } = readCrd(resource);
  const names = isSchema(spec) && isSchema(spec['names']) ? spec['names'] : {};
  const fields = fieldsOf(schema, '').filter(({ path }) => !['apiVersion', 'kind', 'metadata'].includes(path));
  return [
    `## ${resource.kind}`,
    plain(text(schema['description'])),
    `${code(`${resource.group}/${resource.version}`)}, ${resource.namespaced ? 'namespaced' : 'cluster-scoped'}, ` +
      `${code(`kubectl get ${resource.plural}`)} or ${texts(names['shortNames'])
        .map((name) => code(`kubectl get ${name}`))
        .join(', ')}.`,
    ...ruleMessages(schema).map((message) => `Rule: ${plain(message)}.`),
    table(
      ['Field', 'Type', 'Meaning'],
      fields.map((field) => [code(field.path), typeOf(field.schema), meaning(field)]),
    ),
  ].join('\n\n');
};

export const crdsPage = (): string =>
  page('Kinds', 'the YAML files in `crds/`', [
    'All are of the category `writ`: `kubectl get writ` lists them. `kubectl explain KIND.FIELD` shows the same text.',
    ...writKinds.toSorted((a, b) => (a.kind < b.kind ? -1 : 1)).map(section),
  ]);
