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

test('a long list of unique objects is compared in linear time', () => {
  assert.equal(
    check(
      { uniqueItems: true },
      Array.from({ length: 50_000 }, (_, a) => ({ a })),
    ),
    'fits',
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
    process.stdout.write(JSON.stringify(outcome.check({}, { remaining: 1 })));`;
  const output = execFileSync(process.execPath, ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.match(output, /must have required property 'a'/);
});
