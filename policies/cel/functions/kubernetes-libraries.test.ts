// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CelDouble, CelOptional, compile, isBudgetError, isCelError, toJson } from '../index.ts';
import type { Value } from '../index.ts';

/** Plain JSON of the value, or the text of the error. */
const evaluate = (expression: string, bindings: Readonly<Record<string, Value>> = {}): unknown => {
  const compiled = compile(expression, { variables: Object.keys(bindings) });
  if (!compiled.ok) return `refused: ${compiled.issues[0]?.message}`;
  const value = compiled.program.evaluate(bindings, { remaining: 1_000_000 });
  if (isCelError(value)) return `error: ${value.message}`;
  if (value instanceof CelOptional && value.value === undefined) return 'none';
  return value instanceof CelDouble ? value.value : toJson(value);
};

const suites: Readonly<Record<string, readonly (readonly [string, unknown])[]>> = {
  addresses: [
    ["string(ip('2001:DB8:0:0:1:0:0:1'))", '2001:db8::1:0:0:1'],
    ["ip.isCanonical('2001:db8:0::1')", false],
    ["ip('::ffff:1.2.3.4')", 'error: IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed'],
    ["isIP('010.0.0.1')", false],
    ["ip('fe80::1%eth0')", 'error: IP address "fe80::1%eth0" with zone value is not allowed'],
    ["ip('x')", 'error: IP Address "x" parse error during conversion from string: ParseAddr("x"): unable to parse IP'],
    ["ip('1.2.3')", 'error: IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): IPv4 address too short'],
    ["ip('127.0.0.1').isLoopback() && ip('::1').isLoopback() && !ip('::2').isLoopback()", true],
    ["ip('ff02::1').isLinkLocalMulticast() && ip('224.0.0.9').isLinkLocalMulticast()", true],
    ["ip('169.254.1.1').isLinkLocalUnicast() && ip('febf::1').isLinkLocalUnicast()", true],
    ["ip('255.255.255.255').isGlobalUnicast()", false],
    ["ip('10.0.0.1').isGlobalUnicast()", true],
    ["ip('10.0.0.1').family() + ip('::').family()", 10],
    ["type(ip('::1')) == net.IP", true],
    ["ip('::1') == dyn('::1')", 'error: no such overload'],
    ["dyn('a') in [ip('::1')]", false],
    ["optional.of(dyn(ip('::1'))) == optional.of(dyn(null))", 'error: no such overload'],
    ["optional.of(dyn(null)) == optional.of(dyn(ip('::1'))) || [dyn(ip('::1'))] == [dyn(null)]", false],
    ['optional.of(dyn(timestamp(0))) == optional.of(dyn(null))', false],
    ["string(cidr('10.1.2.3/8').masked())", '10.0.0.0/8'],
    ["string(cidr('10.1.2.3/8').ip())", '10.1.2.3'],
    ["cidr('10.0.0.0/8').containsIP('x')", 'error: no such overload'],
    ["cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.0.0.0/8').containsCIDR('0.0.0.0/0')", true],
    ["isCIDR('::/129') || isCIDR('::/08') || isCIDR('::') || isCIDR('::%a/8')", false],
  ],
  urls: [
    ["isURL('example.com')", false],
    ["url('/path').getEscapedPath()", '/path'],
    ["url('https://user@[::1]:8443/a%2fb?x=1&x=2#f').getHostname()", '::1'],
    ["url('https://user@[::1]:8443/a%2fb?x=1&x=2#f').getPort()", '8443'],
    ["url('https://h/a%2fb?x=1&x=2#f').getQuery()['x'].size()", 2],
    ["url('https://h/a%2fb?x=1#f').getEscapedPath()", '/a%2fb'],
    ["url('x')", 'error: URL parse error during conversion from string: parse "x": invalid URI for request'],
    ["url('http://h%41/')", 'error: URL parse error during conversion from string: parse "http://h%41/": invalid URL escape "%41"'],
    ["url('https://h') == url('HTTPS://h')", true],
  ],
  durations: [
    // As Go's float64 has it: a nanosecond less than a whole minute is that minute once there are so many.
    ["(duration('2562047h') - duration('1ns')).getMinutes()", 153_722_820],
    ["(duration('1h') - duration('1ns')).getMinutes()", 59],
  ],
  versions: [
    ["isSemver('v1.0.0')", false],
    ["isSemver('v1.0', true)", true],
    ["semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))", true],
    ["semver('1.0.0+a') == semver('1.0.0+b')", true],
    ["semver('1.0.0-2').compareTo(semver('1.0.0-10'))", -1],
    ["semver('01.0.0')", 'error: Major number must not contain leading zeroes "01"'],
    ["semver('x')", 'error: No Major.Minor.Patch elements found'],
  ],
  formats: [
    ["format.dns1123Label().validate('my-name')", 'none'],
    ["format.named('dns1123Label').value().validate('a.b').value()", ['must not contain dots']],
    ["format.named('nope')", 'none'],
    ["format.dns1123LabelPrefix().validate('a-')", 'none'],
    ["format.dns1123Subdomain().validate(lists.range(300).map(i, 'a').join()).value()", ['must be no more than 253 characters']],
    ["format.labelValue().validate('').hasValue()", false],
    ["format.date().validate('2020-02-30').value()", ['invalid date']],
    ["format.datetime().validate('2020-02-29T23:59:59.5+01:00')", 'none'],
    ["format.byte().validate('YQ=').value()", ['invalid base64']],
    ["format.uuid() == format.named('uuid').value()", true],
    ['dyn(format.uuid()) in [1]', 'error: internal error: runtime error: hash of unhashable type cel.Format'],
    ['dyn(format.uuid()) in []', false],
  ],
  searches: [
    ["'abc 123'.find('[0-9]+')", '123'],
    ["'abc'.find('[0-9]+')", ''],
    ["'baaau'.findAll('a*')", ['', 'aaa', '']],
    ["'1 2 3'.findAll('[0-9]', 2)", ['1', '2']],
    ["'1'.findAll('1', 0)", []],
    ["'a'.find('(')", 'refused: program instantiation failed: error parsing regexp: missing closing ): `(`'],
    ["'a'.find('(' + string(dyn(''))) == ''", 'error: Illegal regex: error parsing regexp: missing closing ): `(`'],
  ],
  lists: [
    ['[1, 2, 3].sum() + [3, 1].min() + [3, 1].max()', 10],
    ["['a', 'b'].isSorted() && ![2, 1].isSorted()", true],
    ['dyn([]).min()', 'error: min called on empty list'],
    ['dyn([]).sum()', 0],
    ['[1, 2, 1].indexOf(1) + [1, 2, 1].lastIndexOf(1)', 2],
    ["['～', '😀'].isSorted()", true],
    ['sets.contains([1, 2], [1]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])', true],
    ['[1, 2, 3].slice(1, 3)', [2, 3]],
    ['[1].slice(0, 2)', 'error: cannot slice(0, 2), list is length 1'],
    ['dyn([1]).flatten(dyn("a"))', 'error: internal error: interface conversion: ref.Val is types.String, not types.Int'],
    ['[1, 2, 1, 3].distinct()', [1, 2, 3]],
    ["dyn(b'a') in ['a']", 'error: internal error: runtime error: hash of unhashable type types.Bytes'],
    ["[dyn(b'a')][0] in dyn([1])", false],
    ['[3, 1, 2].sort().reverse()', [3, 2, 1]],
    ["['ccc', 'a', 'bb'].sortBy(s, size(s))", ['a', 'bb', 'ccc']],
    ['[dyn(1), dyn("a")].sort()', 'error: list elements must have the same type'],
    ['lists.range(3)', [0, 1, 2]],
  ],
};

for (const [name, rows] of Object.entries(suites)) {
  describe(name, () => {
    for (const [expression, expected] of rows) it(expression, () => assert.deepEqual(evaluate(expression), expected));
  });
}

describe('lists of data', () => {
  it('are flattened to a depth', () => {
    const x = [1, [2, [3, [4]]]];
    assert.deepEqual(evaluate('x.flatten()', { x }), [1, 2, [3, [4]]]);
    assert.deepEqual(evaluate('x.flatten(2)', { x }), [1, 2, 3, [4]]);
    assert.deepEqual(evaluate('x.flatten(-1)', { x }), 'error: level must be non-negative');
  });
  it('are told apart by their first element', () => {
    assert.deepEqual(evaluate('x.max()', { x: [1, 'a'] }), 1);
    assert.deepEqual(evaluate('x.max()', { x: [1, null] }), 'error: no such overload');
    assert.deepEqual(evaluate('x.sum()', { x: ['a'] }), 'error: no such overload: sum(list)');
    assert.deepEqual(evaluate('x.sort()', { x: [null] }), 'error: list elements must be comparable');
  });
  it('cost what Kubernetes counts', () => {
    const cost = (expression: string, x: Value): number => {
      const compiled = compile(expression, { variables: ['x'] });
      assert.ok(compiled.ok);
      const budget = { remaining: 1_000 };
      compiled.program.evaluate({ x }, budget);
      return 1_000 - budget.remaining;
    };
    assert.equal(cost('x.sort()', [3, 1, 2]), 2);
    assert.equal(cost('[3, 1, 2].sort()', 0), 29);
    assert.equal(cost('x.sortBy(y, -y)', [1, 3, 2]), 47);
    assert.equal(cost('x.distinct()', [1, 2, 3, 4, 5, 6, 7]), 110);
    assert.equal(cost('sets.equivalent(x, [1])', [1, 2, 3]), 8);
    assert.equal(cost("cidr('10.0.0.0/8').containsIP('10.1.1.1')", 0), 3);
    assert.equal(cost("format.dns1123Label().validate('ab').hasValue()", 0), 10);
  });
});

describe('networks', () => {
  it('contain what their bits say', () => {
    const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
    const bits = (parts: readonly number[]): bigint => parts.reduce((all, part) => (all << 8n) | BigInt(part), 0n);
    fc.assert(
      fc.property(octets, octets, fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 32 }), (net, other, length, shared) => {
        // Half of the bits are taken over, else hardly any address would be inside.
        const mask = shared === 0 ? 0n : ((1n << BigInt(shared)) - 1n) << BigInt(32 - shared);
        const address = (bits(net) & mask) | (bits(other) & ~mask & 0xffffffffn);
        const text = [24n, 16n, 8n, 0n].map((at) => (address >> at) & 0xffn).join('.');
        const inside = bits(net) >> BigInt(32 - length) === address >> BigInt(32 - length);
        assert.equal(evaluate('cidr(n).containsIP(a)', { n: `${net.join('.')}/${length}`, a: text }), inside);
      }),
      { numRuns: 150 },
    );
  });
});

describe('sorting', () => {
  it('is stable and total', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ k: fc.integer({ min: 0, max: 3 }), at: fc.nat() }), { maxLength: 30 }), (items) => {
        const expected = items.toSorted((left, right) => left.k - right.k);
        assert.deepEqual(evaluate('x.sortBy(v, v.k)', { x: items }), expected);
      }),
      { numRuns: 100 },
    );
  });
});

describe('hostile input', () => {
  const long = 'a'.repeat(1_000_000);
  const endsByBudget = ['ip(x)', 'cidr(x)', 'semver(x)', 'url(x)', 'format.uri().validate(x)', "x.findAll('(a|aa)*b|a')"];
  for (const expression of endsByBudget) {
    it(`ends: ${expression}`, () => {
      const compiled = compile(expression, { variables: ['x'] });
      assert.ok(compiled.ok);
      const start = performance.now();
      assert.ok(isBudgetError(compiled.program.evaluate({ x: long }, { remaining: 10_000_000 })));
      assert.ok(performance.now() - start < 500);
    });
  }

  it('of many elements ends by the budget', () => {
    const items = Array.from({ length: 50_000 }, (_, at) => at);
    for (const expression of ['x.distinct()', 'sets.equivalent(x, x)', 'lists.range(9223372036854775807)']) {
      const compiled = compile(expression, { variables: ['x'] });
      assert.ok(compiled.ok);
      assert.ok(isBudgetError(compiled.program.evaluate({ x: items }, { remaining: 1_000_000 })), expression);
    }
  });
});

describe('versions', () => {
  it('have what Kubernetes had', () => {
    const known = (expression: string, version: string): boolean => compile(expression, { variables: ['x'], version }).ok;
    assert.ok(!known('x.includes(1)', '1.36') && known('x.includes(1)', '1.37'));
    assert.ok(!known('lists.range(1)', '1.33') && known('lists.range(1)', '1.34'));
    assert.ok(!known("quantity('1')", '1.27') && known("quantity('1')", '1.28'));
    assert.ok(!known('type(x) == net.IP', '1.29') && known('type(x) == net.IP', '1.30'));
  });
});
