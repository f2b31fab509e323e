// SPDX-License-Identifier: Apache-2.0
/**
 * Writes `kubernetes.json`: the kinds of Kubernetes with the types of their fields, as small as it goes.
 *
 * In: the models and the API classes of `@kubernetes/client-node`, which are generated from Kubernetes' OpenAPI. Out: for each
 * `group/version/plural` the kind and its model, and for each model that one of these reaches its fields. Loading the package
 * itself would take longer than any command. Run by `make generate`; a test holds the file equal to what this makes.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type TypeTable = {
  readonly resources: Readonly<Record<string, readonly [kind: string, model: string]>>;
  /** Of each model, fields with a type: the name of a scalar or of a model, behind `[` for lists and `{` for maps. */
  readonly models: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

const FOLDER = new URL('../../node_modules/@kubernetes/client-node/dist/gen/', import.meta.url);
export const TARGET = fileURLToPath(new URL('kubernetes.json', import.meta.url));

const CREATE = /async create(?:Namespaced)?(\w+)\([\s\S]*?localVarPath = '([^']+)'[\s\S]*?serialize\(body, "(\w+)"/g;
const PATH = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/\{namespace\}\/)?([^/{}]+)$/;
const ATTRIBUTE = /"baseName": "([^"]+)",\s*"type": "([^"]+)",\s*"format": "([^"]*)"/g;

/** `{}` is an object of which nothing is known, so that no expression may read into it. */
const scalar = (type: string, format: string): string | undefined => {
  if (type === 'string') return format === 'byte' ? 'bytes' : 'string';
  if (type === 'boolean') return 'bool';
  if (type === 'number') return format === 'double' || format === '' ? 'double' : 'int';
  if (type === 'Date' || type === 'V1MicroTime') return 'time';
  if (type === 'IntOrString') return 'dyn';
  return type === 'any' ? '{}' : undefined;
};

const typeOf = (type: string, format: string): string => {
  const list = /^Array<(.+)>$/.exec(type)?.[1];
  if (list !== undefined) return `[${typeOf(list, format)}`;
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (map !== undefined) return `{${typeOf(map, format)}`;
  return scalar(type, format) ?? type;
};

const textOf = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8');

const readResources = (): TypeTable['resources'] => {
  const files = globSync('apis/*V*Api.js', { cwd: fileURLToPath(FOLDER) }).toSorted();
  const found = files.flatMap((file) =>
    [...textOf(file).matchAll(CREATE)].flatMap(([, kind = '', path = '', model = '']): [string, readonly [string, string]][] => {
      const [whole, group = '', version = '', plural = ''] = PATH.exec(path) ?? [];
      return whole === undefined ? [] : [[`${group}/${version}/${plural}`, [kind, model]]];
    }),
  );
  return Object.fromEntries(found.toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

const modelIn = (type: string): string => type.replace(/^[[{]+/, '');

export const makeTypeTable = (): TypeTable => {
  const resources = readResources();
  const models = new Map<string, Readonly<Record<string, string>>>();
  const wanted = Object.values(resources).map(([, model]) => model);
  for (let model = wanted.pop(); model !== undefined; model = wanted.pop()) {
    if (models.has(model)) continue;
    const attributes = [...textOf(`models/${model}.js`).matchAll(ATTRIBUTE)];
    // Where a schema of a schema holds anything, there is no type for it.
    const shown = attributes.filter(([, , type = '']) => model !== 'V1JSONSchemaProps' || !type.includes('any'));
    const fields = Object.fromEntries(shown.map(([, name = '', type = '', format = '']) => [name, typeOf(type, format)]));
    models.set(model, fields);
    wanted.push(
      ...Object.values(fields)
        .map(modelIn)
        .filter((name) => /^[A-Z]/.test(name)),
    );
  }
  return { resources, models: Object.fromEntries([...models].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
};

/** One model a line, so that a change of Kubernetes reads well as a difference. */
export const typeTableText = ({ resources, models }: TypeTable): string => {
  const lines = (rows: Readonly<Record<string, unknown>>): string =>
    Object.entries(rows)
      .map(([name, row]) => `${JSON.stringify(name)}:${JSON.stringify(row)}`)
      .join(',\n');
  return `{"resources":{\n${lines(resources)}\n},"models":{\n${lines(models)}\n}}\n`;
};

if (import.meta.main) writeFileSync(TARGET, typeTableText(makeTypeTable()));
