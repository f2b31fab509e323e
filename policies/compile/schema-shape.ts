// SPDX-License-Identifier: Apache-2.0
// A JSON Schema from a policy, made plain before a validator is built of it: references inside the document are written
// out, what can not be enforced is refused by name, and size and depth are bounded. Keys and values that are data (enum,
// const) are never read as schema.

type Schema = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];
export type ShapeOutcome =
  | { readonly ok: true; readonly schema: Schema | boolean }
  | { readonly ok: false; readonly path: Path; readonly message: string };

class Refused extends Error {
  readonly path: Path;
  constructor(path: Path, message: string) {
    super(message);
    this.path = path;
  }
}

const MAX_DEPTH = 64;
/** What ajv takes for them grows with their square, in one piece: at 5,000 whoever decides for a cluster would stand still for half a minute. */
const MAX_SCHEMAS = 500;

const isSchemaObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keywords by what they hold; all others hold data and are left as they are. */
const ONE = new Set([
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'items',
]);
const LIST = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const MAP = new Set(['properties', 'patternProperties', 'dependentSchemas']);
/** Told to people only, or used up here. */
const DROPPED = new Set(
  '$schema $comment $defs definitions title description default example examples deprecated readOnly writeOnly externalDocs xml'.split(' '),
);
/** They give a schema another address, or choose one while validating. */
const REFUSED = new Set([
  '$id',
  'id',
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$recursiveRef',
  '$recursiveAnchor',
  '$vocabulary',
  '$data',
  'discriminator',
]);

/** Every schema that is left has these keywords, which charge for it; nobody else can write them, since names in `x-` are dropped. */
export const VISIT_MARK = 'x-visit';
export const TEXT_MARK = 'x-text';

const marked = (schema: Schema): Schema =>
  Object.keys(schema).length === 0 ? schema : { [VISIT_MARK]: true, [TEXT_MARK]: true, ...schema };

const DIALECTS = new Set([
  'https://json-schema.org/draft/2020-12/schema',
  'https://json-schema.org/draft/2019-09/schema',
  'http://json-schema.org/draft-07/schema',
]);

const unescapePointer = (part: string): string => {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
};

const resolve = (root: unknown, reference: unknown, path: Path): { readonly target: unknown; readonly pointer: string } => {
  if (typeof reference !== 'string' || !(reference === '#' || reference.startsWith('#/')))
    throw new Refused(path, '$ref may only point into the same schema (#/$defs/NAME)');
  let target: unknown = root;
  for (const part of reference.split('/').slice(1).map(unescapePointer)) {
    const parent: unknown = target;
    target = Array.isArray(parent)
      ? parent[Number(part)]
      : isSchemaObject(parent) && Object.hasOwn(parent, part)
        ? parent[part]
        : undefined;
    if (target === undefined) throw new Refused(path, `$ref points at nothing: ${reference}`);
  }
  return { target, pointer: reference };
};

type Walk = { readonly root: unknown; count: number };
type Place = { readonly path: Path; readonly depth: number; readonly open: readonly string[] };

const inside = (place: Place, ...steps: Path): Place => ({ ...place, path: [...place.path, ...steps], depth: place.depth + 1 });

const listOf = (walk: Walk, value: unknown, place: Place): unknown => {
  if (!Array.isArray(value)) throw new Refused(place.path, 'must be a list of schemas');
  return value.map((item: unknown, index) => plain(walk, item, inside(place, index)));
};

const mapOf = (walk: Walk, value: unknown, place: Place): unknown => {
  if (!isSchemaObject(value)) throw new Refused(place.path, 'must be an object of schemas');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(walk, item, inside(place, key))]));
};

const keyword = (walk: Walk, name: string, value: unknown, place: Place): unknown => {
  if (ONE.has(name)) return plain(walk, value, place);
  if (LIST.has(name)) return listOf(walk, value, place);
  if (MAP.has(name)) return mapOf(walk, value, place);
  if (name === 'required' && !(Array.isArray(value) && value.every((item) => typeof item === 'string')))
    throw new Refused(place.path, 'must be a list of names');
  return value;
};

/** Before draft 2020-12 a list of `items` was what `prefixItems` is now. */
const modern = (schema: Schema): Schema => {
  if (!Array.isArray(schema['items'])) return schema;
  const { items, additionalItems, ...rest } = schema;
  return { ...rest, prefixItems: items, ...(additionalItems === undefined ? {} : { items: additionalItems }) };
};

const plain = (walk: Walk, value: unknown, place: Place): Schema | boolean => {
  if (typeof value === 'boolean') return value;
  if (!isSchemaObject(value)) throw new Refused(place.path, 'must be a schema: an object, true or false');
  if (place.depth > MAX_DEPTH) throw new Refused(place.path, `schemas nest deeper than ${MAX_DEPTH}`);
  walk.count += 1;
  if (walk.count > MAX_SCHEMAS) throw new Refused(place.path, `more than ${MAX_SCHEMAS} schemas, references written out`);
  const made: [string, unknown][] = [];
  for (const [name, held] of Object.entries(modern(value))) {
    if (REFUSED.has(name)) throw new Refused([...place.path, name], `${name} is not supported`);
    if (name === '$ref' || DROPPED.has(name) || name.startsWith('x-')) continue;
    made.push([name, keyword(walk, name, held, inside(place, name))]);
  }
  const rest = marked(Object.fromEntries(made));
  if (!Object.hasOwn(value, '$ref')) return rest;
  const refPlace = inside(place, '$ref');
  const { target, pointer } = resolve(walk.root, value['$ref'], refPlace.path);
  if (place.open.includes(pointer)) throw new Refused(refPlace.path, 'a schema that refers to itself can not be enforced within bounds');
  const referred = plain(walk, target, { ...refPlace, open: [...place.open, pointer] });
  return made.length === 0 ? referred : marked({ allOf: [referred, rest] });
};

export const plainSchema = (schema: unknown): ShapeOutcome => {
  try {
    const dialect = isSchemaObject(schema) ? schema['$schema'] : undefined;
    if (dialect !== undefined && !(typeof dialect === 'string' && DIALECTS.has(dialect.replace(/#$/, '')))) {
      return { ok: false, path: ['$schema'], message: 'the dialect is none of JSON Schema 2020-12, 2019-09, draft-07' };
    }
    return { ok: true, schema: plain({ root: schema, count: 0 }, schema, { path: [], depth: 0, open: ['#'] }) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, path: error.path, message: error.message };
    throw error;
  }
};
