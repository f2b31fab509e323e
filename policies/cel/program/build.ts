// SPDX-License-Identifier: Apache-2.0
import { costOfMatching } from '../cost/call-cost.ts';
import type { Value } from '../values/value.ts';
import {
  indexNode,
  localPathNode,
  localTestNode,
  optionalAccessNode,
  pathNode,
  relativeNode,
  selectNode,
  testNode,
  variableNode,
} from './access.ts';
import type { TestParts } from './access.ts';
import { callNode, matchNode } from './calls.ts';
import type { Node } from './evaluation.ts';
import { existsOneNode, listNode, mapNode, quantifierNode } from './folds.ts';
import type { Bind, Call, Fold, Ir, Local, Select } from './ir.ts';
import { listLiteralNode, mapLiteralNode } from './literals.ts';
import { alternativeNode, bindNode, conditionalNode, logicalNode, optMapNode } from './logic.ts';
import { membershipNode, notNode, operatorNode } from './operators.ts';

const constant =
  (value: Value): Node =>
  () =>
    value;

const local = ({ slot, steps, lazy }: Local): Node => {
  if (lazy)
    return (evaluation) => {
      const due = evaluation.due?.[slot] ?? 0;
      if (evaluation.due !== undefined) evaluation.due[slot] = 0;
      evaluation.paid += due;
      return evaluation.charge(steps + due) ? evaluation.locals[slot] : undefined;
    };
  return steps === 0
    ? (evaluation) => evaluation.locals[slot]
    : (evaluation) => (evaluation.charge(steps) ? evaluation.locals[slot] : undefined);
};

/** Chains of plain selects become one closure, which charges for a plain root too. */
const buildSelect = (ir: Select): Node => {
  const steps = [ir];
  for (let operand = ir.operand; operand.kind === 'select' && operand.mode === 'plain'; operand = operand.operand) steps.unshift(operand);
  const root = steps[0]?.operand ?? ir.operand;
  if (root.kind === 'local' && !root.lazy) return localPathNode(root.slot, steps, root.steps);
  if (root.kind === 'variable') return pathNode(build({ ...root, steps: 0 }), steps, root.steps);
  return steps.length === 1 ? selectNode(build(root), ir.field, ir.offset) : pathNode(build(root), steps, 0);
};

const buildTest = (ir: Select & TestParts): Node => {
  const { operand } = ir;
  return operand.kind === 'local' && !operand.lazy ? localTestNode(operand.slot, ir, operand.steps) : testNode(build(operand), ir);
};

const constantOf = (ir: Ir | undefined): Value | undefined => (ir?.kind === 'constant' ? ir.value : undefined);

const buildCall = (ir: Call): Node => {
  const args = ir.args.map(build);
  const [left, right] = args;
  if (ir.name === '!_' && left !== undefined && args.length === 1) return notNode(ir, left);
  if (left === undefined || right === undefined || args.length !== 2) return callNode(ir, args);
  const [first, second] = ir.args;
  return operatorNode(ir, { node: left, constant: constantOf(first) }, { node: right, constant: constantOf(second) }) ?? callNode(ir, args);
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
      return listNode(parts, ir.body.kind === 'constant');
    case 'transformMap':
    case 'transformMapEntry':
      return mapNode(parts, ir.macro);
    default:
      return ir.macro satisfies never;
  }
};

/** A list that failed is read twice by the call, which then is charged as one that got nothing. */
const buildBind = ({ target, slot, body }: Bind): Node => {
  const failed = typeof body.cost === 'number' ? body.cost : body.cost(undefined, undefined, undefined);
  return bindNode({ target: build(target), slot, body: build(body), failed: typeof failed === 'number' ? 2 + failed : failed });
};

/** Is the value read from a variable of the caller, and nothing done to it? */
const isData = (ir: Ir): boolean => {
  if (ir.kind === 'variable') return true;
  if (ir.kind === 'conditional') return isData(ir.yes) && isData(ir.no);
  return (ir.kind === 'select' && ir.mode === 'plain' && isData(ir.operand)) || (ir.kind === 'index' && !ir.optional && isData(ir.operand));
};

/** IR → closures. */
export const build = (ir: Ir): Node => {
  switch (ir.kind) {
    case 'constant':
      return constant(ir.value);
    case 'variable':
      return variableNode(ir);
    case 'local':
      return local(ir);
    case 'relative':
      return relativeNode(build(ir.operand));
    case 'select':
      if (ir.mode === 'test') return buildTest(ir);
      if (ir.mode === 'optional')
        return optionalAccessNode(build(ir.operand), constant(ir.field), { offset: ir.offset, source: 'computed' });
      return buildSelect(ir);
    case 'index':
      return (ir.optional ? optionalAccessNode : indexNode)(build(ir.operand), build(ir.index), {
        offset: ir.offset,
        source: isData(ir.index) ? 'data' : 'computed',
      });
    case 'and':
    case 'or':
      return logicalNode(ir.operands.map(build), ir.kind === 'or', ir.offset);
    case 'conditional':
      return conditionalNode({ condition: build(ir.condition), yes: build(ir.yes), no: build(ir.no), offset: ir.offset });
    case 'alternative':
      return alternativeNode({ option: build(ir.option), other: build(ir.other), unwrap: ir.unwrap });
    case 'call':
      return buildCall(ir);
    case 'membership':
      return membershipNode({ ...ir, name: '@in', cost: 0, hasty: false }, build(ir.needle), ir.values);
    case 'match':
      return matchNode(build(ir.text), ir.pattern, { offset: ir.offset, cost: costOfMatching(ir.source, ir.cost) });
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
    case 'bind':
      return buildBind(ir);
    default:
      return ir satisfies never;
  }
};
