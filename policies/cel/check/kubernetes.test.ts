// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile } from '../index.ts';
import type { ResultType } from '../index.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { typeText } from '../types/type.ts';

/** What a kube-apiserver 1.36.3 says of these expressions: the type, or the places and words of its refusal. */
const variables: Readonly<Record<string, Type>> = {
  self: types.DYN,
  object: types.DYN,
  request: types.structOf('kubernetes.AdmissionRequest', {
    kind: types.structOf('kubernetes.GroupVersionKind', { kind: types.STRING }),
    options: types.DYN,
    userInfo: types.structOf('kubernetes.UserInfo', { groups: types.listOf(types.STRING) }),
  }),
  i: types.INT,
  s: types.STRING,
  t: types.BOOL,
  li: types.listOf(types.INT),
  msi: types.mapOf(types.STRING, types.INT),
  oi: types.optionalOf(types.INT),
  wi: types.wrapperOf(types.INT),
};

const answer = (source: string, result: ResultType = 'any'): string => {
  const compiled = compile(source, { variables, result });
  if (compiled.ok) return typeText(compiled.program.type);
  return compiled.issues.map(({ line, column, message }) => `${line}:${column}: ${message}`).join(' | ');
};

const table = (name: string, rows: Readonly<Record<string, string>>, result?: ResultType): void => {
  describe(name, () => {
    for (const [source, expected] of Object.entries(rows)) it(source, () => assert.equal(answer(source, result), expected));
  });
};

table('typed structs are closed (6)', {
  'request.object': "1:8: undefined field 'object'",
  'has(request.object)': "1:4: undefined field 'object'",
  'request.?object': "1:8: undefined field 'object'",
  'request.kind.kind': 'string',
  'request.kind.kind == 1': "1:19: found no matching overload for '_==_' applied to '(string, int)'",
  'request.options.anything': 'dyn',
  'request.userInfo.groups.exists(g, g == 1)': "1:37: found no matching overload for '_==_' applied to '(string, int)'",
  'request == null': 'bool',
  'request.kind + 1': "1:14: found no matching overload for '_+_' applied to '(kubernetes.GroupVersionKind, int)'",
});

table(
  'a validation is a bool, and dyn is none (7)',
  {
    'object.spec.flag': '1:1: must evaluate to bool but got dyn',
    'has(object.spec.a) ? object.spec.a : true': '1:1: must evaluate to bool but got dyn',
    'object.?spec.?flag.orValue(true)': '1:1: must evaluate to bool but got dyn',
    'li.map(x, x)': '1:1: must evaluate to bool but got list(int)',
    "timestamp('2024-01-01T00:00:00Z')": '1:1: must evaluate to bool but got google.protobuf.Timestamp',
    'object.spec.flag == true': 'bool',
    '!object.spec.flag': 'bool',
    'object.spec.flag && object.spec.other': 'bool',
  },
  'bool',
);

table(
  'a message is a string (7)',
  {
    'object.metadata.name': '1:1: must evaluate to string but got dyn',
    "'a' + object.metadata.name": 'string',
    'string(object.metadata.name)': 'string',
  },
  'string',
);

table(
  'an audit annotation is a string or null (7)',
  {
    'object.metadata.name': '1:1: must evaluate to one of [string null_type] but got dyn',
    i: '1:1: must evaluate to one of [string null_type] but got int',
    "'a'": 'string',
    null: 'null_type',
  },
  'string-or-null',
);

table('literals have one type each (10)', {
  "[1, 'a']": "1:5: expected type 'int' but found 'string'",
  "object.kind in ['Pod', object.spec.kind]": "1:35: expected type 'string' but found 'dyn'",
  '[self.s, 1]': "1:10: expected type 'dyn' but found 'int'",
  "['a', dyn('b')]": "1:10: expected type 'string' but found 'dyn'",
  "{'a': self.s, 'b': 'c'}": "1:20: expected type 'dyn' but found 'string'",
  "{'a': 1, 2: 1}": "1:10: expected type 'string' but found 'int'",
  '[1, null]': "1:5: expected type 'int' but found 'null'",
  '[{}, {1: 2}]': 'list(map(int, int))',
  "['a'] + [self.s]": 'list(dyn)',
  "['a', string(self.s)]": 'list(string)',
  '[self.s, self.i]': 'list(dyn)',
  "'%s'.format([[1, 2.0]])": 'string',
  "'%s'.format([{'a': self.s, 'b': 1}])": 'string',
});

table('literals that are read when the policy is made (11)', {
  "int('0x10') == 16": "1:4: program instantiation failed: type conversion error from 'string' to 'int'",
  "true || int('a') == 1": "1:12: program instantiation failed: type conversion error from 'string' to 'int'",
  "self.s.matches('(')": '1:16: invalid matches argument',
  "duration('1d') == duration('24h')": '1:10: invalid duration argument',
  'duration(0)': '1:10: invalid duration argument',
  "timestamp('x') == timestamp(0)": '1:11: invalid timestamp argument',
  "'%s'.format([])": '1:12: index 0 out of range',
  "'x'.format([1])": '1:11: too many arguments supplied to string.format (expected 0, got 1)',
  "'%d'.format(['a'])": '1:14: error during formatting: decimal clause can only be used on integers, was given string',
  "'%s'.format([[oi]])":
    '1:15: error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given optional_type',
  "'%z'.format([1])": '1:12: could not parse formatting clause: unrecognized formatting clause "z"',
  "'%.2'.format([1.0])":
    '1:13: could not parse formatting clause: error while parsing precision: could not find end of precision specifier',
  "'%'.format([1])": '1:11: unexpected end of string',
  "self[b'x']": '1:6: program instantiation failed: invalid qualifier type: types.Bytes',
  '1 / 0 == 1': 'bool',
});

table('no overload (12)', {
  '1 == 1.0': "1:3: found no matching overload for '_==_' applied to '(int, double)'",
  "true ? 1 : 'a'": "1:6: found no matching overload for '_?_:_' applied to '(bool, int, string)'",
  "has(object.x) ? 'a' : null": "1:15: found no matching overload for '_?_:_' applied to '(bool, string, null)'",
  '[1, 2][1.0]': "1:7: found no matching overload for '_[_]' applied to '(list(int), double)'",
  "'a' in 'abc'": "1:5: found no matching overload for '@in' applied to '(string, string)'",
  "optional.of(1).orValue('a')": "1:23: found no matching overload for 'orValue' applied to 'optional_type(int).(string)'",
  "1 + 'a'": "1:3: found no matching overload for '_+_' applied to '(int, string)'",
  '1 < 1.5': 'bool',
  'self.i == 1.0': 'bool',
  "self.i < 'a'": 'bool',
});

table('operands and macros', {
  "quantity('1').?a.or('x')":
    "1:14: unexpected failed resolution of 'kubernetes.Quantity' | 1:20: found no matching overload for 'or' applied to 'optional_type(!error!).(string)'",
  '(t && i) ? 1 : s':
    "1:7: expected type 'bool' but found 'int' | 1:10: found no matching overload for '_?_:_' applied to '(!error!, int, string)'",
  '(t && i && t) ? 1 : s':
    "1:7: expected type 'bool' but found 'int' | 1:15: found no matching overload for '_?_:_' applied to '(bool, int, string)'",
  '(t && t && i) ? 1 : s':
    "1:12: expected type 'bool' but found 'int' | 1:15: found no matching overload for '_?_:_' applied to '(!error!, int, string)'",
  't && i && t && s': "1:6: expected type 'bool' but found 'int' | 1:16: expected type 'bool' but found 'string'",
  'li.all(x, x)': "1:11: expected type 'bool' but found 'int'",
  'li.exists_one(x, x)': "1:14: found no matching overload for '_?_:_' applied to '(int, int, int)'",
  's.all(x, true)': "1:1: expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)",
  'li.map(x, [x]).map(x, x + x)': 'list(list(int))',
  'li.transformMap(k, v, string(v))': 'map(int, string)',
  'msi.transformMapEntry(k, v, v)': "1:22: found no matching overload for 'cel.@mapInsert' applied to '(map(dyn, dyn), int)'",
  'msi.transformMapEntry(k, v, {v: k})': 'map(int, string)',
  'msi.map(k, k)': 'list(string)',
  "['a'].transformList(k, v, k)": 'list(int)',
  "['a'].transformMap(k, v, v)": 'map(int, string)',
  'oi.optMap(x, [x])': 'optional_type(list(int))',
  'oi.optFlatMap(x, x)': "1:14: found no matching overload for '_?_:_' applied to '(bool, int, optional_type(dyn))'",
  '[?oi, 1]': 'list(int)',
  '[?i]': "1:3: expected type 'optional_type(int)' but found 'int'",
  'optional.of(msi).a': 'optional_type(int)',
  'wi == null && wi + 1 == 2': 'bool',
  'i == null': "1:3: found no matching overload for '_==_' applied to '(int, null)'",
  'i.x': "1:2: type 'int' does not support field selection",
  'int{}': "1:4: 'int' is not a message type",
  'type(1) == int': 'bool',
  '-([][0])': 'double',
  '[][0] + [][0]': 'bytes',
  '[int, string]': "1:7: expected type 'type(int)' but found 'type(string)'",
  'nothing + nada(1)': "1:1: undeclared reference to 'nothing' (in container '') | 1:15: undeclared reference to 'nada' (in container '')",
});

table('syntax that is refused (13)', {
  'has(self.m["a"])': '1:11: invalid argument to has() macro',
  'has(object)': '1:5: invalid argument to has() macro',
  'self.m.`x-y`': "1:8: unsupported syntax: '`'",
  [`${'('.repeat(250)}1${')'.repeat(250)}`]: '1:251: expression recursion limit exceeded: 250',
});

table('what Kubernetes 1.36 has and what not (14)', {
  "'abc'.reverse()": "1:14: found no matching overload for 'reverse' applied to 'string.()'",
  'math.greatest(1, 2) == 2':
    "1:1: undeclared reference to 'math' (in container '') | 1:14: undeclared reference to 'greatest' (in container '')",
  "base64.encode(b'a')":
    "1:1: undeclared reference to 'base64' (in container '') | 1:14: undeclared reference to 'encode' (in container '')",
  'cel.bind(x, 1, x)':
    "1:1: undeclared reference to 'cel' (in container '') | 1:9: undeclared reference to 'bind' (in container '') | 1:10: undeclared reference to 'x' (in container '') | 1:16: undeclared reference to 'x' (in container '')",
  "jsonpatch.escapeKey('a')":
    "1:1: undeclared reference to 'jsonpatch' (in container '') | 1:20: undeclared reference to 'escapeKey' (in container '')",
  'optional.unwrap([oi]) == [oi].unwrapOpt()': 'bool',
  "strings.quote('a')": 'string',
  'msi.all(k, v, v > 0) && li.transformList(k, v, k + v).size() > 0': 'bool',
});
