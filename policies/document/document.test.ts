// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { digestOf } from './digest.ts';
import { parseDocument } from './index.ts';
import type { JsonObject } from './json.ts';

const FILE = 'policies/a.yaml';
const parse = (text: string | Uint8Array) => parseDocument(typeof text === 'string' ? Buffer.from(text) : text, FILE);

const valueOf = (text: string): JsonObject => {
  const outcome = parse(text);
  assert.ok(outcome.ok, outcome.ok ? '' : JSON.stringify(outcome.problems));
  return outcome.document.value;
};

/** `CODE line:column` of each problem. */
const findings = (text: string | Uint8Array): readonly string[] => {
  const outcome = parse(text);
  return outcome.ok ? [] : outcome.problems.map(({ code, at }) => `${code} ${at?.line}:${at?.column}`);
};

describe('a document that every reader reads alike', () => {
  it('becomes its JSON value, under the digest of its bytes', () => {
    const text = '# why\n---\na: {b: [1, -2.5, true, null, ~, x, "no", \'0777\']}\nc: |\n  x\n   y\nd: >-\n  p\n  q\n...\n';
    const outcome = parse(text);
    assert.ok(outcome.ok);
    assert.equal(outcome.document.digest, digestOf(Buffer.from(text)));
    assert.deepEqual(outcome.document.value, { a: { b: [1, -2.5, true, null, null, 'x', 'no', '0777'] }, c: 'x\n y\n', d: 'p q' });
  });

  it('may have keys that are names of Object.prototype', () => {
    const value = valueOf('constructor: 1\ntoString: {hasOwnProperty: x}\n');
    assert.deepEqual(Object.entries(value), [
      ['constructor', 1],
      ['toString', { hasOwnProperty: 'x' }],
    ]);
  });

  it('may hold dates and times unquoted', () => {
    assert.deepEqual(valueOf('a: 2027-03-01T00:00:00Z\nb: 2001-01-01\n'), { a: '2027-03-01T00:00:00Z', b: '2001-01-01' });
  });

  it('survives JSON text as it is', () => {
    const text = fc.string({ unit: 'grapheme-ascii' });
    const key = text.filter((word) => word !== '__proto__' && word !== '');
    const leaf = fc.oneof(
      text,
      fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n)),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, tree, { minKeys: 1, maxKeys: 4, noNullPrototype: true }), (value) => {
        assert.deepEqual(valueOf(`${JSON.stringify(value, null, 1)}\n`), value);
      }),
      { numRuns: 150 },
    );
  });
});

describe('what two readers may read differently is refused where it stands', () => {
  const rows: readonly (readonly [name: string, text: string | Uint8Array, finding: string])[] = [
    ['a byte order mark', '\ufeffa: b\n', 'DOCUMENT_ENCODING 1:1'],
    ['a carriage return', 'a: b\r\n', 'DOCUMENT_ENCODING 1:5'],
    ['a NUL', 'a: b\u0000\n', 'DOCUMENT_ENCODING 1:5'],
    ['a line end of YAML 1.1', '# x\u2028enforcement: Audit\n', 'DOCUMENT_ENCODING 1:4'],
    ['next line', 'a: x\u0085b: y\n', 'DOCUMENT_ENCODING 1:5'],
    ['a bidirectional override', 'a: "x\u202ey"\n', 'DOCUMENT_ENCODING 1:6'],
    ['overlong UTF-8', Uint8Array.from([0x61, 0x3a, 0x20, 0x62, 0x0a, 0x63, 0x3a, 0x20, 0xc0, 0x80]), 'DOCUMENT_ENCODING 2:4'],
    ['a surrogate as bytes', Uint8Array.from([0x61, 0x3a, 0x20, 0xed, 0xa0, 0x80]), 'DOCUMENT_ENCODING 1:4'],
    ['a surrogate as an escape', 'a: "\\ud800"\n', 'DOCUMENT_ENCODING 1:4'],
    ['an anchor', 'a: &x 1\n', 'DOCUMENT_FORBIDDEN 1:7'],
    ['an anchor on a key', '&x a: 1\n', 'DOCUMENT_FORBIDDEN 1:4'],
    ['a tag', 'a: !!binary aGk=\n', 'DOCUMENT_FORBIDDEN 1:13'],
    ['a tag on a mapping', 'a: !!map {b: 1}\n', 'DOCUMENT_FORBIDDEN 1:10'],
    ['a tag on a list', 'a: !x [1]\n', 'DOCUMENT_FORBIDDEN 1:7'],
    ['a merge key', '<<: {a: 1}\n', 'DOCUMENT_FORBIDDEN 1:1'],
    ['a mapping as a key', '? {a: b}\n: c\n', 'DOCUMENT_FORBIDDEN 1:3'],
    ['__proto__', 'a: {"__proto__": {x: 1}}\n', 'DOCUMENT_FORBIDDEN 1:5'],
    ['a directive', '%YAML 1.1\n---\na: b\n', 'DOCUMENT_FORBIDDEN 1:1'],
    ['a duplicate key', 'a: 1\nb: 2\n"a": 3\n', 'DOCUMENT_DUPLICATE_KEY 3:1'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'DOCUMENT_COUNT 2:1'],
    ['no document', '# nothing\n', 'DOCUMENT_COUNT 1:1'],
    ['a list at the top', '- a\n', 'DOCUMENT_INVALID 1:1'],
    ['a syntax error', 'a: b\nc: [d\n', 'DOCUMENT_SYNTAX 3:1'],
    ['a tab as indentation', 'a:\n\t- b\n', 'DOCUMENT_SYNTAX 2:1'],
    ['an integer beyond 2^53', 'a: 9007199254740993\n', 'DOCUMENT_NUMBER 1:4'],
    ['infinity', 'a: [.inf]\n', 'DOCUMENT_NUMBER 1:5'],
    ['a number that overflows', 'a: 1.0e+999\n', 'DOCUMENT_NUMBER 1:4'],
    ['a boolean of YAML 1.1', 'deny: no\n', 'DOCUMENT_AMBIGUOUS 1:7'],
    ['a boolean of YAML 1.1 as a key', 'on: push\n', 'DOCUMENT_AMBIGUOUS 1:1'],
    ['a number as a key', '8080: x\n', 'DOCUMENT_AMBIGUOUS 1:1'],
  ];
  for (const [name, text, finding] of rows) {
    it(name, () => assert.deepEqual(findings(text), [finding]));
  }

  it('an alias, with the anchor it needs', () => {
    assert.deepEqual(findings('a: &x [1]\nb: *x\n'), ['DOCUMENT_FORBIDDEN 1:7', 'DOCUMENT_FORBIDDEN 2:4']);
  });

  it('and each of many is named, with what to do', () => {
    const outcome = parse('a: yes\nb:\n- 0777\n- 1:30\n');
    assert.ok(!outcome.ok);
    assert.deepEqual(
      outcome.problems.map(({ path, at }) => `${path} ${at?.file} ${at?.line}:${at?.column}`),
      [`a ${FILE} 1:4`, `b[0] ${FILE} 3:3`, `b[1] ${FILE} 4:3`],
    );
    assert.match(outcome.problems[1]?.hint ?? '', /quote it: "0777"/);
  });
});

describe('hostile sizes and shapes cost little', () => {
  const SIZE = 96 * 1024;
  const rows: readonly (readonly [name: string, text: string, code: string])[] = [
    ['one byte too many', `a: ${'x'.repeat(SIZE - 2)}`, 'DOCUMENT_TOO_LARGE'],
    ['brackets', '['.repeat(SIZE), 'DOCUMENT_TOO_COMPLEX'],
    ['braces', '{a: '.repeat(SIZE / 4), 'DOCUMENT_TOO_COMPLEX'],
    ['dashes in a line', '- '.repeat(SIZE / 2), 'DOCUMENT_TOO_COMPLEX'],
    ['question marks', '? '.repeat(SIZE / 2), 'DOCUMENT_TOO_COMPLEX'],
    ['commas', `[${','.repeat(SIZE - 2)}]`, 'DOCUMENT_TOO_COMPLEX'],
    ['items', '- a\n'.repeat(SIZE / 4), 'DOCUMENT_TOO_COMPLEX'],
    ['indentation', Array.from({ length: 400 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''), 'DOCUMENT_TOO_COMPLEX'],
    ['directives', '%a\n'.repeat(SIZE / 3), 'DOCUMENT_TOO_COMPLEX'],
    [
      'a billion laughs',
      `a: &a [x,x]\n${Array.from({ length: 26 }, (_, n) => `b${n}: &b${n} [*a,*a]`).join('\n')}\n`,
      'DOCUMENT_FORBIDDEN',
    ],
  ];
  for (const [name, text, code] of rows) {
    it(name, () => assert.equal(findings(text)[0]?.split(' ')[0], code));
  }

  it('the largest size and depth that are allowed pass', () => {
    assert.deepEqual(findings(`a: ${'x'.repeat(SIZE - 3)}`), []);
    assert.deepEqual(findings(`a: ${'['.repeat(60)}${']'.repeat(60)}\n`), []);
  });

  it('never throws, whatever the bytes', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.array(fc.constantFrom(...'a: -?[]{}&*!|>\'"%@#,\n\t~<=0.1'.split('')), { maxLength: 60 }).map((c) => Buffer.from(c.join(''))),
    );
    fc.assert(
      fc.property(noise, (bytes) => {
        const outcome = parse(bytes);
        assert.ok(outcome.ok || outcome.problems.length > 0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('places', () => {
  const text = [
    'spec:',
    '  list:',
    '  - name: x',
    '    rule: >-',
    '      a &&',
    '        b == c',
    '  quoted: "x\\"yz"',
    "  single: 'it''s so'",
    '  lit: |',
    '    p',
    '    qr',
    '  long: a',
    '    bc',
    '',
  ].join('\n');
  const outcome = parse(text);
  assert.ok(outcome.ok);
  const { document } = outcome;
  const place = ({ line, column }: { line: number; column: number }): string => `${line}:${column}`;

  it('of a field is its key, of an item its start, of what is missing its parent', () => {
    assert.equal(place(document.positionOf(['spec', 'list', 0, 'rule'])), '4:5');
    assert.equal(place(document.positionOf(['spec', 'list', 0])), '3:5');
    assert.equal(place(document.positionOf(['spec', 'list', 0, 'absent', 'deeper'])), '3:5');
    assert.equal(place(document.positionOf([])), '1:1');
    assert.equal(place(document.positionOf(['constructor'])), '1:1');
  });

  it('of a character in a string, however it is written', () => {
    assert.equal(place(document.positionIn(['spec', 'list', 0, 'rule'], 0)), '5:7');
    // The more indented line keeps its break: "a &&\n  b == c".
    assert.equal(place(document.positionIn(['spec', 'list', 0, 'rule'], 'a &&\n  b == c'.indexOf('=='))), '6:11');
    assert.equal(place(document.positionIn(['spec', 'quoted'], 2)), '7:15');
    assert.equal(place(document.positionIn(['spec', 'single'], "it's so".indexOf('so'))), '8:18');
    assert.equal(place(document.positionIn(['spec', 'lit'], 3)), '11:6');
    assert.equal(place(document.positionIn(['spec', 'long'], 3)), '13:6');
    assert.equal(place(document.positionIn(['spec', 'absent'], 3)), '1:1');
  });
});
