// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CelError, compile, Fields, isBudgetError, isCelError, parseJson, toJson } from './index.ts';
import type { Bindings, Value } from './index.ts';
import { parse } from './syntax/parser.ts';

const variables = ['object', 'f', 'a', 'b'];

const evaluate = (expression: string, bindings: Bindings, steps = 1_000_000): Value | CelError => {
  const compiled = compile(expression, { variables });
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.program.evaluate(bindings, { remaining: steps });
};

/** Runs it once to warm up, then asserts that it ends within the time; the bound is loose, for machines under load. */
const endsWithin = (ms: number, work: () => void): void => {
  work();
  const start = performance.now();
  work();
  assert.ok(performance.now() - start < ms, `took ${performance.now() - start} ms`);
};

const items = (count: number): Value => Array.from({ length: count }, (_, index) => index);

describe('an expression without end', () => {
  const cases: Readonly<Record<string, { readonly expression: string; readonly object: Value }>> = {
    'nested all and exists over 10,000 items': { expression: 'object.all(x, object.exists(y, y == 9999 - x))', object: items(10_000) },
    'four maps inside each other': {
      expression: 'object.map(a, object.map(b, object.map(c, object.map(d, [a, b, c, d]))))',
      object: items(60),
    },
    'a string that doubles': {
      expression: `object.map(i, ${'('.repeat(30)}string(i) + "aaaaaaaa"${').replace("a", "aa")'.repeat(30)})`,
      object: items(100),
    },
    'a list that doubles': {
      expression: `object.map(i, [i, i]${'.map(z, [z, z])'.repeat(3)}).map(l, ${'(l + '.repeat(40)}l${')'.repeat(40)}).map(l, ${'(l + '.repeat(40)}l${')'.repeat(40)}).all(l, l + l + l + l + l == l)`,
      object: items(5_000),
    },
    'texts compared with all others': {
      expression: 'object.exists(a, object.exists(b, a + "x" == b))',
      object: Array.from({ length: 2_000 }, (_, index) => 'k'.repeat(500) + index),
    },
    'a pattern for each item': {
      expression: 'object.all(a, a.matches("(a+)+" + a + "$") || true)',
      object: Array.from({ length: 2_000 }, (_, index) => `${'a'.repeat(200)}${index}`),
    },
  };
  for (const [name, { expression, object }] of Object.entries(cases)) {
    it(`ends by its budget: ${name}`, () => {
      const outcome = evaluate(expression, { object });
      assert.ok(isBudgetError(outcome), JSON.stringify(outcome)?.slice(0, 200));
      endsWithin(250, () => evaluate(expression, { object }));
    });
  }

  it('is absorbed by nothing', () => {
    for (const expression of [
      'object.all(x, object.all(y, true)) || true',
      'object.all(x, object.all(y, true)) && false',
      '[1, 2].exists(i, object.all(x, object.all(y, true)) || true)',
      '[1, 2].all(i, object.all(x, object.all(y, true)) && false)',
      'object.filter(x, object.all(y, true) || true).size() >= 0 || true',
    ])
      assert.ok(isBudgetError(evaluate(expression, { object: items(10_000) }, 50_000)), expression);
  });

  it('leaves a shared budget used up for the expressions after it', () => {
    const budget = { remaining: 1_000 };
    const compiled = compile('object.all(x, true)', { variables });
    assert.ok(compiled.ok);
    assert.ok(isBudgetError(compiled.program.evaluate({ object: items(1_000) }, budget)));
    assert.ok(isBudgetError(compiled.program.evaluate({ object: [1] }, budget)));
  });
});

describe('a catastrophic pattern', () => {
  const text = `${'a'.repeat(5_000)}!`;
  for (const pattern of ['(a+)+$', '(a|aa)+$', '(a*)*b', '([a-z]+)*[0-9]', '(.*)(.*)(.*)(.*)(.*)[0-9]{20}x', '(a{1,50}){1,20}$'])
    it(`ends: ${pattern}`, () => endsWithin(250, () => evaluate(`object.matches('${pattern}')`, { object: text })));

  it('ends by the budget on a megabyte', () => {
    const outcome = evaluate("object.matches('(a{1,50}){1,20}$')", { object: 'a'.repeat(1_000_000) });
    assert.ok(isBudgetError(outcome));
  });

  it('is refused when it is not one of RE2', () => {
    for (const pattern of ['(?=a)', '(?<!a)b', '\\\\1', '(a{1000}){1000}', '(?P<n']) {
      const compiled = compile(`object.matches('${pattern}')`, { variables });
      assert.ok(!compiled.ok, pattern);
    }
  });
});

describe('hostile keys', () => {
  const names = [
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'length',
    'value',
    'type',
    'map',
    'then',
    '__defineGetter__',
  ];

  it('are data where they are there, and missing where not', () => {
    for (const name of names) {
      const object = parseJson(`{"${name}": "x", "inner": {"${name}": {"${name}": 1}}, "list": [1], "text": "t"}`);
      assert.equal(evaluate(`object.${name}`, { object }), 'x', name);
      assert.equal(evaluate(`object.inner.${name}.${name}`, { object }), 1, name);
      assert.equal(evaluate(`has(object.${name}) && '${name}' in object && object['${name}'] == 'x'`, { object }), true, name);
      const empty = parseJson('{"list": [1], "text": "t", "n": 1.5}');
      assert.equal(
        evaluate(`has(object.${name}) || '${name}' in object || object.?${name}.hasValue() || has(object.n.${name})`, { object: empty }),
        false,
        name,
      );
      for (const expression of [`object.${name}`, `object['${name}']`, `object.text.${name}`, `object.n.${name}`]) {
        const outcome = evaluate(expression, { object: empty });
        assert.ok(isCelError(outcome) && outcome.message === `no such key: ${name}`, `${expression}: ${JSON.stringify(outcome)}`);
      }
      assert.ok(isCelError(evaluate(`object.list.${name}`, { object: empty })), name);
    }
  });

  it('keep a __proto__ key of JSON a key, and toJson gives it back', () => {
    for (const text of ['{"__proto__":{"a":1}}', '{"__proto__":{"a":1.5}}']) {
      const object = parseJson(text);
      assert.equal(evaluate('object.size()', { object }), 1);
      assert.equal(evaluate('has(object.a)', { object }), false);
      assert.equal(JSON.stringify(toJson(object)), text);
    }
  });

  it('can not be declared variables without being bound', () => {
    const compiled = compile('constructor == 1 || __proto__ == 1', { variables: ['constructor', '__proto__'] });
    assert.ok(compiled.ok);
    const outcome = compiled.program.evaluate({}, { remaining: 100 });
    assert.ok(isCelError(outcome) && outcome.message === 'no such attribute(s): constructor');
  });
});

describe('lazy structs', () => {
  class Lazy extends Fields {
    readonly reads: string[] = [];

    override field(name: string): Value | CelError | undefined {
      this.reads.push(name);
      if (name === 'bad') return new CelError('no such key: nothing');
      return name === 'good' ? { a: 1 } : undefined;
    }
  }

  it('are read field by field, when needed', () => {
    const f = new Lazy();
    assert.equal(evaluate('true || f.bad', { f }), true);
    assert.deepEqual(f.reads, []);
    assert.equal(evaluate('f.bad || f.good.a == 1', { f }), true);
    assert.deepEqual(f.reads, ['bad', 'good']);
  });

  it('fail with their own errors and miss as maps do', () => {
    const outcome = evaluate('f.bad', { f: new Lazy() });
    assert.ok(isCelError(outcome) && outcome.message === 'no such key: nothing');
    const missing = evaluate('f.reads', { f: new Lazy() });
    assert.ok(isCelError(missing) && missing.message === 'no such key: reads');
    assert.equal(evaluate('has(f.reads) || f.?reads.hasValue()', { f: new Lazy() }), false);
  });
});

describe('data nested deeper than a stack', () => {
  it('is compared, converted and printed without an exception', () => {
    const deep = (depth: number): Value => parseJson('['.repeat(depth) + ']'.repeat(depth));
    for (const depth of [900, 5_000, 200_000]) {
      assert.doesNotThrow(() => evaluate('object == a', { object: deep(depth), a: deep(depth) }));
      assert.doesNotThrow(() => evaluate("'%s'.format([object]) == ''", { object: deep(depth) }));
      assert.doesNotThrow(() => evaluate('a in object', { object: [deep(depth)], a: deep(depth) }));
      assert.doesNotThrow(() => toJson(deep(depth)));
    }
  });
});

/** Objects as an attacker writes them. */
const hostileKey = fc.oneof(
  fc.constantFrom('a', 'b', 'constructor', '__proto__', 'toString', 'length', '0', '-1', 'value', '$typeName'),
  fc.string({ maxLength: 4 }),
);
const { value: hostileValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 0, -1, 1, 9007199254740991, 'a', '', 'abc', '😀', '\ud800'),
    fc.integer(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(hostileKey, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

const leaf = fc.constantFrom(
  'object',
  'a',
  'b',
  '1',
  '0',
  '-1',
  '1.5',
  '2u',
  "'a'",
  "''",
  "b'x'",
  'null',
  'true',
  'false',
  '[]',
  '{}',
  '9223372036854775807',
  "duration('1s')",
  'int',
  'optional.none()',
  "timestamp('2024-01-01T00:00:00Z')",
);
const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const e = tie('expression');
  return {
    expression: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      leaf,
      fc.tuple(e, fc.constantFrom('a', 'b', 'constructor', '__proto__', 'length', 'toString')).map(([x, k]) => `(${x}).${k}`),
      fc.tuple(e, fc.constantFrom('a', 'constructor')).map(([x, k]) => `has((${x}).${k})`),
      fc.tuple(e, fc.constantFrom('a', 'constructor')).map(([x, k]) => `(${x}).?${k}`),
      fc.tuple(e, e).map(([x, y]) => `(${x})[${y}]`),
      fc
        .tuple(e, fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', 'in', '&&', '||'), e)
        .map(([x, o, y]) => `(${x}) ${o} (${y})`),
      fc.tuple(e, e, e).map(([x, y, z]) => `(${x}) ? (${y}) : (${z})`),
      fc.tuple(e, fc.constantFrom('all', 'exists', 'exists_one', 'map', 'filter'), e).map(([x, m, y]) => `(${x}).${m}(a, ${y})`),
      fc
        .tuple(e, fc.constantFrom('transformList', 'transformMap', 'all', 'transformMapEntry'), e)
        .map(([x, m, y]) => `(${x}).${m}(a, b, ${y})`),
      fc
        .tuple(fc.constantFrom('size', 'string', 'int', 'double', 'type', 'dyn', 'bytes', 'uint', 'bool', 'timestamp', '!', '-'), e)
        .map(([f, x]) => `${f}(${x})`),
      fc.tuple(e, fc.constantFrom('trim', 'lowerAscii', 'hasValue', 'value', 'join', 'first', 'getHours')).map(([x, f]) => `(${x}).${f}()`),
      fc
        .tuple(e, fc.constantFrom('startsWith', 'contains', 'matches', 'split', 'orValue', 'charAt', 'indexOf', 'format'), e)
        .map(([x, f, y]) => `(${x}).${f}(${y})`),
      fc.tuple(e, e).map(([x, y]) => `[${x}, ${y}]`),
      fc.tuple(e, e).map(([x, y]) => `{${x}: ${y}}`),
    ),
  };
});

const print = (outcome: Value | CelError): string =>
  JSON.stringify(outcome, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

describe('any input', () => {
  it('is parsed or refused with a place, never thrown at', () => {
    const fragment = fc.constantFrom(
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '.',
      '?',
      ':',
      ',',
      '||',
      '&&',
      '!',
      '-',
      '1',
      'a',
      '"',
      "'''",
      'r"',
      '`',
      '\\',
      'in',
      'has(',
      '.all(x,',
      '//',
      '\n',
      '0x',
      '1e',
      '@',
      '😀',
      '\ud800',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join('')),
      expression,
    );
    fc.assert(
      fc.property(text, (source) => {
        const parsed = parse(source);
        if (!parsed.ok)
          for (const { line, column, offset } of parsed.issues) assert.ok(line >= 1 && column >= 1 && offset <= source.length);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is evaluated to the same answer twice, and never throws', () => {
    fc.assert(
      fc.property(expression, hostileValue, hostileValue, (source, first, second) => {
        const compiled = compile(source, { variables });
        if (!compiled.ok) return;
        const run = (): string => {
          const bindings = { object: parseJson(JSON.stringify(first)), a: parseJson(JSON.stringify(second)), b: 'b' };
          return print(compiled.program.evaluate(bindings, { remaining: 20_000 }));
        };
        assert.equal(run(), run());
      }),
      { numRuns: 5_000 },
    );
  });

  it('of absurd size or depth is refused at once', () => {
    const absurd = [
      '('.repeat(100_000),
      '['.repeat(50_000) + ']'.repeat(50_000),
      '!'.repeat(99_999) + 'a',
      'a' + '.b'.repeat(49_000),
      'a' + '+1'.repeat(49_000),
      '-('.repeat(30_000),
      `'${'x'.repeat(100_001)}'`,
      '"'.repeat(99_999),
      '{'.repeat(90_000),
      'a?'.repeat(40_000),
      `${'(a+1'.repeat(240)}${')'.repeat(240)}`.repeat(60),
      `'''${'\\a'.repeat(49_000)}`,
    ];
    for (const source of absurd) endsWithin(500, () => compile(source, { variables }));
    assert.ok(compile(`${'a == 1 || '.repeat(9_000)}b == 2`, { variables }).ok, 'a long chain is no depth');
    const deep = (count: number): boolean => compile(`${'('.repeat(count)}1${')'.repeat(count)}`, { variables }).ok;
    assert.deepEqual([deep(249), deep(250)], [true, false]);
  });
});
