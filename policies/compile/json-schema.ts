// SPDX-License-Identifier: Apache-2.0
/**
 * JSON Schemas of policies as checks. In: a schema as a policy writes it. Out: a function over plain JSON data, or why not.
 *
 * ajv writes the validator, and does so when a policy is loaded, never while a request waits. Our processes run with
 * --disallow-code-generation-from-strings, under which ajv's own last step (`new Function`) fails, so that step is done
 * here: ajv hands over the source through its `code.process` option, and `vm.compileFunction`, which is loading a script and
 * not eval, loads it. One function comes of one schema because references are written out before (schema-shape.ts). Text of the
 * schema reaches the source only as ajv's quoted literals. The interpreting validators on npm were looked at and left: they
 * put patterns through RegExp, whose backtracking one label can stall, find `constructor` in every object, and compare list items pairwise.
 *
 * So: patterns run on re2js and are charged to the budget, `uniqueItems` is ours and linear, own properties only, one error.
 */
import { compileFunction } from 'node:vm';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { RE2JS } from 're2js';
import type { Budget } from '../cel/index.ts';
import { plainSchema } from './schema-shape.ts';

export type SchemaBreach = { readonly kind: 'breach'; readonly message: string } | { readonly kind: 'budget' };
/** undefined: the data satisfies the schema. */
export type SchemaCheck = (data: unknown, budget: Budget) => SchemaBreach | undefined;
export type SchemaOutcome =
  | { readonly ok: true; readonly check: SchemaCheck }
  | { readonly ok: false; readonly path: readonly (string | number)[]; readonly message: string };

/** ajv is stopped where it would evaluate: it has written the code, and that is all that we want of it. */
class SourceReady extends Error {
  readonly source: string;
  constructor(source: string) {
    super('source ready');
    this.source = source;
  }
}

// Formats are regular expressions of the platform; on short strings none of them takes long.
const FORMAT_MAX = 2_048;
const FORMATS = [
  'date',
  'time',
  'date-time',
  'duration',
  'uri',
  'uri-reference',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
  'json-pointer',
  'byte',
] as const;

const formatTest = (name: (typeof FORMATS)[number]): ((text: string) => boolean) => {
  const format = fullFormats[name];
  if (format instanceof RegExp) return (text) => format.test(text);
  if (typeof format === 'function') return format;
  if (typeof format === 'object' && 'validate' in format) {
    const { validate } = format;
    if (validate instanceof RegExp) return (text) => validate.test(text);
    // A format is of strings or of numbers; those listed are all of strings.
    if (typeof validate === 'function') return (text) => Boolean(Reflect.apply(validate, undefined, [text]));
  }
  throw new Error(`no format ${name}`);
};

/** Equal values have equal texts: keys sorted, as JSON has no order of keys. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, held: unknown) =>
    typeof held === 'object' && held !== null && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : held,
  ) ?? '';

const isUnique = (items: readonly unknown[]): boolean => {
  const seen = new Set<string>();
  for (const item of items) {
    const text = canonical(item);
    if (seen.has(text)) return false;
    seen.add(text);
  }
  return true;
};

type Meter = { budget: Budget };

/** RE2 costs time in proportion to pattern and text, so that product is what a test is charged. */
const regExp = (meter: Meter) => {
  const engine = (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    const perChar = 1 + pattern.length / 40;
    return {
      test: (text: string): boolean => {
        meter.budget.remaining -= Math.ceil(text.length * perChar * 0.1);
        return meter.budget.remaining >= 0 && compiled.matcher(text).find();
      },
    };
  };
  return Object.assign(engine, { code: 're2js' });
};

const createAjv = (meter: Meter): Ajv2020 => {
  const ajv = new Ajv2020({
    meta: false,
    validateSchema: false,
    logger: false,
    ownProperties: true,
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    messages: true,
    code: {
      regExp: regExp(meter),
      process: (source) => {
        throw new SourceReady(source);
      },
    },
  });
  for (const name of FORMATS) {
    const test = formatTest(name);
    ajv.addFormat(name, (text: string) => text.length <= FORMAT_MAX && test(text));
  }
  // What OpenAPI says about numbers, which JSON data has no other kind of.
  for (const name of ['int32', 'int64', 'float', 'double'])
    ajv.addFormat(name, { type: 'number', validate: (value: number) => !name.startsWith('int') || Number.isInteger(value) });
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: (wanted: boolean, items: readonly unknown[]) => !wanted || isUnique(items),
    error: { message: 'must NOT have duplicate items' },
  });
  return ajv;
};

const sourceOf = (ajv: Ajv2020, schema: object): string => {
  try {
    ajv.compile(schema);
  } catch (error) {
    if (error instanceof SourceReady) return error.source;
    throw error;
  }
  throw new Error('ajv did not hand over its source');
};

/** ajv words a breach as `must …`; the place before it is a JSON Pointer. */
const firstError = (errors: unknown): string => {
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'object' || first === null) return 'does not fit its schema';
  const place = 'instancePath' in first && typeof first.instancePath === 'string' ? first.instancePath.slice(0, 512) : '';
  const text = 'message' in first && typeof first.message === 'string' ? first.message.slice(0, 1_024) : 'does not fit its schema';
  const detail = 'params' in first && typeof first.params === 'object' && first.params !== null ? namedIn(first.params) : '';
  return `${place === '' ? 'the object' : place} ${text}${detail}`;
};

/** The name or values that ajv's text leaves out. */
const namedIn = (params: object): string => {
  if ('additionalProperty' in params && typeof params.additionalProperty === 'string')
    return `: ${params.additionalProperty.slice(0, 128)}`;
  if ('unevaluatedProperty' in params && typeof params.unevaluatedProperty === 'string')
    return `: ${params.unevaluatedProperty.slice(0, 128)}`;
  if ('allowedValues' in params && Array.isArray(params.allowedValues)) return `: ${JSON.stringify(params.allowedValues).slice(0, 256)}`;
  return '';
};

/** Not for the path of a request: it takes milliseconds. Never throws on any schema. */
export const compileSchema = (schema: unknown): SchemaOutcome => {
  const shape = plainSchema(schema);
  if (!shape.ok) return shape;
  const meter: Meter = { budget: { remaining: 0 } };
  try {
    const ajv = createAjv(meter);
    const source = sourceOf(ajv, typeof shape.schema === 'boolean' ? (shape.schema ? {} : { not: {} }) : shape.schema);
    const make: unknown = Reflect.apply(compileFunction(source, ['self', 'scope']), undefined, [ajv, ajv.scope.get()]);
    if (typeof make !== 'function') throw new Error('ajv made no function');
    // ajv sets this mark on functions that other schemas refer to; nothing refers to this one.
    const validate = Object.assign(make, { evaluated: { dynamicProps: false, dynamicItems: false } });
    return {
      ok: true,
      check: (data, budget) => {
        meter.budget = budget;
        const valid: unknown = Reflect.apply(validate, undefined, [data]);
        if (budget.remaining < 0) return { kind: 'budget' };
        return valid === true ? undefined : { kind: 'breach', message: firstError('errors' in validate ? validate.errors : undefined) };
      },
    };
  } catch (error) {
    return { ok: false, path: [], message: error instanceof Error ? error.message : 'the schema can not be compiled' };
  }
};
