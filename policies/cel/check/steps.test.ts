// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentOf, NEWEST_VERSION } from '../functions/environment.ts';
import { parse } from '../syntax/parser.ts';
import { DYN, mapOf } from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { checkExpr } from './check.ts';

const environment = environmentOf(NEWEST_VERSION);

/** How often each step did what is counted. */
const workOf = (source: string, counter: { count: number }, variables: ReadonlyMap<string, Type>): readonly number[] => {
  const parsed = parse(source, environment.syntax);
  assert.ok(parsed.ok);
  const steps = checkExpr(parsed.expr, { source, variables, environment, dialect: 'kubernetes' });
  const work: number[] = [];
  for (let done = false; !done;) {
    const before = counter.count;
    const step = steps.next();
    work.push(counter.count - before);
    done = step.done === true;
    if (step.done === true) assert.ok(step.value.ok, JSON.stringify(step.value));
  }
  return work;
};

const mostOf = (work: readonly number[]): number => work.reduce((most, one) => Math.max(most, one), 0);
const sumOf = (work: readonly number[]): number => work.reduce((sum, one) => sum + one, 0);

test('no step of checking looks up many names', () => {
  const counter = { count: 0 };
  class Counting extends Map<string, Type> {
    override get(name: string): Type | undefined {
      counter.count += 1;
      return super.get(name);
    }
  }
  const variables = new Counting([['object', DYN]]);
  for (const source of [`${'object.a == 1 || '.repeat(4_000)}true`, `[${'object,'.repeat(8_000)}object].size() > 1`]) {
    const work = workOf(source, counter, variables);
    assert.ok(sumOf(work) >= 8_000, `${sumOf(work)} names`);
    assert.ok(mostOf(work) <= 1_000, `${mostOf(work)} names of ${sumOf(work)} in one step`);
  }
});

test('no step of checking goes over many parts of types, however large these are', () => {
  const counter = { count: 0 };
  const leaf = Object.defineProperty({ ...DYN }, 'kind', {
    enumerable: true,
    get: () => {
      counter.count += 1;
      return DYN.kind;
    },
  });
  // Twice as many leaves with each turn, so that few nodes ask for much.
  const large = (): Type => {
    let type: Type = leaf;
    for (let depth = 0; depth < 8; depth += 1) type = mapOf(type, type);
    return type;
  };
  const variables = new Map([
    ['a', large()],
    ['b', large()],
  ]);
  const work = workOf(`[${'a,b,'.repeat(450)}a].size() > 1`, counter, variables);
  assert.ok(sumOf(work) >= 200_000, `${sumOf(work)} looks`);
  assert.ok(mostOf(work) <= 40_000, `${mostOf(work)} of ${sumOf(work)} looks in one step`);
});
