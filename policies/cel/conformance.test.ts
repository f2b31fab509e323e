// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getComprehensionSuite, getConformanceSuite, getParsingSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import type { IncrementalTest, IncrementalTestSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { createRegistry } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { CelDouble, CelError, CelDuration, CelMap, CelOptional, CelTimestamp, CelType, CelUint, compile, isCelError } from './index.ts';
import type { Value } from './index.ts';
import { parse } from './syntax/parser.ts';

/** The rows that the CEL project publishes. Those of features that Kubernetes does not have are left out by name. */
const ABSENT_SECTIONS = new Set([
  'bindings_ext',
  'block_ext',
  'encoders_ext',
  'enums',
  'math_ext',
  'proto2',
  'proto2_ext',
  'proto3',
  'wrappers',
  'unknowns',
]);

/** Rows that speak of protobuf messages, which Kubernetes has none of. */
const MESSAGE =
  /TestAllTypes|NestedTestAllTypes|google\.protobuf\.(?!Timestamp\b(?!\{)|Duration\b(?!\{))|cel\.expr\.conformance|TestRequired/;

/** Groups of rows about settings that Kubernetes does not have. */
const ABSENT_GROUPS = new Map<string, string>([['fields/quoted_map_fields/', 'field names in backticks are switched off']]);

/** Version 4 of the strings extension prints otherwise than version 2, the one of Kubernetes. */
const NEWER_FORMAT = 'format of strings version 4; Kubernetes has version 2';

/** Rows that fail, by `section/group/name`, each with its reason. */
const KNOWN = new Map<string, string>([
  ...['map_null_entry_no_such_key', 'map_present_key_invalid_field'].map(
    (name) => [`optionals/optionals/${name}`, 'cel-go, too, gives none for a step from an optional scalar'] as const,
  ),
  ...['map_key_float', 'map_value_repeat_key', 'map_value_repeat_key_heterogeneous'].map(
    (name) =>
      [
        `fields/qualified_identifier_resolution/${name}`,
        'cel-go, too, takes keys of any type, tells numbers of different types apart, and the last one of a key stands',
      ] as const,
  ),
  ...['indexof_out_of_range', 'lastindexof_out_of_range'].map(
    (name) =>
      [`string_ext/value_errors/${name}`, 'cel-go, too, finds nothing behind the end and only refuses what is before the start'] as const,
  ),
  ...['map_bad_key_type_or_true', 'map_bad_key_type_and_false'].map(
    (name) => [`fields/map_fields/${name}`, 'cel-go, too, refuses constants as keys that can be none'] as const,
  ),
  ...[
    'scientific notation formatting clause',
    'default precision for scientific notation',
    'positive infinity support for scientific notation',
    'negative infinity support for scientific notation',
    'NaN support for scientific notation',
    'NaN support for decimal',
    'positive infinity support for decimal',
    'negative infinity support for decimal',
    'positive infinity support for fixed-point',
    'negative infinity support for fixed-point',
    'list support for string',
    'map support for string',
    'map support (all key types)',
    'dyntype support for scientific notation',
    'dyntype NaN/infinity support',
    'dyntype support for lists',
    'dyntype support for maps',
    'scientific notation formatting clause in a string variable',
  ].map((name) => [`string_ext/format/${name}`, NEWER_FORMAT] as const),
]);

const registry = createRegistry(TimestampSchema, DurationSchema);
const SECOND = 1_000_000_000n;

const fromAny = (any: Any): Value => {
  const message = anyUnpack(any, registry);
  if (message === undefined || !('seconds' in message) || !('nanos' in message)) throw new Error(`no value of ${any.typeUrl}`);
  const nanos = BigInt(String(message.seconds)) * SECOND + BigInt(String(message.nanos));
  return message.$typeName === 'google.protobuf.Timestamp' ? new CelTimestamp(nanos) : new CelDuration(nanos);
};

type Proto = Extract<IncrementalTest['original']['resultMatcher'], { case: 'value' }>['value'];

const fromProto = ({ kind }: Proto): Value => {
  switch (kind.case) {
    case 'boolValue':
    case 'stringValue':
    case 'bytesValue':
      return kind.value;
    case 'int64Value':
      return Number.isSafeInteger(Number(kind.value)) ? Number(kind.value) : kind.value;
    case 'uint64Value':
      return new CelUint(kind.value);
    case 'doubleValue':
      return new CelDouble(kind.value);
    case 'listValue':
      return kind.value.values.map(fromProto);
    case 'mapValue':
      return CelMap.from(kind.value.entries.map(({ key, value }) => [fromProto(key!), fromProto(value!)]));
    case 'typeValue':
      return new CelType(kind.value);
    case 'objectValue':
      return fromAny(kind.value);
    case 'nullValue':
    case 'enumValue':
    case undefined:
      return null;
  }
};

/** A text that tells values and their types apart. */
const show = (value: Value): string => {
  if (value instanceof CelDouble) return `double ${Object.is(value.value, -0) ? '-0' : value.value}`;
  if (value instanceof CelUint) return `uint ${value.value}`;
  if (value instanceof CelTimestamp) return `timestamp ${value.nanos}`;
  if (value instanceof CelDuration) return `duration ${value.nanos}`;
  if (value instanceof CelType) return `type ${value.name}`;
  if (value instanceof CelOptional) return value.value === undefined ? 'none' : `optional ${show(value.value)}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof CelMap)
    return `map ${Array.from(value.entries(), (entry) => `${show(entry.key)}: ${show(entry.value)}`)
      .toSorted()
      .join(', ')}`;
  if (Array.isArray(value)) return `list [${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return show(CelMap.from(Object.entries(value)));
  return typeof value === 'string'
    ? `string ${JSON.stringify(value)}`
    : typeof value === 'boolean' || value === null
      ? String(value)
      : `int ${value}`;
};

const sameText = (left: string, right: string): boolean =>
  left === right || left.replaceAll('double -0', 'double 0') === right.replaceAll('double -0', 'double 0');

/** What went wrong with a row; undefined = nothing. */
const failureOf = ({ original }: IncrementalTest): string | undefined => {
  const bindings = Object.fromEntries(
    Object.entries(original.bindings).map(([name, { kind }]) => [name, kind.case === 'value' ? fromProto(kind.value) : null]),
  );
  const declared = original.typeEnv.filter((declaration) => declaration.declKind.case === 'ident').map(({ name }) => name);
  const variables = [...Object.keys(bindings), ...declared];
  const compiled = compile(original.expr, { variables, dialect: original.disableCheck ? 'unchecked' : 'standard' });
  const outcome = compiled.ok
    ? compiled.program.evaluate(bindings, { remaining: 1_000_000 })
    : new CelError(`refused: ${compiled.issues.map(({ message }) => message).join('; ')}`);
  const failed = isCelError(outcome);
  const got = failed ? `error ${outcome.message}` : show(outcome);
  const matcher = original.resultMatcher;
  if (matcher.case === 'evalError') return failed ? undefined : `got ${got}, expected an error`;
  const expected =
    matcher.case === 'value' ? fromProto(matcher.value) : matcher.case === 'typedResult' ? fromProto(matcher.value.result!) : true;
  return !failed && sameText(got, show(expected)) ? undefined : `got ${got}, expected ${show(expected)}`;
};

const usesMessages = ({ original }: IncrementalTest): boolean => {
  const mentions = [
    original.expr,
    original.container,
    JSON.stringify([original.typeEnv, original.bindings], (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  ];
  return mentions.some((text) => MESSAGE.test(text));
};

/** Why Kubernetes could not be asked this row; undefined = it could. */
const absence = (path: string, test: IncrementalTest): string | undefined => {
  const { original } = test;
  if (usesMessages(test)) return 'protobuf messages';
  if (original.checkOnly) return 'only checks types';
  if (original.container !== '') return 'a container of names';
  if (original.disableMacros) return 'macros switched off';
  const group = [...ABSENT_GROUPS].find(([prefix]) => path.startsWith(prefix));
  if (group !== undefined) return group[1];
  // Kubernetes always refuses undeclared names before it evaluates.
  const evaluatesUndeclared = original.disableCheck && /undeclared reference/.test(failureOf(test) ?? '');
  return evaluatesUndeclared ? 'undeclared names with the checker switched off' : undefined;
};

type Row = { readonly path: string; readonly test: IncrementalTest };

const rowsOf = (suite: IncrementalTestSuite, path: string): readonly Row[] => [
  ...suite.tests.map((test) => ({ path: `${path}/${test.name}`, test })),
  ...suite.suites.flatMap((inner) => rowsOf(inner, `${path}/${inner.name}`)),
];

describe('the published conformance rows', () => {
  let total = 0;
  let passed = 0;
  for (const section of getConformanceSuite().suites) {
    if (ABSENT_SECTIONS.has(section.name)) continue;
    it(section.name, (t) => {
      const all = rowsOf(section, section.name);
      const rows = all.filter(({ path, test }) => absence(path, test) === undefined);
      const failures = rows
        .map(({ path, test }) => ({ path, failure: failureOf(test), expr: test.original.expr }))
        .filter(({ failure }) => failure !== undefined);
      total += rows.length - failures.filter(({ path }) => KNOWN.get(path) === NEWER_FORMAT).length;
      passed += rows.length - failures.length;
      for (const { path, expr } of failures) t.diagnostic(`fails ${path}: ${expr.slice(0, 120)}: ${KNOWN.get(path) ?? 'not explained'}`);
      t.diagnostic(`${section.name}: ${rows.length - failures.length}/${rows.length}, ${all.length - rows.length} not for Kubernetes`);
      const unexpected = failures.filter(({ path }) => !KNOWN.has(path));
      assert.deepEqual(unexpected, []);
      const mended = [...KNOWN.keys()].filter(
        (path) => path.startsWith(`${section.name}/`) && !failures.some((failure) => failure.path === path),
      );
      assert.deepEqual(mended, [], 'rows listed as known failures that pass');
    });
  }
  it('passes at least 99 in 100 of the rows that Kubernetes has', (t) => {
    t.diagnostic(`all sections: ${passed}/${total}`);
    assert.ok(passed / total >= 0.99);
  });
});

/** cel-go's parser test runs these with a recursion limit of 32 and without optional syntax. */
const NOT_OUR_SETTINGS = /unsupported syntax '(?:\.\?|\[\?|\?)'|recursion limit exceeded: 32|max recursion depth exceeded/;

/** Not a macro in Kubernetes, so an ordinary call, which the checker refuses. */
const NO_MACRO = /\.existsOne\(\w+, \w+\)/;

describe('the published parser rows', () => {
  it('are accepted or refused as cel-go does', (t) => {
    const rows = rowsOf(getParsingSuite(), 'parsing');
    const compared = rows.filter(
      ({ test }) => !NO_MACRO.test(test.original.expr) && (test.ast !== undefined || !NOT_OUR_SETTINGS.test(test.error ?? '')),
    );
    const wrong = compared.filter(({ test }) => parse(test.original.expr).ok !== (test.ast !== undefined)).map(({ path }) => path);
    t.diagnostic(
      `parser: ${compared.length - wrong.length}/${compared.length}, ${rows.length - compared.length} of other settings left out`,
    );
    assert.deepEqual(wrong, []);
  });
});

/** Functions and names of rows that another environment than that of Kubernetes has, or that only their Go test declares. */
const ELSEWHERE = /cel\.bind|\.reverse\(\)|\.sort\(\)|\b[xym]\b[.[]/;

describe('the published comprehension rows', () => {
  it('are true', (t) => {
    // The rows from the first bad one on are to be refused, or have values that only their Go test knows.
    const all = rowsOf(getComprehensionSuite(), 'comprehension');
    const firstBad = all.findIndex(({ test }) => test.original.expr.startsWith('[].all(i, i'));
    const rows = all.slice(0, firstBad).filter(({ test }) => !ELSEWHERE.test(test.original.expr));
    const wrong = rows.map(({ test }) => [test.original.expr, failureOf(test)]).filter(([, failure]) => failure !== undefined);
    t.diagnostic(`comprehension: ${rows.length - wrong.length}/${rows.length}`);
    assert.deepEqual(wrong, []);
  });
});
