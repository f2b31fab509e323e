// SPDX-License-Identifier: Apache-2.0
import { Boxed } from '../values/boxed.ts';
import { CelError } from '../values/error.ts';
import { CelMap } from '../values/map.ts';
import { formatDouble } from '../values/text.ts';
import { CelDouble, CelOptional, CelUint, Fields, isList, NONE, typeOf } from '../values/value.ts';
import type { JsonMap, Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';

/** There is nothing under the key, and that alone is no error. */
const ABSENT = Symbol('absent');
type Found = Value | undefined | typeof ABSENT;

/**
 * Names that some object of JavaScript inherits. Only for them an own-property check is needed: any other name that yields a value
 * is data, because nothing else has it.
 */
const inherited: ReadonlySet<string> = new Set(
  [Object.prototype, Array.prototype, Uint8Array.prototype, Object.getPrototypeOf(Uint8Array.prototype), Function.prototype].flatMap(
    (prototype: object) => Object.getOwnPropertyNames(prototype),
  ),
);

/** A value whose keys are data: a plain object, or an array or byte string, which have no own keys but indexes and inherited names. */
const hasDataKeys = (value: Value): value is JsonMap => typeof value === 'object' && value !== null && !(value instanceof Boxed);

const orAbsent = (value: Value | undefined): Found => (value === undefined ? ABSENT : value);

const listIndex = (evaluation: Evaluation, key: Value): number | undefined => {
  if (typeof key === 'number') return key;
  if (typeof key === 'bigint') return -1;
  if (key instanceof CelUint) return Number(key.value);
  if (!(key instanceof CelDouble)) return evaluation.fail(`unsupported index type '${typeOf(key).name}' in list`);
  return Number.isInteger(key.value) ? key.value : evaluation.fail(`unsupported index value ${formatDouble(key.value)} in list`);
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
  if (operand instanceof CelMap) return orAbsent(operand.get(key));
  if (operand instanceof Fields) return fieldOfStruct(evaluation, operand, key);
  if (!hasDataKeys(operand) || operand instanceof Uint8Array || typeof key !== 'string' || !Object.hasOwn(operand, key)) return ABSENT;
  return orAbsent(operand[key]);
};

/** A key as errors name it. */
export const keyText = (key: Value): string => {
  if (key instanceof CelUint) return String(key.value);
  if (key instanceof CelDouble) return formatDouble(key.value);
  return key === null || typeof key !== 'object' ? String(key) : typeOf(key).name;
};

const missing = (evaluation: Evaluation, operand: Value, key: Value): undefined =>
  evaluation.fail(isList(operand) ? `index out of bounds: ${keyText(key)}` : `no such key: ${keyText(key)}`);

/** A step into an optional value stays optional: `a.?b.c`. */
const lookupOptional = (evaluation: Evaluation, option: CelOptional, key: Value): Value | undefined => {
  if (option.value === undefined) return NONE;
  const found = lookup(evaluation, option.value, key);
  return found === ABSENT ? NONE : found === undefined ? undefined : new CelOptional(found);
};

const access = (evaluation: Evaluation, operand: Value, key: Value): Value | undefined => {
  if (operand instanceof CelOptional) return lookupOptional(evaluation, operand, key);
  const found = lookup(evaluation, operand, key);
  return found === ABSENT ? missing(evaluation, operand, key) : found;
};

/** A variable of the caller. */
export const variableNode = (name: string, offset: number): Node => {
  const undeclared = new CelError(`undeclared reference to '${name}' (in container '')`, offset);
  const guarded = inherited.has(name);
  return (evaluation) => {
    if (!evaluation.charge(1)) return undefined;
    const { bindings } = evaluation;
    const value = guarded && !Object.hasOwn(bindings, name) ? undefined : bindings[name];
    if (value === undefined) evaluation.error = undeclared;
    return value;
  };
};

export type Step = { readonly field: string; readonly offset: number };

/** `variable.a.b.c`: one closure for the whole chain. */
export const pathNode = (root: Node, path: readonly Step[]): Node => {
  const steps = path.map(({ field, offset }) => ({ field, offset, guarded: inherited.has(field) }));
  return (evaluation) => {
    let target = root(evaluation);
    for (const step of steps) {
      if (target === undefined || !evaluation.charge(1)) return undefined;
      const value: Value | undefined = !step.guarded && hasDataKeys(target) ? target[step.field] : undefined;
      if (value === undefined) {
        evaluation.at = step.offset;
        target = access(evaluation, target, step.field);
      } else target = value;
    }
    return target;
  };
};

/** `operand.field` */
export const selectNode = (operand: Node, field: string, offset: number): Node => {
  const guarded = inherited.has(field);
  return (evaluation) => {
    const target = operand(evaluation);
    if (target === undefined || !evaluation.charge(1)) return undefined;
    if (!guarded && hasDataKeys(target)) {
      const value = target[field];
      if (value !== undefined) return value;
    }
    evaluation.at = offset;
    return access(evaluation, target, field);
  };
};

/** `operand.?field` and `operand[?key]` */
export const optionalAccessNode = (operand: Node, key: Node, offset: number): Node => {
  return (evaluation) => {
    const target = operand(evaluation);
    if (target === undefined) return undefined;
    const name = key(evaluation);
    if (name === undefined || !evaluation.charge(1)) return undefined;
    evaluation.at = offset;
    return lookupOptional(evaluation, target instanceof CelOptional ? target : new CelOptional(target), name);
  };
};

/** `has(operand.field)`; costs nothing besides its operand. */
export const testNode = (operand: Node, field: string, offset: number): Node => {
  const guarded = inherited.has(field);
  return (evaluation) => {
    const outer = operand(evaluation);
    if (outer === undefined) return undefined;
    if (!guarded && hasDataKeys(outer) && outer[field] !== undefined) return true;
    const target = outer instanceof CelOptional ? outer.value : outer;
    if (target === undefined) return false;
    if (target instanceof Fields) return target.has(field);
    evaluation.at = offset;
    const found = lookup(evaluation, target, field);
    return found === undefined ? undefined : found !== ABSENT;
  };
};

/** `operand[key]` */
export const indexNode = (operand: Node, key: Node, offset: number): Node => {
  return (evaluation) => {
    const target = operand(evaluation);
    if (target === undefined) return undefined;
    const name = key(evaluation);
    if (name === undefined || !evaluation.charge(1)) return undefined;
    if (typeof name === 'number' && isList(target)) {
      const value = target[name];
      if (value !== undefined) return value;
    }
    evaluation.at = offset;
    return access(evaluation, target, name);
  };
};
