// SPDX-License-Identifier: Apache-2.0
import { CelError } from '../values/error.ts';
import { CelOptional, NONE } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';

/**
 * `&&` (decided by false) and `||` (decided by true): an operand that decides wins over errors on either side; else the first error
 * stands. A budget error is absorbed by nothing.
 */
export const logicalNode = (operands: readonly Node[], decides: boolean, offset: number): Node => {
  const noOverload = new CelError('no such overload', offset);
  return (evaluation) => {
    let failure: CelError | undefined;
    for (const operand of operands) {
      const value = operand(evaluation);
      if (value === decides) return decides;
      if (value === !decides) continue;
      if (value !== undefined) failure ??= noOverload;
      else if (evaluation.cancelled) return undefined;
      else failure ??= evaluation.error;
    }
    if (failure === undefined) return !decides;
    evaluation.error = failure;
    return undefined;
  };
};

/** `condition ? yes : no`; costs nothing besides its parts. */
export const conditionalNode = (parts: {
  readonly condition: Node;
  readonly yes: Node;
  readonly no: Node;
  readonly offset: number;
}): Node => {
  const { condition, yes, no, offset } = parts;
  const noOverload = new CelError('no such overload', offset);
  return (evaluation) => {
    const value = condition(evaluation);
    if (value === true) return yes(evaluation);
    if (value === false) return no(evaluation);
    if (value !== undefined) evaluation.error = noOverload;
    return undefined;
  };
};

/** `option.or(other)` and, unwrapping, `option.orValue(other)`: the other is evaluated only when there is no value. */
export const alternativeNode = (parts: {
  readonly option: Node;
  readonly other: Node;
  readonly unwrap: boolean;
  readonly offset: number;
}): Node => {
  const { option, other, unwrap, offset } = parts;
  const noOverload = new CelError('no such overload', offset);
  return (evaluation) => {
    const value = option(evaluation);
    if (value === undefined || !evaluation.charge(1)) return undefined;
    if (value instanceof CelOptional) return value.value === undefined ? other(evaluation) : unwrap ? value.value : value;
    evaluation.error = noOverload;
    return undefined;
  };
};

/** `option.optMap(v, body)` and `option.optFlatMap(v, body)` */
export const optMapNode = (parts: {
  readonly target: Node;
  readonly slot: number;
  readonly body: Node;
  readonly flat: boolean;
  readonly offset: number;
}): Node => {
  const { target, slot, body, flat, offset } = parts;
  const noOverload = new CelError('no such overload', offset);
  const wrap = (value: Value): Value => (flat ? value : new CelOptional(value));
  return (evaluation: Evaluation) => {
    const option = target(evaluation);
    if (option === undefined || !evaluation.charge(2)) return undefined;
    if (!(option instanceof CelOptional)) {
      evaluation.error = noOverload;
      return undefined;
    }
    if (option.value === undefined) return NONE;
    evaluation.locals[slot] = option.value;
    const value = body(evaluation);
    return value === undefined ? undefined : wrap(value);
  };
};
