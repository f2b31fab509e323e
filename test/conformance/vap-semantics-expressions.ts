// SPDX-License-Identifier: Apache-2.0
// What single expressions of a ValidatingAdmissionPolicy come to, as seen on a real API server: every row names the fact
// that it is an instance of. `self` is an untyped object.

export type ExpressionRow = {
  /** Number of the fact. */
  readonly line: number;
  readonly expression: string;
  /** The value as JSON, or the error of evaluation, or what the compiler says. */
  readonly expect: { readonly value: unknown } | { readonly error: string } | { readonly refused: string };
};

/** JSON text, since `1.0` and 2^53+1 are not what JSON.parse makes of them. */
export const SELF =
  '{"n":null,"s":"abc","i":7,"b":true,"l":[1,2,3],"m":{"a":"x"},"flag":true,"whole":1.0,"big":9007199254740993,"neg":-7,"val1":[1,2],"dates":["2024-01-01"],"o":{"spec":{"flag":true,"other":false}}}';

const rows =
  (line: number) =>
  (expression: string, expect: ExpressionRow['expect']): ExpressionRow => ({ line, expression, expect });
const value = (of: unknown) => ({ value: of });
const error = (text: string) => ({ error: text });
const refused = (text: string) => ({ refused: text });
const yes = value(true);
const no = value(false);

const [l1, l2, l4, l6] = [rows(1), rows(2), rows(4), rows(6)];
const [l7, l10, l11, l12, l13, l14] = [rows(7), rows(10), rows(11), rows(12), rows(13), rows(14)];
const [l15, l16, l17, l18, l19, l20, l21, l22, l23] = [
  rows(15),
  rows(16),
  rows(17),
  rows(18),
  rows(19),
  rows(20),
  rows(21),
  rows(22),
  rows(23),
];

export const EXPRESSION_ROWS: readonly ExpressionRow[] = [
  l1('has(self.n.x)', no),
  l1('has(self.s.x)', no),
  l1('has(self.i.x)', no),
  l1('has(self.b.x)', no),
  l1('has(self.l.x)', error("unsupported index type 'string' in list")),
  l1('has(self.missing.x)', error('no such key: missing')),
  l1('has(self.n.x.y)', error('no such key: x')),
  l2('self.?n.?x.hasValue()', no),
  l2('self.?s.?x.hasValue()', no),
  l2('self.?l.?x.hasValue()', error("unsupported index type 'string' in list")),
  l4('self.missing == null', error('no such key: missing')),
  l4('self.?n.hasValue()', yes),
  l4('self.missing.orValue(1)', error('no such key: missing')),
  l6('request.object == null', refused("undefined field 'object'")),
  l6("namespaceObject.kind == 'Namespace'", refused("undefined field 'kind'")),
  l6('namespaceObject.metadata.managedFields == null', refused("undefined field 'managedFields'")),
  l6('namespaceObject.metadata.ownerReferences == null', refused("undefined field 'ownerReferences'")),
  l7('self.flag == true', yes),
  l7('!self.flag', no),
  l7('self.flag && self.b', yes),
  l7("'a' + self.s", value('aabc')),
  l7('string(self.s)', value('abc')),
  l10("[1, 'a']", refused("expected type 'int' but found 'string'")),
  l10("self.s in ['Pod', self.s]", refused("expected type 'string' but found 'dyn'")),
  l10('[self.s, 1]', refused("expected type 'dyn' but found 'int'")),
  l10("['a', dyn('b')]", refused("expected type 'string' but found 'dyn'")),
  l10("{'a': self.s, 'b': 'c'}", refused("expected type 'dyn' but found 'string'")),
  l10("['a'] + [self.s]", value(['a', 'abc'])),
  l10("['a', string(self.s)]", value(['a', 'abc'])),
  l10('[self.s, self.i]', value(['abc', { int: '7' }])),
  l10("'%s'.format([[1, 2.0]])", value('[1, 2.000000]')),
  l11("int('0x10') == 16", refused('type conversion error')),
  l11("true || int('a') == 1", refused('type conversion error')),
  l11("self.s.matches('(')", refused('invalid matches argument')),
  l11("self.s.find('(')", refused('error parsing regexp')),
  l11("duration('1d')", refused('duration')),
  l11("timestamp('today')", refused('timestamp')),
  l11("'%s'.format([])", refused('index 0 out of range')),
  l11("'x'.format([1])", refused('too many arguments supplied to string.format')),
  l11('1 / 0 == 1', error('division by zero')),
  l11("quantity('x') == quantity('1')", error('quantities must match the regular expression')),
  l11("ip('x') == ip('1.1.1.1')", error('IP Address')),
  l12('1 == 1.0', refused("found no matching overload for '_==_' applied to '(int, double)'")),
  l12("true ? 1 : 'a'", refused("found no matching overload for '_?_:_'")),
  l12("has(self.x) ? 'a' : null", refused("found no matching overload for '_?_:_'")),
  l12('[1, 2][1.0]', refused("found no matching overload for '_[_]'")),
  l12("'a' in 'abc'", refused("found no matching overload for '@in'")),
  l12("optional.of(1).orValue('a')", refused("found no matching overload for 'orValue'")),
  l12('1 < 1.5', yes),
  l12('self.i == 7.0', yes),
  l12("self.i < 'a'", error('no such overload')),
  l13('has(self.m["a"])', refused('invalid argument to has() macro')),
  l13('has(self)', refused('invalid argument to has() macro')),
  l13('self.m.`x-y`', refused("unsupported syntax: '`'")),
  l13(`${'('.repeat(260)}1${')'.repeat(260)}`, refused('expression recursion limit exceeded')),
  l14('sets.contains([1, 2], [1])', yes),
  l14('[2, 1].sort()', value([{ int: '1' }, { int: '2' }])),
  l14('[{"a": 2}, {"a": 1}].sortBy(x, x.a).size() == 2', yes),
  l14('[1, 2, 3].slice(0, 2).size() == 2 && [[1], [2]].flatten() == [1, 2] && [1, 1].distinct() == [1]', yes),
  l14('[1, 2].reverse() == [2, 1] && [1, 2].first().value() == 1 && [1, 2].last().value() == 2 && lists.range(2) == [0, 1]', yes),
  l14('[1, 2].all(k, v, v > k)', yes),
  l14('[1, 2].transformList(k, v, k + v) == [1, 3] && {"a": 1}.transformMap(k, v, v + 1) == {"a": 2}', yes),
  l14("semver('1.2.3').major() == 1 && !format.dns1123Label().validate('a').hasValue()", yes),
  l14('[optional.of(1), optional.none()].unwrapOpt() == [1] && optional.unwrap([optional.of(1)]) == [1]', yes),
  l14("strings.quote('a')", value('"a"')),
  l14("'abc'.reverse()", refused("found no matching overload for 'reverse'")),
  l14('math.greatest(1, 2)', refused("undeclared reference to 'math'")),
  l14("base64.encode(b'a')", refused("undeclared reference to 'base64'")),
  l14('cel.bind(x, 1, x)', refused("undeclared reference to 'cel'")),
  l14("jsonpatch.escapeKey('a')", refused("undeclared reference to 'jsonpatch'")),
  l15('self.whole + 1 == 2', error('no such overload')),
  l15('type(self.whole) == double', yes),
  l16('self.i * 1.5', error('no such overload')),
  l16('self.big == 9007199254740993', yes),
  l16('9223372036854775807 + 1', error('integer overflow')),
  l16('self.neg / 2 == -3 && self.neg % 4 == -3', yes),
  l16('int(1.9) == 1 && int(-1.9) == -1', yes),
  l17('self.l[dyn(1.0)] == 2', yes),
  l17('self.l[-1]', error('index out of bounds: -1')),
  l17('self.l[dyn(1.5)]', error('unsupported index value')),
  l17("{1: 'a'}[dyn(1.0)]", value('a')),
  l18('self.missing || true', yes),
  l18('true || self.missing', yes),
  l18('self.missing && false', no),
  l18('self.s || true', yes),
  l18('self.l.all(x, x > 5 || self.missing)', error('no such key: missing')),
  l18('self.l.exists(x, x == 2 || self.missing)', yes),
  l18('self.l.exists_one(x, x == 2 || self.missing)', error('no such key: missing')),
  l18('self.missing ? true : true', error('no such key: missing')),
  l19("'😀'.size() == 1 && '～' < '😀' && '😀a'.indexOf('a') == 1", yes),
  l19("'\\u00a0a\\u00a0'.trim() == 'a' && 'É'.lowerAscii() == 'É'", yes),
  l20("''.split(',').size() == 1 && 'abc'.split('').size() == 3 && ['a', 'b'].join() == 'ab'", yes),
  l20("'xay'.matches('a') && !'b\\na'.matches('^a')", yes),
  l21("'%s %s'.format([2.0, 1.5])", value('2 1.5')),
  l21("'%s'.format([{'b': dyn(1), 'a': dyn(null)}])", value('{"a":null, "b":1}')),
  l21("'%s'.format([['a']])", value('["a"]')),
  l21("string(1.0) == '1' && string(1e21) == '1e+21' && '%.2f'.format([1.005]) == '1.00' && string(duration('90m')) == '5400s'", yes),
  l22("quantity('1000m').isInteger()", no),
  l22("quantity('1000m').asInteger()", error('cannot convert value to integer')),
  l22("quantity('1000m').compareTo(quantity('1')) == 0", yes),
  l22("isIP('::ffff:1.2.3.4') || isIP('010.0.0.1') || isURL('example.com') || isSemver('v1.0.0')", no),
  l22("url('/path').getEscapedPath() == '/path' && isSemver('v1.0', true)", yes),
  l23("self.dates.min() == timestamp('2024-01-01T00:00:00Z')", no),
  l23('self.s.getHours()', error('no such overload')),
];
