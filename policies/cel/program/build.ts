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
import { callNode, matchNode } from './calls.ts';
import type { Node } from './evaluation.ts';
import { fieldEqualityNode, fieldEqualityOf, passingOf } from './field-equality.ts';
import type { Passing } from './field-equality.ts';
import { existsOneNode, listNode, mapNode, quantifierNode } from './folds.ts';
import type { FoldParts } from './folds.ts';
import type {
  Alternative,
  Bind,
  Call,
  Conditional,
  Fold,
  Index,
  Ir,
  List,
  Local,
  Logical,
  MapLiteral,
  Match,
  Membership,
  OptMap,
  Select,
} from './ir.ts';
import { listLiteralNode, mapLiteralNode } from './literals.ts';
import { alternativeNode, bindNode, conditionalNode, logicalNode, optMapNode } from './logic.ts';
import { membershipNode, notNode, operatorNode } from './operators.ts';
import type { Sharing } from './sharing.ts';

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

/** How the nodes of a program come to be: its own with their places, or shared ones. */
type Building = {
  readonly share: Sharing['node'];
  readonly again: Sharing['again'];
  readonly lasts: Sharing['lasts'];
  readonly place: (offset: number) => number;
};

/** Shared nodes stand in no one source. */
const NOWHERE = -1;

const alone: Building = { share: (_parts, make) => make(), again: (node) => node, lasts: () => false, place: (offset) => offset };

const placed = <T extends { readonly offset: number }>(ir: T, { place }: Building): T => ({ ...ir, offset: place(ir.offset) });

/** Chains of plain selects become one closure, which charges for a plain root too. */
const buildSelect = (ir: Select, by: Building): Node => {
  const chain = [ir];
  for (let operand = ir.operand; operand.kind === 'select' && operand.mode === 'plain'; operand = operand.operand) chain.unshift(operand);
  const root = chain[0]?.operand ?? ir.operand;
  const steps = chain.map((one) => placed(one, by));
  const fields = steps.map(({ field }) => field);
  if (root.kind === 'local' && !root.lazy)
    return by.share(['local path', root.slot, root.steps, ...fields], () => localPathNode(root.slot, steps, root.steps));
  const [first, paid] = root.kind === 'variable' ? [build({ ...root, steps: 0 }, by), root.steps] : [build(root, by), 0];
  return by.share(['path', first, paid, ...fields], () =>
    steps.length === 1 && root.kind !== 'variable' ? selectNode(first, ir.field, by.place(ir.offset)) : pathNode(first, steps, paid),
  );
};

const buildTest = (ir: Select, by: Building): Node => {
  const { operand, field, refund } = ir;
  if (operand.kind === 'local' && !operand.lazy) {
    const { slot, steps } = operand;
    return by.share(['local test', slot, steps, field, refund], () => localTestNode(slot, placed(ir, by), steps));
  }
  const tested = build(operand, by);
  return by.share(['test', tested, field, refund], () => testNode(tested, placed(ir, by)));
};

const buildAccess = (ir: Select | Index, by: Building): Node => {
  if (ir.kind === 'select' && ir.mode !== 'optional') return ir.mode === 'test' ? buildTest(ir, by) : buildSelect(ir, by);
  const operand = build(ir.operand, by);
  const key = ir.kind === 'select' ? by.share(['constant', ir.field], () => constant(ir.field)) : build(ir.index, by);
  const optional = ir.kind === 'select' || ir.optional;
  const source = ir.kind === 'index' && isData(ir.index) ? 'data' : 'computed';
  const node = optional ? optionalAccessNode : indexNode;
  return by.share(['access', operand, key, optional, source], () => node(operand, key, { offset: by.place(ir.offset), source }));
};

const constantOf = (ir: Ir | undefined): Value | undefined => (ir?.kind === 'constant' ? ir.value : undefined);

const buildCall = (ir: Call, by: Building): Node => {
  const args = ir.args.map((arg) => build(arg, by));
  const site = placed(ir, by);
  const make = (): Node => {
    const [left, right] = args;
    if (ir.name === '!_' && left !== undefined && args.length === 1) return notNode(site, left);
    if (left === undefined || right === undefined || args.length !== 2) return callNode(site, args);
    const [first, second] = ir.args;
    const equality = fieldEqualityOf(ir);
    const sides = [left, right].map((node, side) => ({ node, constant: constantOf(side === 0 ? first : second) }));
    const [one, two] = sides;
    const node = (one === undefined || two === undefined ? undefined : operatorNode(site, one, two)) ?? callNode(site, args);
    return equality === undefined ? node : fieldEqualityNode(equality, node);
  };
  return by.share(['call', ir.name, ir.hasty, ir.cost, ...ir.overloads, 'of', ...args], make);
};

const buildMembership = (ir: Membership, by: Building): Node => {
  const needle = build(ir.needle, by);
  const site = { ...placed(ir, by), name: '@in', cost: 0, hasty: false };
  return by.share(['membership', needle, ...ir.overloads, 'in', ...ir.values], () => membershipNode(site, needle, ir.values));
};

const buildMatch = (ir: Match, by: Building): Node => {
  const text = build(ir.text, by);
  return by.share(['match', text, ir.source, ir.cost], () =>
    matchNode(text, ir.pattern, { offset: by.place(ir.offset), cost: costOfMatching(ir.source, ir.cost) }),
  );
};

const foldNode = ({ macro, body }: Fold, parts: FoldParts): Node => {
  switch (macro) {
    case 'all':
      return quantifierNode(parts, false);
    case 'exists':
      return quantifierNode(parts, true);
    case 'existsOne':
      return existsOneNode(parts);
    case 'filter':
    case 'map':
    case 'transformList':
      return listNode(parts, body.kind === 'constant');
    case 'transformMap':
    case 'transformMapEntry':
      return mapNode(parts, macro);
    default:
      return macro satisfies never;
  }
};

const passingFor = (body: Ir, by: Building): Passing | undefined => {
  const rest = body.kind === 'or' ? operandsOf(body, by)[1] : undefined;
  return rest === undefined || (body.kind === 'or' && body.operands.length < 2) ? undefined : passingOf(body, build(rest, by));
};

const buildFold = (ir: Fold, by: Building): Node => {
  const { macro, slot, secondSlot } = ir;
  const range = build(ir.range, by);
  const filter = ir.filter === undefined ? undefined : build(ir.filter, by);
  const body = build(ir.body, by);
  const passing = macro === 'all' && by !== alone ? passingFor(ir.body, by) : undefined;
  const parts = { range, slot, secondSlot, filter, body, offset: by.place(ir.offset), numbered: by.lasts(ir.range), passing };
  return by.share(['fold', macro, range, slot, secondSlot, filter, body], () => foldNode(ir, parts));
};

/** A list that failed is read twice by the call, which then is charged as one that got nothing. */
const buildBind = (ir: Bind, by: Building): Node => {
  const { slot, body: call } = ir;
  const [target, body] = [build(ir.target, by), build(call, by)];
  const cost = typeof call.cost === 'number' ? call.cost : call.cost(undefined, undefined, undefined);
  const failed = typeof cost === 'number' ? 2 + cost : cost;
  return by.share(['bind', target, slot, body, failed], () => bindNode({ target, slot, body, failed }));
};

/** Is the value read from a variable of the caller, and nothing done to it? */
const isData = (ir: Ir): boolean => {
  if (ir.kind === 'variable') return true;
  if (ir.kind === 'conditional') return isData(ir.yes) && isData(ir.no);
  return (ir.kind === 'select' && ir.mode === 'plain' && isData(ir.operand)) || (ir.kind === 'index' && !ir.optional && isData(ir.operand));
};

/** Policies of a set often say the same but for the first operand, an exception: the others are a node of their own, so that they share it. */
const operandsOf = (ir: Logical, by: Building): readonly Ir[] => {
  const [first, ...rest] = ir.operands;
  return by === alone || first === undefined || rest.length < 2 ? ir.operands : [first, { ...ir, operands: rest }];
};

const buildLogic = (ir: Logical | Conditional | Alternative | OptMap, by: Building): Node => {
  const offset = by.place(ir.offset);
  switch (ir.kind) {
    case 'and':
    case 'or': {
      const operands = operandsOf(ir, by).map((operand) => build(operand, by));
      return by.share([ir.kind, ...operands], () => logicalNode(operands, ir.kind === 'or', offset));
    }
    case 'conditional': {
      const [condition, yes, no] = [build(ir.condition, by), build(ir.yes, by), build(ir.no, by)];
      return by.share(['conditional', condition, yes, no], () => conditionalNode({ condition, yes, no, offset }));
    }
    case 'alternative': {
      const [option, other] = [build(ir.option, by), build(ir.other, by)];
      return by.share(['alternative', option, other, ir.unwrap], () => alternativeNode({ option, other, unwrap: ir.unwrap }));
    }
    case 'optMap': {
      const { slot, flat } = ir;
      const [target, body] = [build(ir.target, by), build(ir.body, by)];
      return by.share(['optMap', target, slot, body, flat], () => optMapNode({ target, slot, body, flat, offset }));
    }
    default:
      return ir satisfies never;
  }
};

const buildLiteral = (ir: List | MapLiteral, by: Building): Node => {
  if (ir.kind === 'list') {
    const elements = ir.elements.map(({ optional, value }) => ({ optional, value: build(value, by) }));
    const parts = elements.flatMap(({ optional, value }) => [optional, value]);
    return by.share(['list', ...parts], () => listLiteralNode(elements, by.place(ir.offset)));
  }
  const entries = ir.entries.map((entry) => ({ ...placed(entry, by), key: build(entry.key, by), value: build(entry.value, by) }));
  const parts = entries.flatMap(({ optional, key, value }) => [optional, key, value]);
  return by.share(['map', ...parts], () => mapLiteralNode(entries));
};

const build = (ir: Ir, by: Building): Node => by.again(buildOnce(ir, by), ir);

const buildOnce = (ir: Ir, by: Building): Node => {
  switch (ir.kind) {
    case 'constant':
      return by.share(['constant', ir.value], () => constant(ir.value));
    case 'variable':
      return by.share(['variable', ir.name, ir.steps], () => variableNode(placed(ir, by)));
    case 'local':
      return by.share(['local', ir.slot, ir.steps, ir.lazy], () => local(ir));
    case 'relative': {
      const operand = build(ir.operand, by);
      return by.share(['relative', operand], () => relativeNode(operand));
    }
    case 'select':
    case 'index':
      return buildAccess(ir, by);
    case 'and':
    case 'or':
    case 'conditional':
    case 'alternative':
    case 'optMap':
      return buildLogic(ir, by);
    case 'call':
      return buildCall(ir, by);
    case 'membership':
      return buildMembership(ir, by);
    case 'match':
      return buildMatch(ir, by);
    case 'list':
    case 'map':
      return buildLiteral(ir, by);
    case 'fold':
      return buildFold(ir, by);
    case 'bind':
      return buildBind(ir, by);
    default:
      return ir satisfies never;
  }
};

/** IR → closures: the program's own with their places, or those that it shares with others, which have none. */
export const buildProgram = (ir: Ir, sharing: Sharing | undefined): Node =>
  build(ir, sharing === undefined ? alone : { share: sharing.node, again: sharing.again, lasts: sharing.lasts, place: () => NOWHERE });
