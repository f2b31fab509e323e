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
 * So: patterns are those of CEL, `uniqueItems` is ours and linear, own properties only, one error; and every schema, pattern
 * and list of unique items charges the budget before it is looked at (schema-effort.ts).
 */
import { compileFunction } from 'node:vm';
import { _ } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { compilePattern } from '../cel/index.ts';
import type { Budget } from '../cel/index.ts';
import { createSchemaMeter, isUnique, textUnits, visitUnits } from './schema-effort.ts';
import type { SchemaMeter } from './schema-effort.ts';
import { plainSchema, TEXT_MARK, VISIT_MARK } from './schema-shape.ts';

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

/** Of a text of any length; the pattern says what each character may take. */
const regExp = ({ spend }: SchemaMeter) => {
  const engine = (source: string) => {
    const pattern = compilePattern(source);
    if (typeof pattern === 'string') throw new Error(pattern);
    return {
      test: (text: string): boolean => {
        spend(CALL_UNITS + text.length * pattern.effortPerCharacter);
        return pattern.matches(text);
      },
      // ajv keeps one of those that have the same text.
      toString: () => source,
    };
  };
  return Object.assign(engine, { code: 're2js' });
};

/** What a call from ajv's code takes. */
const CALL_UNITS = 8;

const addCharges = (ajv: Ajv2020, { spend }: SchemaMeter): void => {
  ajv.addKeyword({
    keyword: VISIT_MARK,
    // The first of ajv's own keywords that look at data of every type.
    before: 'const',
    code: ({ gen, data, parentSchema }) => {
      const unitsOf = visitUnits(parentSchema);
      gen.code(_`${gen.scopeValue('func', { ref: (value: unknown) => spend(unitsOf(value)) })}(${data})`);
    },
  });
  ajv.addKeyword({
    keyword: TEXT_MARK,
    type: 'string',
    before: 'maxLength',
    code: ({ gen, data, parentSchema }) => {
      const unitsOf = textUnits(parentSchema, FORMAT_MAX);
      if (unitsOf !== undefined) gen.code(_`${gen.scopeValue('func', { ref: (text: string) => spend(unitsOf(text.length)) })}(${data})`);
    },
  });
};

const createAjv = (meter: SchemaMeter): Ajv2020 => {
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
      // Looks over all of it for each part of it, to save the engine work that it saves itself.
      optimize: false,
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
    validate: (wanted: boolean, items: readonly unknown[]) => !wanted || isUnique(items, meter.spend),
    error: { message: 'must NOT have duplicate items' },
  });
  addCharges(ajv, meter);
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
  const meter = createSchemaMeter();
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
        const outcome = meter.within(budget, (): unknown => Reflect.apply(validate, undefined, [data]));
        if (outcome === undefined) return { kind: 'budget' };
        if (outcome.result === true) return undefined;
        return { kind: 'breach', message: firstError('errors' in validate ? validate.errors : undefined) };
      },
    };
  } catch (error) {
    return { ok: false, path: [], message: error instanceof Error ? error.message : 'the schema can not be compiled' };
  }
};
