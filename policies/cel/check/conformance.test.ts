// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getCheckingSuite, getConformanceSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import type { IncrementalTest, IncrementalTestSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import { environmentOf, NEWEST_VERSION } from '../functions/environment.ts';
import { finish } from '../../steps.ts';
import { parse } from '../syntax/parser.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { checkExpr } from './check.ts';
import { checkedText } from './checked-text.ts';

/** The types that cel-go finds for the rows that the CEL project publishes, and the rows of cel-go's own test of its checker. */

type Declaration = IncrementalTest['original']['typeEnv'][number];
type DeclaredType = NonNullable<Extract<Declaration['declKind'], { case: 'ident' }>['value']['type']>;

const PRIMITIVES: readonly Type[] = [types.DYN, types.BOOL, types.INT, types.UINT, types.DOUBLE, types.STRING, types.BYTES];
const WELL_KNOWN: readonly Type[] = [types.DYN, types.DYN, types.TIMESTAMP, types.DURATION];

/** Messages that stand for types of the language. */
const messages: ReadonlyMap<string, Type> = new Map([
  ...['BoolValue', 'BytesValue', 'DoubleValue', 'FloatValue', 'Int32Value', 'Int64Value', 'StringValue', 'UInt32Value', 'UInt64Value'].map(
    (name) => {
      const of = name.startsWith('Bool')
        ? types.BOOL
        : name.startsWith('Bytes')
          ? types.BYTES
          : name.startsWith('Int')
            ? types.INT
            : name.startsWith('UInt')
              ? types.UINT
              : name.startsWith('String')
                ? types.STRING
                : types.DOUBLE;
      return [name, types.wrapperOf(of)] as const;
    },
  ),
  ['ListValue', types.listOf(types.DYN)],
  ['Struct', types.mapOf(types.STRING, types.DYN)],
  ['Value', types.DYN],
  ['Any', types.DYN],
  ['Duration', types.DURATION],
  ['Timestamp', types.TIMESTAMP],
]);

const typeOf = (declared: DeclaredType | undefined): Type => {
  const kind = declared?.typeKind;
  switch (kind?.case) {
    case 'primitive':
      return PRIMITIVES[kind.value] ?? types.DYN;
    case 'wrapper':
      return types.wrapperOf(PRIMITIVES[kind.value] ?? types.DYN);
    case 'wellKnown':
      return WELL_KNOWN[kind.value] ?? types.DYN;
    case 'listType':
      return types.listOf(typeOf(kind.value.elemType));
    case 'mapType':
      return types.mapOf(typeOf(kind.value.keyType), typeOf(kind.value.valueType));
    case 'messageType':
      return messages.get(kind.value.replace('google.protobuf.', '')) ?? types.structOf(kind.value, {});
    case 'abstractType':
      return kind.value.name === 'optional_type' ? types.optionalOf(typeOf(kind.value.parameterTypes[0])) : types.opaque(kind.value.name);
    case 'typeParam':
      return types.param(kind.value);
    case 'null':
      return types.NULL;
    case 'dyn':
    case 'type':
    case 'function':
    case 'error':
    case undefined:
      return types.DYN;
  }
};

/** What cel-go's own test of its checker declares for every row. */
const ITS_VARIABLES: Readonly<Record<string, Type>> = {
  is: types.STRING,
  ii: types.INT,
  iu: types.UINT,
  iz: types.BOOL,
  id: types.DOUBLE,
  ix: types.NULL,
  ib: types.BYTES,
};

/** The type of a row, or its issues. */
const foundIn = ({ original }: IncrementalTest): string => {
  const declared = original.typeEnv.flatMap(({ name, declKind }) =>
    declKind.case === 'ident' ? [[name, typeOf(declKind.value.type)] as const] : [],
  );
  const bound = Object.keys(original.bindings).map((name) => [name, types.DYN] as const);
  const variables = new Map([...Object.entries(ITS_VARIABLES), ...bound, ...declared]);
  const parsed = parse(original.expr);
  const checked = parsed.ok
    ? finish(checkExpr(parsed.expr, { source: original.expr, dialect: 'standard', variables, environment: environmentOf(NEWEST_VERSION) }))
    : parsed;
  if (checked.ok) return checkedText(checked.type);
  return checked.issues.map(({ line, column, message }) => `${line}:${column}: ${message}`).join('\n');
};

/** Why Kubernetes could not be asked, by what the text of the row says; the first that fits. */
const REASONS: readonly (readonly [string, RegExp])[] = [
  [
    'protobuf messages and enums',
    /TestAllTypes|NestedTestAllTypes|Proto2Message|TestRequired|GlobalEnum|google\.protobuf\.(?:\w+ ?\{|Any)|cel\.expr\.conformance|^proto\.|proto\.(?:has|get)Ext|pb[23]\.|\.single_|nested_enum/,
  ],
  ['extensions that Kubernetes leaves out', /\bmath\.|\bbase64\.|\bcel\.(?:bind|block|index|iterVar)|\.reverse\(\)/],
  ['field names in backticks are switched off', /`/],
  ['comparisons across number types, which Kubernetes switches on', /^1u? ?(?:<|>)=? ?1\.0 &&/],
  ['functions that only the test declares', /\b(?:fg_s|fi_s_s|myfun|set|fn|tuple)\(|encode\(/],
];

const reasonOf = ({ original }: IncrementalTest): string | undefined => {
  const declared = JSON.stringify([original.typeEnv, original.bindings], (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const named = REASONS.find(([, pattern]) => pattern.test(`${original.expr} ${original.container} ${declared}`));
  if (named !== undefined) return named[0];
  if (original.container !== '') return 'a container of names';
  if (original.disableMacros) return 'macros switched off';
  return undefined;
};

type Row = { readonly path: string; readonly test: IncrementalTest };

const rowsOf = (suite: IncrementalTestSuite, path: string): readonly Row[] => [
  ...suite.tests.map((test) => ({ path: `${path}/${test.name}`, test })),
  ...suite.suites.flatMap((inner) => rowsOf(inner, path === '' ? inner.name : `${path}/${inner.name}`)),
];

/** The issues alone, without the lines of source that show them. */
const expectedIssues = (error: string): string =>
  [...error.matchAll(/^ERROR: <input>:(\d+:\d+: .*)$/gm)].map(([, issue]) => issue).join('\n');

type Tally = { readonly rows: number; readonly passed: number; readonly left: ReadonlyMap<string, readonly string[]> };

const tally = (rows: readonly Row[], expected: (test: IncrementalTest) => string): Tally => {
  const left = new Map<string, string[]>();
  let passed = 0;
  for (const { path, test } of rows) {
    const found = foundIn(test);
    if (found === expected(test)) {
      passed++;
      continue;
    }
    const reason = reasonOf(test) ?? `not explained: found ${found}, expected ${expected(test)}`;
    left.set(reason, [...(left.get(reason) ?? []), path]);
  }
  return { rows: rows.length, passed, left };
};

const unexplained = ({ left }: Tally): readonly unknown[] => [...left].filter(([reason]) => reason.startsWith('not explained'));

describe('the published types', () => {
  it('of the conformance rows are found', (t) => {
    const rows = rowsOf(getConformanceSuite(), '').filter(({ test }) => test.type !== undefined);
    const result = tally(rows, ({ type }) => type ?? '');
    t.diagnostic(`types: ${result.passed}/${result.rows}`);
    for (const [reason, paths] of result.left) t.diagnostic(`${reason}: ${paths.length}: ${paths.join(', ')}`);
    assert.equal(rows.length, 2_071);
    assert.ok(result.passed >= 1_249);
    assert.deepEqual(unexplained(result), []);
  });

  it("and refusals of cel-go's test of its checker are found", (t) => {
    const rows = rowsOf(getCheckingSuite(), 'checking').filter(
      ({ test }) => test.type !== undefined || test.error?.startsWith('ERROR: <input>'),
    );
    const result = tally(rows, ({ type, error }) => type ?? expectedIssues(error ?? ''));
    assert.ok(result.passed >= 75);
    t.diagnostic(`checker: ${result.passed}/${result.rows}`);
    for (const [reason, paths] of result.left) t.diagnostic(`${reason}: ${paths.length}: ${paths.join(', ')}`);
    assert.deepEqual(unexplained(result), []);
  });
});
