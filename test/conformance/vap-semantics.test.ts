// SPDX-License-Identifier: Apache-2.0
// What a real API server does with expressions: each row is asked of Kubernetes' own environment and of ours.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { compile, isCelError, parseJson, toJson } from '../../policies/cel/index.ts';
import type { Value } from '../../policies/cel/index.ts';
import { baseDeclarations } from '../../policies/compile/declarations.ts';
import { celQuestion, startCelOracle } from './oracle.ts';
import type { CelAnswer, Oracle } from './oracle.ts';
import { EXPRESSION_ROWS, SELF } from './vap-semantics-expressions.ts';
import type { ExpressionRow } from './vap-semantics-expressions.ts';

const { namespaceObject, request } = baseDeclarations;

const declared = (expression: string): Readonly<Record<string, string>> => ({
  self: 'dyn',
  ...(/\brequest\b/.test(expression) ? { request: 'kubernetes.AdmissionRequest' } : {}),
  ...(/\bnamespaceObject\b/.test(expression) ? { namespaceObject: 'kubernetes.Namespace' } : {}),
});

type Told = { readonly value: unknown } | { readonly error: string } | { readonly refused: string };

const plain = (value: Value): unknown => {
  if (typeof value === 'number' || typeof value === 'bigint') return { int: String(value) };
  return Array.isArray(value) ? value.map((each: Value) => plain(each)) : toJson(value);
};

const ours = (expression: string): Told => {
  const types = { self: { kind: 'dyn' }, ...(request && { request }), ...(namespaceObject && { namespaceObject }) } as const;
  const compiled = compile(expression, { variables: types });
  if (!compiled.ok) return { refused: compiled.issues.map(({ message }) => message).join('\n') };
  const result = compiled.program.evaluate({ self: parseJson(SELF) }, { remaining: 1_000_000 });
  return isCelError(result) ? { error: result.message } : { value: plain(result) };
};

const theirs = ({ error, results }: CelAnswer): Told => {
  if (error !== undefined) {
    const issues = (error.issues ?? [error]).map(({ text }) => text);
    return { refused: issues.join('\n') };
  }
  const [result] = results ?? [];
  return result?.error === undefined ? { value: result?.value } : { error: result.error.text };
};

/** Errors are told by their beginning, for some quote the whole input. */
const holds = (expect: ExpressionRow['expect'], told: Told): boolean => {
  if ('value' in expect) return 'value' in told && JSON.stringify(told.value) === JSON.stringify(expect.value);
  if ('error' in expect) return 'error' in told && told.error.includes(expect.error);
  return 'refused' in told && told.refused.includes(expect.refused);
};

describe('what expressions come to', () => {
  let oracle: Oracle<CelAnswer>;
  before(async () => {
    oracle = await startCelOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  for (const line of new Set(EXPRESSION_ROWS.map((row) => row.line)))
    it(`fact ${line}`, async () => {
      const rows = EXPRESSION_ROWS.filter((row) => row.line === line);
      const answers = await oracle.ask(
        rows.map(({ expression }) => {
          const variables = declared(expression);
          const input = Object.fromEntries(Object.keys(variables).map((name) => [name, name === 'self' ? SELF : '{}']));
          return celQuestion({ expression, variables, inputs: [input] });
        }),
      );
      const wrong = rows.flatMap(({ expression, expect }, index) => {
        const told = { kubernetes: theirs(answers[index] ?? {}), ours: ours(expression) };
        return holds(expect, told.kubernetes) && holds(expect, told.ours) ? [] : [{ expression, expect, ...told }];
      });
      assert.deepEqual(wrong, []);
    });
});
