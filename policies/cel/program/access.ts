// SPDX-License-Identifier: Apache-2.0
import { Boxed } from '../values/boxed.ts';
import { CelError } from '../values/error.ts';
import { goText, goTypeOf, goTypeOfJson, unhashable } from '../values/go-type.ts';
import { INT_MAX } from '../values/integer.ts';
import { CelMap } from '../values/map.ts';
import { CelDouble, CelOptional, CelUint, Fields, isJsonMap, isList, NONE, typeOf } from '../values/value.ts';
import type { JsonMap, Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';
import { readerOf } from './field-readers.ts';
import type { FieldReader } from './field-readers.ts';

/** There is nothing under the key, and that alone is no error. */
const ABSENT = Symbol('absent');
type Found = Value | undefined | typeof ABSENT;

/**
 * Names that some object of JavaScript inherits. Only for them an own-property check is needed: any other name that yields a value
 * is data, because nothing else has it.
 */
const inherited: ReadonlySet<string> = new Set(
  [Object.prototype, Array.prototype, Uint8Array.prototype, Object.getPrototypeOf(Uint8Array.prototype)].flatMap((prototype: object) =>
    Object.getOwnPropertyNames(prototype),
  ),
);

/** A value whose keys are data: a plain object, or an array or byte string, which have no own keys but indexes and inherited names. */
export const hasDataKeys = (value: Value): value is JsonMap => typeof value === 'object' && value !== null && !(value instanceof Boxed);

const orAbsent = (value: Value | undefined): Found => (value === undefined ? ABSENT : value);

const listIndex = (evaluation: Evaluation, key: Value): number | undefined => {
  if (typeof key === 'number') return key;
  if (typeof key === 'bigint') return -1;
  if (key instanceof CelUint && key.value <= INT_MAX) return Number(key.value);
  if (!(key instanceof CelDouble || key instanceof CelUint)) return evaluation.fail(`unsupported index type '${typeOf(key).name}' in list`);
  return key instanceof CelDouble && Number.isInteger(key.value) && Math.abs(key.value) < 2 ** 63
    ? key.value
    : evaluation.fail(`unsupported index value ${goText(key)} in list`);
};

const fieldOfStruct = (evaluation: Evaluation, struct: Fields, key: Value): Found => {
  const value = typeof key === 'string' ? struct.field(key) : undefined;
  if (value === undefined) return ABSENT;
  if (!(value instanceof CelError)) return value;
  evaluation.error = value;
  return undefined;
};

/** What is under a key, by the rules that `x.f`, `x[k]`, `x.?f` and `x[?k]` share. */
const lookup = (evaluation: Evaluation, operand: Value, key: Value): Found => {
  if (isList(operand)) {
    const index = listIndex(evaluation, key);
    return index === undefined ? undefined : orAbsent(operand[index]);
  }
  if (operand instanceof CelMap) {
    const broken = typeof key === 'object' && operand.size > 0 ? unhashable(key) : undefined;
    return broken === undefined ? orAbsent(operand.get(key)) : evaluation.breakDown(broken);
  }
  if (operand instanceof Fields) return fieldOfStruct(evaluation, operand, key);
  if (!hasDataKeys(operand) || operand instanceof Uint8Array || typeof key !== 'string' || !Object.hasOwn(operand, key)) return ABSENT;
  return orAbsent(operand[key]);
};

const missing = (evaluation: Evaluation, operand: Value, key: Value): undefined =>
  evaluation.fail(isList(operand) ? `index out of bounds: ${goText(key)}` : `no such key: ${goText(key)}`);

/** A step into an optional value stays optional: `a.?b.c`. It costs 1 if there is something. */
const stepOptional = (evaluation: Evaluation, inner: Value | undefined, key: Value): Value | undefined => {
  if (inner === undefined) return NONE;
  const found = lookup(evaluation, inner, key);
  if (found === ABSENT) return NONE;
  return found !== undefined && evaluation.charge(1) ? new CelOptional(found) : undefined;
};

/** `operand.key` and `operand[key]`, which cost 1 whether they fail or not. */
const step = (evaluation: Evaluation, operand: Value, key: Value): Value | undefined => {
  if (operand instanceof CelOptional) return stepOptional(evaluation, operand.value, key);
  if (!evaluation.charge(1)) return undefined;
  const found = lookup(evaluation, operand, key);
  return found === ABSENT ? missing(evaluation, operand, key) : found;
};

export type VariableParts = { readonly name: string; readonly offset: number; readonly steps: number };

/** A variable of the caller. */
export const variableNode = ({ name, offset, steps }: VariableParts): Node => {
  const undeclared = new CelError(`no such attribute(s): ${name}`, offset);
  const guarded = inherited.has(name);
  return (evaluation) => {
    if (steps > 0 && !evaluation.charge(steps)) return undefined;
    const { bindings } = evaluation;
    const value = guarded && !Object.hasOwn(bindings, name) ? undefined : bindings[name];
    if (value === undefined) evaluation.error = undeclared;
    return value;
  };
};

/** What stands before the fields and indexes of a chain that begins with no variable; the chain itself costs 1. */
export const relativeNode =
  (operand: Node): Node =>
  (evaluation) => {
    const value = operand(evaluation);
    if (value === undefined) return evaluation.chargeFailed(1);
    return evaluation.charge(1) ? value : undefined;
  };

/** Whether the field can be read by a `FieldReader`. */
export const isReadable = (field: string): boolean => !inherited.has(field);

export type Step = { readonly field: string; readonly offset: number };

type GuardedStep = Step & { readonly guarded: boolean; readonly read: FieldReader };

const guardedSteps = (path: readonly Step[]): readonly GuardedStep[] =>
  path.map(({ field, offset }) => ({ field, offset, guarded: inherited.has(field), read: readerOf(field) }));

/** Follows plain fields; what they and the `owed` cost is charged at once where nothing stands in the way. */
const walk = (
  evaluation: Evaluation,
  root: Value | undefined,
  about: { readonly steps: readonly GuardedStep[]; readonly first: number },
) => {
  let target = root;
  let owed = about.first;
  for (const { field, offset, guarded, read } of about.steps) {
    if (target === undefined) break;
    const value: Value | undefined = !guarded && hasDataKeys(target) ? read(target) : undefined;
    if (value === undefined) {
      if (!evaluation.chargeEach(owed)) return undefined;
      owed = 0;
      evaluation.at = offset;
      target = step(evaluation, target, field);
    } else {
      owed++;
      target = value;
    }
  }
  if (target === undefined) return owed === 0 ? undefined : evaluation.chargeFailed(owed);
  return owed === 0 || evaluation.chargeEach(owed) ? target : undefined;
};

/** `root.a.b.c`: one closure for the whole chain; `first` is what its root costs. */
export const pathNode = (root: Node, path: readonly Step[], first: number): Node => {
  const about = { steps: guardedSteps(path), first };
  return (evaluation) => walk(evaluation, root(evaluation), about);
};

/** The same from a variable of a macro, which is where most chains begin. */
export const localPathNode = (slot: number, path: readonly Step[], first: number): Node => {
  const about = { steps: guardedSteps(path), first };
  const [only] = about.steps;
  if (only === undefined || about.steps.length > 1 || only.guarded) return (evaluation) => walk(evaluation, evaluation.locals[slot], about);
  const { read } = only;
  const cost = first + 1;
  return (evaluation) => {
    const target = evaluation.locals[slot];
    if (target !== undefined && hasDataKeys(target)) {
      const value = read(target);
      if (value !== undefined) return evaluation.chargeEach(cost) ? value : undefined;
    }
    return walk(evaluation, target, about);
  };
};

/** `operand.field` */
export const selectNode = (operand: Node, field: string, offset: number): Node => {
  const guarded = inherited.has(field);
  return (evaluation) => {
    const target = operand(evaluation);
    if (target === undefined) return undefined;
    if (!guarded && hasDataKeys(target)) {
      const value = target[field];
      if (value !== undefined) return evaluation.charge(1) ? value : undefined;
    }
    evaluation.at = offset;
    return step(evaluation, target, field);
  };
};

/** How a key that is no constant comes to be: read from data as it was decoded, or computed. */
export type KeySource = 'data' | 'computed';

/** Only these can be keys; what else stands in brackets is told by its type in Go. */
const fitsAsKey = (evaluation: Evaluation, key: Value, source: KeySource): boolean => {
  if (typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean' || typeof key === 'bigint') return true;
  if (key instanceof CelDouble || key instanceof CelUint) return true;
  evaluation.fail(`invalid qualifier type: ${source === 'data' ? goTypeOfJson(key) : goTypeOf(key)}`);
  return false;
};

const isNone = (value: Value): boolean => value instanceof CelOptional && value.value === undefined;

export type IndexParts = { readonly offset: number; readonly source: KeySource };

/** `operand.?field` and `operand[?key]`; the key of what is not there is not even evaluated. */
export const optionalAccessNode = (operand: Node, key: Node, { offset, source }: IndexParts): Node => {
  return (evaluation) => {
    const target = operand(evaluation);
    if (target === undefined || isNone(target)) return target;
    const name = key(evaluation);
    if (name === undefined) return undefined;
    const inner = target instanceof CelOptional ? target.value : target;
    if (typeof name === 'string' && inner !== undefined && isJsonMap(inner)) {
      const value = Object.hasOwn(inner, name) ? inner[name] : undefined;
      return value === undefined ? NONE : evaluation.charge(1) ? new CelOptional(value) : undefined;
    }
    evaluation.at = offset;
    if (!fitsAsKey(evaluation, name, source)) return undefined;
    return stepOptional(evaluation, inner, name);
  };
};

const hasField = (evaluation: Evaluation, target: Value, field: string): boolean | undefined => {
  if (target instanceof Fields) return target.has(field);
  const found = lookup(evaluation, target, field);
  return found === undefined ? undefined : found !== ABSENT;
};

export type TestParts = { readonly field: string; readonly offset: number; readonly refund: boolean };

/** `has(operand.field)`; of an optional operand it costs 1 only where the field is there. */
export const testNode = (operand: Node, { field, offset, refund }: TestParts): Node => {
  const guarded = inherited.has(field);
  const read = readerOf(field);
  const cost = refund ? 0 : 1;
  return (evaluation) => {
    const outer = operand(evaluation);
    if (outer === undefined) return refund ? evaluation.chargeFailed(-1) : undefined;
    if (!guarded && hasDataKeys(outer) && read(outer) !== undefined) return evaluation.charge(cost) ? true : undefined;
    evaluation.at = offset;
    if (!(outer instanceof CelOptional)) return evaluation.charge(cost) ? hasField(evaluation, outer, field) : undefined;
    const found = outer.value === undefined ? false : hasField(evaluation, outer.value, field);
    return evaluation.charge(found === true ? cost : cost - 1) ? found : undefined;
  };
};

/** The same of a variable of a macro, `has(c.field)`, which costs `first` to read. */
export const localTestNode = (slot: number, parts: TestParts, first: number): Node => {
  const { field, refund } = parts;
  const general = testNode((evaluation) => (first === 0 || evaluation.charge(first) ? evaluation.locals[slot] : undefined), parts);
  if (inherited.has(field)) return general;
  const cost = first + (refund ? 0 : 1);
  const read = readerOf(field);
  return (evaluation) => {
    const target = evaluation.locals[slot];
    if (target === undefined || !hasDataKeys(target) || read(target) === undefined) return general(evaluation);
    return evaluation.chargeEach(cost) ? true : undefined;
  };
};

/** `operand[key]` */
export const indexNode = (operand: Node, key: Node, { offset, source }: IndexParts): Node => {
  return (evaluation) => {
    const target = operand(evaluation);
    if (target === undefined || isNone(target)) return target;
    const name = key(evaluation);
    if (name === undefined) return target instanceof CelOptional ? undefined : evaluation.chargeFailed(1);
    if (typeof name === 'number' && isList(target)) {
      const value = target[name];
      if (value !== undefined) return evaluation.charge(1) ? value : undefined;
    }
    evaluation.at = offset;
    if (typeof name === 'object' && !fitsAsKey(evaluation, name, source))
      return target instanceof CelOptional ? undefined : evaluation.chargeFailed(1);
    return step(evaluation, target, name);
  };
};
