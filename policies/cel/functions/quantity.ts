// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { compareDecimals } from '../values/exact-decimal.ts';
import { parseQuantity } from '../values/quantity-text.ts';
import { addQuantities, approximateFloat, integerOf, quantityOfInt, strainFor, subtractQuantities } from '../values/quantity.ts';
import type { Quantity } from '../values/quantity.ts';
import { CelDouble } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { quantity } from './opaque.ts';
import { int, string } from './parameters.ts';
import { entry, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Library, Overload } from './table.ts';

/** Units of effort that a call takes however short the text is; one is some 5 ns. */
const READ_EFFORT = 500;
const OPERATION_EFFORT = 300;
const COMPARISON_EFFORT = 60;

const read = (evaluation: Evaluation, text: string): Value | undefined => {
  const parsed = parseQuantity(evaluation, text);
  return typeof parsed === 'string' ? evaluation.fail(parsed) : parsed;
};

const isQuantity = (evaluation: Evaluation, text: string): Value | undefined => {
  const parsed = parseQuantity(evaluation, text);
  return parsed === undefined ? undefined : typeof parsed !== 'string';
};

const comparison = (name: string, id: string, answer: (order: number) => Value): FunctionEntry =>
  entry(
    name,
    overload2({
      id,
      effort: COMPARISON_EFFORT,
      member: true,
      params: [quantity, quantity],
      result: name === 'compareTo' ? types.INT : types.BOOL,
      run: (evaluation, a, b) => (strainFor(evaluation, a, b) ? answer(compareDecimals(a.amount, b.amount)) : undefined),
    }),
  );

type Operation = (evaluation: Evaluation, left: Quantity, right: Quantity) => Quantity | undefined;

const operation = (id: string, compute: Operation): readonly Overload[] => [
  overload2({ id, effort: OPERATION_EFFORT, member: true, params: [quantity, quantity], result: quantity.type, run: compute }),
  overload2({
    id: `${id}_int`,
    effort: OPERATION_EFFORT,
    member: true,
    params: [quantity, int],
    result: quantity.type,
    run: (evaluation, a, b) => compute(evaluation, a, quantityOfInt(b)),
  }),
];

export const quantityLibrary: Library = {
  name: 'kubernetes.quantity',
  since: '1.28',
  functions: [
    entry('quantity', overload1({ id: 'string_to_quantity', effort: READ_EFFORT, params: [string], result: quantity.type, run: read })),
    entry(
      'isQuantity',
      overload1({ id: 'is_quantity_string', effort: READ_EFFORT, params: [string], result: types.BOOL, run: isQuantity }),
    ),
    // Declared as a global function: Kubernetes has no `q.sign()`.
    entry(
      'sign',
      overload1({
        id: 'quantity_sign',
        params: [quantity],
        result: types.INT,
        run: (_evaluation, { amount: { mantissa } }) => (mantissa < 0n ? -1 : mantissa > 0n ? 1 : 0),
      }),
    ),
    comparison('isGreaterThan', 'quantity_is_greater_than', (order) => order > 0),
    comparison('isLessThan', 'quantity_is_less_than', (order) => order < 0),
    comparison('compareTo', 'quantity_compare_to', (order) => order),
    entry(
      'asApproximateFloat',
      overload1({
        id: 'quantity_get_float',
        effort: 100,
        member: true,
        params: [quantity],
        result: types.DOUBLE,
        run: (_evaluation, value) => new CelDouble(approximateFloat(value)),
      }),
    ),
    entry(
      'asInteger',
      overload1({
        id: 'quantity_get_int',
        effort: 100,
        member: true,
        params: [quantity],
        result: types.INT,
        run: (evaluation, value) => integerOf(value) ?? evaluation.fail('cannot convert value to integer'),
      }),
    ),
    entry(
      'isInteger',
      overload1({
        id: 'quantity_is_integer',
        effort: 100,
        member: true,
        params: [quantity],
        result: types.BOOL,
        run: (_evaluation, value) => integerOf(value) !== undefined,
      }),
    ),
    entry('add', ...operation('quantity_add', addQuantities)),
    entry('sub', ...operation('quantity_sub', subtractQuantities)),
  ],
};
