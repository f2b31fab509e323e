// SPDX-License-Identifier: Apache-2.0
// A document that is JSON, read by itself, says what the YAML library says of it. A line more at its end, and it is read by that.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parseDocument } from './index.ts';
import { readJsonText } from './json-text.ts';
import { isJsonObject } from './json.ts';
import type { JsonPath, JsonValue } from './json.ts';

const FILE = 'policies/a.yaml';
const parse = (text: string) => parseDocument(Buffer.from(text), FILE);

/** Of each field and item. */
const pathsIn = (value: JsonValue | undefined, path: JsonPath = []): readonly JsonPath[] => {
  const inner: readonly (readonly [string | number, JsonValue | undefined])[] = Array.isArray(value)
    ? [...value.entries()]
    : isJsonObject(value)
      ? Object.entries(value)
      : [];
  return [path, ...inner.flatMap(([step, item]) => pathsIn(item, [...path, step]))];
};

const told = (text: string) => {
  const outcome = parse(text);
  if (!outcome.ok) return { problems: outcome.problems };
  const { document } = outcome;
  const places = pathsIn(document.value).map((path) => [document.positionOf(path), document.positionIn(path, 2)]);
  return { value: document.value, places };
};

const LAYOUTS: readonly ((value: unknown) => string)[] = [
  (value) => `${JSON.stringify(value)}\n`,
  (value) => `${JSON.stringify(value, undefined, 2)}\n`,
  (value) => JSON.stringify(value, undefined, '\t'),
  (value) => JSON.stringify(value).replaceAll(',', ', '),
];

const words = [
  '<<',
  '=',
  'yes',
  '~',
  '',
  '0777',
  '1e3',
  '- a',
  '---',
  '%YAML 1.1',
  '# x',
  'a: b',
  '&a',
  '*a',
  '!!str',
  'a\nb',
  'a\tb',
  '\u0000',
];
const odd = ['\ud800', '\u2028', '\u0085', '\ufeff', '😀', '\u202e', '__proto__', 'constructor', '\\/', 'x'.repeat(1100)];
const text = fc.oneof(fc.constantFrom(...words, ...odd), fc.string({ unit: 'binary' }), fc.string());

describe('a document written as JSON', () => {
  it('is to every reader what it is to the YAML library, places included', () => {
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger(), fc.constantFrom(-0, 1e21, 1.5, 2 ** 53)),
        fc.constantFrom(true, false, null),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(text, tie('tree'), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    let taken = 0;
    fc.assert(
      fc.property(fc.dictionary(text, tree, { maxKeys: 3, noNullPrototype: true }), fc.constantFrom(...LAYOUTS), (value, layout) => {
        const written = layout(value);
        taken += readJsonText(written) === undefined ? 0 : 1;
        assert.deepEqual(told(written), told(`${written}\n`));
      }),
      { numRuns: 500 },
    );
    assert.ok(taken > 20, `${taken} were read without the library`);
  });

  it('is read without the library where nothing in it is doubtful, and not a letter is other than JSON.stringify writes', () => {
    const value = { kind: 'Policy', spec: { version: 1, ok: true, none: null, list: ['a: b', '# "', '\n'], empty: {} } };
    const [plain = '', pretty = ''] = LAYOUTS.map((layout) => layout(value));
    assert.deepEqual([plain, pretty].map(readJsonText), [value, value]);
    for (let at = 0; at < plain.length - 1; at += 1)
      for (const more of ['\t', '\n']) assert.equal(readJsonText(`${plain.slice(0, at)}${more}${plain.slice(at)}`), undefined, `${at}`);
  });

  it('is left to the library where a reader may doubt it', () => {
    const doubtful = [
      '{"a":1,"a":1}\n',
      '{"a":1.5}\n',
      '{"a":1e3}\n',
      '{"a":-0}\n',
      '{"a":9007199254740992}\n',
      '{"__proto__":{}}\n',
      '{"a":"\\ud800"}\n',
      '{"a":"\\/"}\n',
      '{"a":"\\u0061"}\n',
      '{"2":1,"1":1}\n',
      `{"${'k'.repeat(300)}":1}\n`,
      `{"a":"${'x'.repeat(5000)}"}\n`,
      `{"a":${'['.repeat(40)}${']'.repeat(40)}}\n`,
      '[1]\n',
      '"a"\n',
      '{',
      '',
    ];
    assert.deepEqual(
      doubtful.filter((one) => readJsonText(one) !== undefined),
      [],
    );
  });

  it('tells where a field stands in it', () => {
    const outcome = parse('{"a":{"b":["x","yz"]}}\n');
    assert.ok(outcome.ok);
    assert.deepEqual(outcome.document.positionOf(['a', 'b', 1]), { file: FILE, line: 1, column: 16 });
    assert.deepEqual(outcome.document.positionIn(['a', 'b', 1], 1), { file: FILE, line: 1, column: 18 });
  });
});
