// SPDX-License-Identifier: Apache-2.0
// What checking a JSON Schema may take, announced before it is spent and counted, never timed: the same data always ends
// the same way. The unit is that of CEL's effort, some 5 ns. schema-shape.ts marks every schema, and the code that ajv
// writes for one begins with its charge.
import type { Budget } from '../cel/index.ts';

/** Ends a check from within: a keyword that merely failed would be `not` and `anyOf` to others. */
class EffortSpent extends Error {}

/** What one expression may do, in steps and in units: 1,000,000 and 3,000,000. So a step of the budget grants three units. */
const UNITS_PER_STEP = 3;

export type SchemaMeter = {
  readonly spend: (units: number) => void;
  /** Runs a check within a budget; undefined = it took too much. */
  readonly within: <T>(budget: Budget, check: () => T) => { readonly result: T } | undefined;
};

export const createSchemaMeter = (): SchemaMeter => {
  let left = 0;
  const within = <T>(budget: Budget, check: () => T): { readonly result: T } | undefined => {
    const granted = Math.max(0, Math.min(budget.remaining * UNITS_PER_STEP, budget.effort ?? Number.POSITIVE_INFINITY));
    left = granted;
    try {
      return { result: check() };
    } catch (error) {
      if (error instanceof EffortSpent) return undefined;
      throw error;
    } finally {
      budget.remaining -= Math.ceil((granted - left) / UNITS_PER_STEP);
      if (budget.effort !== undefined) budget.effort -= granted - left;
    }
  };
  const spend = (units: number): void => {
    left -= units;
    if (left < 0) throw new EffortSpent();
  };
  return { spend, within };
};

/** Measured: a keyword that fails under anyOf makes an object; an item is one step of a loop. */
const KEYWORD_UNITS = 4;
const BRANCH_UNITS = 12;
const ITEM_UNITS = 4;
/** The engine keeps many keys as a hash table, which is slow to go through. */
const keyUnits = (keys: number): number => (keys > 1_000 ? 250 : 20);

const BRANCHES = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'] as const;
const PER_ITEM = ['items', 'contains', 'unevaluatedItems'] as const;
const PER_KEY = ['additionalProperties', 'patternProperties', 'propertyNames', 'unevaluatedProperties', 'minProperties', 'maxProperties'];
/** Read whole whatever the data is: names that are looked up, values that are compared. */
const LISTED = ['enum', 'const', 'required', 'dependentRequired'] as const;

const entriesIn = (held: unknown): number => (typeof held === 'object' && held !== null ? Object.keys(held).length : 0);

/** To hold a value against this one. */
const comparisonUnits = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce((sum: number, held: unknown) => sum + comparisonUnits(held), 40)
    : 8;

type Schema = Readonly<Record<string, unknown>>;

/** The charge of one schema for one value, without those of the schemas inside of it, which have their own. */
export const visitUnits = (schema: Schema): ((data: unknown) => number) => {
  const has = (name: string): boolean => Object.hasOwn(schema, name);
  const sizeOf = (name: string): number => (has(name) ? entriesIn(schema[name]) : 0);
  const branches = BRANCHES.reduce((sum, name) => sum + (Array.isArray(schema[name]) ? sizeOf(name) : Number(has(name))), 0);
  const listed = LISTED.reduce((sum, name) => sum + (has(name) ? comparisonUnits(schema[name]) : 0), 0);
  const named = sizeOf('properties') + sizeOf('dependentSchemas') + sizeOf('prefixItems');
  const fixed = (1 + Object.keys(schema).length + named) * KEYWORD_UNITS + branches * BRANCH_UNITS + listed;
  const perItem = PER_ITEM.filter(has).length * ITEM_UNITS;
  const keyed = PER_KEY.filter(has).length;
  // An additional property is one that none of the others names, and each key is held against all of them.
  const perKey = keyed === 0 ? 0 : keyed + sizeOf('properties') / 32 + sizeOf('patternProperties');
  return (data) => {
    if (Array.isArray(data)) return fixed + perItem * data.length;
    if (perKey === 0 || typeof data !== 'object' || data === null) return fixed;
    const keys = Object.keys(data).length;
    return fixed + Math.ceil(perKey * keys * keyUnits(keys));
  };
};

const FORMAT_UNITS = 12;

/**
 * What a text takes by its length alone: its characters are counted for minLength and maxLength, and a format is a regular
 * expression of the platform, which no longer text reaches. Patterns charge for themselves.
 */
export const textUnits = (schema: Schema, formatMax: number): ((length: number) => number) | undefined => {
  const lengths = ['minLength', 'maxLength'].filter((name) => Object.hasOwn(schema, name)).length;
  const format = Object.hasOwn(schema, 'format') ? FORMAT_UNITS : 0;
  if (lengths + format === 0) return undefined;
  return (length) => 8 + 2 * lengths * length + (length > formatMax ? 0 : format * length);
};

/** Equal values have equal texts: keys sorted, as JSON has no order of keys. */
const canonical = (value: unknown, spend: SchemaMeter['spend']): string => {
  if (typeof value === 'string') {
    spend(24 + value.length);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object' || value === null) {
    spend(24);
    return String(value);
  }
  if (Array.isArray(value)) {
    spend(60);
    return `[${value.map((item: unknown) => canonical(item, spend)).join(',')}]`;
  }
  const entries = Object.entries(value);
  spend(240 + entries.length * (48 + Math.ceil(8 * Math.log2(1 + entries.length))));
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, held]) => `${canonical(key, spend)}:${canonical(held, spend)}`).join(',')}}`;
};

/** Linear in the size of the items. */
export const isUnique = (items: readonly unknown[], spend: SchemaMeter['spend']): boolean => {
  const scalars = new Set<unknown>();
  const texts = new Set<string>();
  for (const item of items) {
    const isScalar = typeof item !== 'object' || item === null;
    spend(60 + (typeof item === 'string' ? item.length : 0));
    const [seen, key]: [Set<unknown>, unknown] = isScalar ? [scalars, item] : [texts, canonical(item, spend)];
    if (seen.has(key)) return false;
    seen.add(key);
  }
  return true;
};
