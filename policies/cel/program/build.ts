// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../values/value.ts';
import { indexNode, optionalAccessNode, pathNode, selectNode, testNode, variableNode } from './access.ts';
import { callNode, matchNode } from './calls.ts';
import type { Node } from './evaluation.ts';
import { existsOneNode, listNode, mapNode, quantifierNode } from './folds.ts';
import type { Call, Fold, Ir, Select } from './ir.ts';
import { listLiteralNode, mapLiteralNode } from './literals.ts';
import { alternativeNode, conditionalNode, logicalNode, optMapNode } from './logic.ts';
import { membershipNode, notNode, operatorNode } from './operators.ts';

const constant =
  (value: Value): Node =>
  () =>
    value;

const local =
  (slot: number): Node =>
  (evaluation) =>
    evaluation.charge(1) ? evaluation.locals[slot] : undefined;

/** Chains of plain selects become one closure. */
const buildSelect = (ir: Select): Node => {
  const steps = [ir];
  for (let operand = ir.operand; operand.kind === 'select' && operand.mode === 'plain'; operand = operand.operand) steps.unshift(operand);
  const root = build(steps[0]?.operand ?? ir.operand);
  return steps.length === 1 ? selectNode(root, ir.field, ir.offset) : pathNode(root, steps);
};

const buildCall = (ir: Call): Node => {
  const args = ir.args.map(build);
  const [left, right] = args;
  const haystack = ir.args[1];
  if (ir.name === '!_' && left !== undefined && args.length === 1) return notNode(ir, left);
  if (left === undefined || right === undefined || args.length !== 2) return callNode(ir, args);
  if (ir.name === '@in' && haystack?.kind === 'constant' && Array.isArray(haystack.value)) {
    const values: readonly Value[] = haystack.value;
    if (values.every((value) => typeof value === 'string')) return membershipNode(ir, left, values);
  }
  return operatorNode(ir, left, right) ?? callNode(ir, args);
};

const buildFold = (ir: Fold): Node => {
  const parts = {
    range: build(ir.range),
    slot: ir.slot,
    secondSlot: ir.secondSlot,
    filter: ir.filter === undefined ? undefined : build(ir.filter),
    body: build(ir.body),
    offset: ir.offset,
  };
  switch (ir.macro) {
    case 'all':
      return quantifierNode(parts, false);
    case 'exists':
      return quantifierNode(parts, true);
    case 'existsOne':
      return existsOneNode(parts);
    case 'filter':
    case 'map':
    case 'transformList':
      return listNode(parts);
    case 'transformMap':
    case 'transformMapEntry':
      return mapNode(parts, ir.macro);
    default:
      return ir.macro satisfies never;
  }
};

/** IR → closures. */
export const build = (ir: Ir): Node => {
  switch (ir.kind) {
    case 'constant':
      return constant(ir.value);
    case 'variable':
      return variableNode(ir.name, ir.offset);
    case 'local':
      return local(ir.slot);
    case 'select':
      if (ir.mode === 'test') return testNode(build(ir.operand), ir.field, ir.offset);
      if (ir.mode === 'optional') return optionalAccessNode(build(ir.operand), constant(ir.field), ir.offset);
      return buildSelect(ir);
    case 'index':
      return (ir.optional ? optionalAccessNode : indexNode)(build(ir.operand), build(ir.index), ir.offset);
    case 'and':
    case 'or':
      return logicalNode(ir.operands.map(build), ir.kind === 'or', ir.offset);
    case 'conditional':
      return conditionalNode({ condition: build(ir.condition), yes: build(ir.yes), no: build(ir.no), offset: ir.offset });
    case 'alternative':
      return alternativeNode({ option: build(ir.option), other: build(ir.other), unwrap: ir.unwrap, offset: ir.offset });
    case 'call':
      return buildCall(ir);
    case 'match':
      return matchNode(build(ir.text), ir.pattern, ir);
    case 'list':
      return listLiteralNode(
        ir.elements.map(({ optional, value }) => ({ optional, value: build(value) })),
        ir.offset,
      );
    case 'map':
      return mapLiteralNode(
        ir.entries.map(({ optional, key, value, offset }) => ({ optional, key: build(key), value: build(value), offset })),
      );
    case 'fold':
      return buildFold(ir);
    case 'optMap':
      return optMapNode({ target: build(ir.target), slot: ir.slot, body: build(ir.body), flat: ir.flat, offset: ir.offset });
    default:
      return ir satisfies never;
  }
};
