// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { compileSchema } from './json-schema.ts';

const check = (schema: unknown, data: unknown, remaining = 1_000_000): string => {
  const outcome = compileSchema(schema);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.message);
  const breach = outcome.check(data, { remaining });
  return breach === undefined ? 'fits' : breach.kind === 'breach' ? breach.message : 'budget';
};

const rows: readonly { readonly name: string; readonly schema: unknown; readonly data: unknown; readonly expect: string }[] = [
  { name: 'fits', schema: { type: 'object', required: ['a'] }, data: { a: 1 }, expect: 'fits' },
  {
    name: 'names the place',
    schema: { properties: { a: { properties: { b: { maximum: 3 } } } } },
    data: { a: { b: 4 } },
    expect: '/a/b must be <= 3',
  },
  {
    name: 'inherited names are not there',
    schema: { required: ['constructor'] },
    data: {},
    expect: "the object must have required property 'constructor'",
  },
  {
    name: 'nor declared',
    schema: { properties: {}, additionalProperties: false },
    data: { toString: 1 },
    expect: 'the object must NOT have additional properties: toString',
  },
  {
    name: '__proto__ is a key like others',
    schema: { additionalProperties: false },
    data: JSON.parse('{"__proto__": 1}'),
    expect: 'the object must NOT have additional properties: __proto__',
  },
  {
    name: 'enum tells the values',
    schema: { properties: { a: { enum: ['x', 'y'] } } },
    data: { a: 'z' },
    expect: '/a must be equal to one of the allowed values: ["x","y"]',
  },
  {
    name: 'local references',
    schema: { $defs: { name: { type: 'string' } }, properties: { a: { $ref: '#/$defs/name' } } },
    data: { a: 1 },
    expect: '/a must be string',
  },
  {
    name: 'what stands beside a reference counts',
    schema: { $defs: { n: { type: 'string' } }, $ref: '#/$defs/n', maxLength: 1 },
    data: 'ab',
    expect: 'the object must NOT have more than 1 characters',
  },
  { name: 'a $ref in data is data', schema: { properties: { a: { const: { $ref: 'x' } } } }, data: { a: { $ref: 'x' } }, expect: 'fits' },
  {
    name: 'lists of items as before 2020-12',
    schema: { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }], additionalItems: false },
    data: ['a', 1],
    expect: 'the object must NOT have more than 1 items',
  },
  {
    name: 'unique objects',
    schema: { uniqueItems: true },
    data: [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    expect: 'the object must NOT have duplicate items',
  },
  {
    name: 'unevaluated',
    schema: { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
    data: { a: 1, b: 2 },
    expect: 'the object must NOT have unevaluated properties: b',
  },
  { name: 'formats', schema: { format: 'ipv4' }, data: '010.0.0.1', expect: 'the object must match format "ipv4"' },
  { name: 'boolean schema', schema: { properties: { a: false } }, data: { a: 1 }, expect: '/a boolean schema is false' },
];

for (const row of rows) test(row.name, () => assert.equal(check(row.schema, row.data), row.expect));

const refusals: readonly (readonly [schema: unknown, path: string, message: RegExp])[] = [
  [{ $ref: 'https://example.com/schema' }, '$ref', /only point into the same schema/],
  [{ $ref: '#/$defs/none' }, '$ref', /points at nothing/],
  [{ $ref: '#/constructor' }, '$ref', /points at nothing/],
  [{ $defs: { a: { properties: { a: { $ref: '#/$defs/a' } } } }, $ref: '#/$defs/a' }, '$ref.properties.a.$ref', /refers to itself/],
  [{ properties: { a: { $id: 'x' } } }, 'properties.a.$id', /not supported/],
  [{ properties: [] }, 'properties', /must be an object of schemas/],
  [{ unknown: 1 }, '', /unknown keyword/],
  [{ pattern: '(?=a)' }, '', /invalid or unsupported Perl syntax/],
  [{ format: 'nothing' }, '', /unknown format/],
  [{ type: 'text' }, '', /type must be/],
  [{ required: 'a' }, 'required', /list of names/],
  [{ $schema: 'https://example.com/dialect' }, '$schema', /dialect/],
  ['text', '', /must be a schema/],
];

for (const [schema, path, message] of refusals) {
  test(`refused: ${JSON.stringify(schema)}`, () => {
    const outcome = compileSchema(schema);
    assert.ok(!outcome.ok);
    assert.equal(outcome.path.join('.'), path);
    assert.match(outcome.message, message);
  });
}

test('references that double at every step are refused before they fill the memory', () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      `d${index}`,
      { allOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] },
    ]),
  );
  const outcome = compileSchema({ $defs: { ...$defs, d40: {} }, $ref: '#/$defs/d0' });
  assert.ok(!outcome.ok);
});

test('a schema nested without end is refused', () => {
  let schema: unknown = {};
  for (let depth = 0; depth < 20_000; depth += 1) schema = { not: schema };
  assert.ok(!compileSchema(schema).ok);
});

test('patterns take linear time and are charged', () => {
  const schema = { properties: { a: { pattern: '^(a+)+$' } } };
  assert.equal(check(schema, { a: `${'a'.repeat(5_000)}!` }), '/a must match pattern "^(a+)+$"');
  assert.equal(check(schema, { a: 'a'.repeat(100_000) }, 1_000), 'budget');
});

test('each pattern of a schema is its own', () => {
  const schema = { properties: { a: { pattern: '^a' }, b: { pattern: '^b' } }, patternProperties: { '^x': { type: 'string' }, '^y': {} } };
  assert.equal(check(schema, { a: 'a', b: 'b', y: 1 }), 'fits');
  assert.equal(check(schema, { a: 'b' }), '/a must match pattern "^a"');
  assert.equal(check(schema, { x: 1 }), '/x must be string');
});

const LIMIT = 3_000_000;

/** Units of effort that a check takes. */
const unitsOf = (schema: unknown, data: unknown): number => {
  const outcome = compileSchema(schema);
  assert.ok(outcome.ok);
  const budget = { remaining: 1_000_000_000, effort: 1_000_000_000_000 };
  outcome.check(data, budget);
  const units = 1_000_000_000_000 - budget.effort;
  assert.equal(1_000_000_000 - budget.remaining, Math.ceil(units / 3));
  return units;
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test('patterns are charged by the work of their program, not by their length', () => {
  // No automaton is made of a word boundary, so the bounded engine reads it.
  const units = unitsOf({ pattern: '\\b(a{1,30}){1,30}$' }, 'a'.repeat(20_000));
  assert.ok(units > 20_000 * 900 * 15, String(units));
  assert.ok(unitsOf({ pattern: '^a+$' }, 'a'.repeat(20_000)) < 50_000);
});

test('the effort grows with what is visited', () => {
  const grows: readonly (readonly [schema: unknown, data: (count: number) => unknown])[] = [
    [{ uniqueItems: true }, numbers],
    [{ uniqueItems: true }, (count) => numbers(count).map((a) => ({ a }))],
    [{ uniqueItems: true }, (count) => ['x', [{ a: 'x'.repeat(count * 10) }]]],
    [{ items: { type: 'integer', minimum: 0 } }, numbers],
    [{ contains: { type: 'string' } }, numbers],
    [{ items: { enum: [{ a: 1 }, { b: [1, 2] }, 1] } }, (count) => numbers(count).map(() => 1)],
    [{ maxLength: 1_000_000 }, (count) => 'x'.repeat(count)],
    [{ additionalProperties: { type: 'string' } }, (count) => Object.fromEntries(numbers(count).map((at) => [`k${at}`, 'x']))],
    [{ patternProperties: { '^k': {} } }, (count) => Object.fromEntries(numbers(count).map((at) => [`k${at}`, 'x']))],
  ];
  for (const [schema, data] of grows) {
    const [few, many] = [unitsOf(schema, data(100)), unitsOf(schema, data(800))];
    assert.ok(many > few * 4 && many < few * 20, `${JSON.stringify(schema)}: ${few}, ${many}`);
  }
});

const hostile: readonly (readonly [name: string, schema: unknown, data: unknown])[] = [
  ['a pattern that repeats', { pattern: '\\b(a{1,30}){1,30}$' }, `${'a'.repeat(20_000)}!`],
  ['many integers', { uniqueItems: true }, numbers(300_000)],
  ['many objects', { uniqueItems: true }, numbers(100_000).map((a) => ({ a }))],
  ["not and anyOf don't hide it", { not: { anyOf: [{ uniqueItems: true }, {}] } }, numbers(300_000)],
  ['many branches for many items', { items: { not: { anyOf: numbers(490).map(() => ({ type: 'string' })) } } }, numbers(10_000)],
  ['many values of an enum', { items: { not: { enum: numbers(500).map((a) => ({ a })) } } }, numbers(10_000).map(() => ({}))],
  ['a format for each of many texts', { items: { format: 'uri' } }, numbers(2_000).map((at) => `http://${'a'.repeat(2_000)}${at}`)],
];

for (const [name, schema, data] of hostile)
  test(`ends refused: ${name}`, () => {
    const outcome = compileSchema(schema);
    assert.ok(outcome.ok);
    const budget = { remaining: 1_000_000, effort: 2 * LIMIT };
    assert.deepEqual(outcome.check(data, budget), { kind: 'budget' });
    assert.ok(budget.remaining < 0 && budget.effort <= LIMIT);
    // What all checks share may end it as well.
    const shared = { remaining: 1_000_000, effort: 1_000 };
    assert.deepEqual(outcome.check(data, shared), { kind: 'budget' });
    assert.ok(shared.effort < 0);
  });

test('a schema has so many parts at most, references written out', () => {
  const parts = (count: number): unknown => ({
    $defs: { part: { type: 'string' } },
    allOf: numbers(count).map(() => ({ $ref: '#/$defs/part' })),
  });
  const [most, more] = [compileSchema(parts(249)), compileSchema(parts(250))];
  assert.ok(most.ok);
  assert.ok(!more.ok);
  assert.deepEqual([more.message, more.path], ['more than 500 schemas, references written out', ['allOf', 249, '$ref']]);
});

test('what an honest policy asks is far from the limit', () => {
  const schema = {
    items: { required: ['name'], properties: { name: { type: 'string', pattern: '^[a-z]+$', maxLength: 63 } } },
    uniqueItems: true,
  };
  assert.equal(
    check(
      schema,
      numbers(500)
        .map(() => ({ name: 'abc' }))
        .slice(0, 1),
    ),
    'fits',
  );
  assert.ok(
    unitsOf(
      { ...schema, uniqueItems: true },
      numbers(500).map((at) => ({ name: 'a'.repeat(1 + (at % 60)), at })),
    ) <
      LIMIT / 4,
  );
});

test('text of a schema never becomes code', () => {
  const evil = '"]; globalThis.broken = true; ["\u2028${globalThis.broken = true}*/';
  const schema = {
    properties: { [evil]: { enum: [evil], type: 'string' } },
    required: [evil],
    patternProperties: { '^x': { const: evil } },
  };
  assert.equal(check(schema, { [evil]: evil }), 'fits');
  check(schema, { [evil]: 'x' });
  check(schema, {});
  assert.ok(!('broken' in globalThis));
});

test('works where code generation from strings is off', () => {
  const script = `import { compileSchema } from ${JSON.stringify(new URL('json-schema.ts', import.meta.url).href)};
    const outcome = compileSchema({ required: ['a'] });
    if (!outcome.ok) throw new Error(outcome.message);
    process.stdout.write(JSON.stringify(outcome.check({}, { remaining: 100 })));`;
  const output = execFileSync(process.execPath, ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.match(output, /must have required property 'a'/);
});
