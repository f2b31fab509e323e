// SPDX-License-Identifier: Apache-2.0
import { CelError } from '../values/error.ts';
import { CelOptional, NONE, typeOf } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';

/**
 * `&&` (decided by false) and `||` (decided by true): an operand that decides wins over errors on either side; else the first error
 * stands. A budget error is absorbed by nothing.
 */
export const logicalNode = (operands: readonly Node[], decides: boolean, offset: number): Node => {
  const noOverload = new CelError('no such overload', offset);
  /** From the operand at `start` on; `value` is what that gave. */
  const goOn = (evaluation: Evaluation, start: number, first: Value | undefined): boolean | undefined => {
    let failure: CelError | undefined;
    let value = first;
    for (let at = start; ; value = operands[at]?.(evaluation)) {
      if (value === decides) return decides;
      if (value !== !decides) {
        if (value !== undefined) failure ??= noOverload;
        else if (evaluation.cancelled) return undefined;
        else failure ??= evaluation.error;
      }
      at += 1;
      if (at >= operands.length) break;
    }
    if (failure === undefined) return !decides;
    evaluation.error = failure;
    return undefined;
  };
  const [one, two] = operands;
  if (one === undefined || two === undefined) return (evaluation) => goOn(evaluation, 0, one?.(evaluation));
  return (evaluation) => {
    const first = one(evaluation);
    if (first === decides) return decides;
    if (first !== !decides) return goOn(evaluation, 0, first);
    const second = two(evaluation);
    if (second === decides) return decides;
    return operands.length === 2 && second === !decides ? second : goOn(evaluation, 1, second);
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

/**
 * `option.or(other)` and, unwrapping, `option.orValue(other)`: the other is evaluated only when there is no value, and what is no
 * optional stands for itself. Free of charge.
 */
export const alternativeNode = (parts: { readonly option: Node; readonly other: Node; readonly unwrap: boolean }): Node => {
  const { option, other, unwrap } = parts;
  return (evaluation) => {
    const value = option(evaluation);
    if (!(value instanceof CelOptional)) return value;
    return value.value === undefined ? other(evaluation) : unwrap ? value.value : value;
  };
};

/**
 * `option.optMap(v, body)` and `option.optFlatMap(v, body)`: in cel-go a conditional over `hasValue`, whose value is evaluated a second
 * time when the variable is first read. Ours is not, but costs as much; what the value paid for variables around it is not due again.
 */
export const optMapNode = (parts: {
  readonly target: Node;
  readonly slot: number;
  readonly body: Node;
  readonly flat: boolean;
  readonly offset: number;
}): Node => {
  const { target, slot, body, flat, offset } = parts;
  return (evaluation: Evaluation) => {
    const before = evaluation.remaining + evaluation.paid;
    const option = target(evaluation);
    if (option === undefined) return evaluation.chargeFailed(1);
    const due = before - evaluation.remaining - evaluation.paid + 1;
    if (!evaluation.charge(1)) return undefined;
    if (!(option instanceof CelOptional)) {
      evaluation.at = offset;
      return evaluation.fail(`no such overload: hasValue(${typeOf(option).name})`);
    }
    if (option.value === undefined) return evaluation.charge(1) ? NONE : undefined;
    evaluation.locals[slot] = option.value;
    const dues = (evaluation.due ??= []);
    dues[slot] = due;
    const value = body(evaluation);
    if (dues[slot] === 0) evaluation.paid -= due;
    if (flat) return value;
    if (value === undefined) return evaluation.chargeFailed(1);
    return evaluation.charge(1) ? new CelOptional(value) : undefined;
  };
};

/** A name for a list that only one call sees; a list that fails takes both of its uses with it. */
export const bindNode = (parts: {
  readonly target: Node;
  readonly slot: number;
  readonly body: Node;
  readonly failed: number | string;
}): Node => {
  const { target, slot, body, failed } = parts;
  return (evaluation) => {
    const value = target(evaluation);
    if (value === undefined && typeof failed === 'string')
      return evaluation.cancelled || !evaluation.chargeEach(2) ? undefined : evaluation.breakDown(failed);
    if (value === undefined) return evaluation.chargeFailed(typeof failed === 'number' ? failed : 0);
    evaluation.locals[slot] = value;
    evaluation.elements[slot] = -1;
    return body(evaluation);
  };
};
