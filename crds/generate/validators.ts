// SPDX-License-Identifier: Apache-2.0
// Validators as source text, so that production runs with code generation from strings switched off.
import { Ajv, _ } from 'ajv';
import type { KeywordCxt } from 'ajv';
import addFormatsModule from 'ajv-formats';
import standaloneModule from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';
import { isSchema } from './schema.ts';
import type { KindSchema } from './schema.ts';

// Both are CommonJS with a default export; under nodenext the types show the module object, at run time it is callable.
const addFormats = addFormatsModule.default;
const standalone = standaloneModule.default;

const plainKeywords = [
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-map-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
];

/** `x-kubernetes-list-type: set` has no two equal entries (scalars here), `map` no two with the same values of its keys. */
const uniqueEntries = (context: KeywordCxt): void => {
  const { gen, data, parentSchema, schema } = context;
  if (schema === 'atomic') return;
  const keys: unknown = isSchema(parentSchema) ? parentSchema['x-kubernetes-list-map-keys'] : undefined;
  const entry = gen.name('entry');
  const names = Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
  // An entry that is no object, or lacks a key, is refused by its own schema; here it must only do no harm.
  const parts = names.map((name) => _`${entry}?.[${name}]`);
  const key = schema === 'map' ? _`JSON.stringify([${parts.reduce((all, part) => _`${all}, ${part}`)}])` : _`JSON.stringify(${entry})`;
  const size = gen.const('size', _`new Set(${data}.map((${entry}) => ${key})).size`);
  context.fail(_`${size} !== ${data}.length`);
};

const newAjv = (): Ajv => {
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    strictTypes: false,
    strictRequired: true,
    code: { source: true, esm: true, lines: true },
  });
  for (const keyword of plainKeywords) ajv.addKeyword({ keyword });
  ajv.addKeyword({
    keyword: 'x-kubernetes-list-type',
    type: 'array',
    schemaType: 'string',
    error: { message: 'must not have two entries for one key' },
    code: uniqueEntries,
  });
  addFormats(ajv, ['date-time', 'int32', 'int64']);
  return ajv;
};

/** One self-contained ES module; esbuild inlines the few run-time functions of ajv that the text asks for. */
export const validatorsText = async (kinds: readonly KindSchema[], header: string): Promise<string> => {
  const ajv = newAjv();
  for (const { resource, schema } of kinds) ajv.addSchema(schema, resource.kind);
  const source = standalone(ajv, Object.fromEntries(kinds.map(({ resource }) => [`validate${resource.kind}`, resource.kind])));
  const bundled = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    // Names of modules within the text stay the same where node_modules is a link.
    preserveSymlinks: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'error',
  });
  const [file] = bundled.outputFiles;
  if (file === undefined) throw new Error('esbuild wrote no file');
  return `${header}${file.text}`;
};

export const validatorTypesText = (kinds: readonly KindSchema[], header: string): string => {
  const names = kinds.map(({ resource }) => resource.kind);
  return `${header}import type { ${names.join(', ')} } from './objects.ts';

export type AjvError = {
  /** JSON pointer to the value that is wrong, for instance /spec/validations/0/reason. */
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
};

/** Validates a whole object without changing it. \`errors\` is null after a good one and belongs to the last call. */
export type Validator<T> = { (value: unknown): value is T; readonly errors: readonly AjvError[] | null };

${names.map((name) => `export declare const validate${name}: Validator<${name}>;`).join('\n')}
`;
};
