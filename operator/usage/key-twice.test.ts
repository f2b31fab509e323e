// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { keyGivenTwice } from './key-twice.ts';

const look = (text: string): string | undefined => keyGivenTwice(Buffer.from(text), JSON.parse(text));

it('no key is given twice in what was written of a value, however it is spaced', () => {
  // With what looks like a key or an end of a text inside of texts.
  const odd = fc.constantFrom('"', '":', '\\', '\\":1', '{"a":1,"a":1}', '__proto__', 'constructor', '', '0', ':', '\u2028é😀');
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof({ depthSize: 'small' }, odd, fc.integer(), fc.constant(null), fc.boolean(), fc.array(tie('json')), tie('object')),
    object: fc.dictionary(fc.oneof(odd, fc.string()), tie('json')),
  }));
  fc.assert(
    fc.property(json, fc.constantFrom(0, 1, '\t'), (value, space) => assert.equal(look(JSON.stringify(value, null, space)), undefined)),
  );
});

it('a key that is given twice is named, wherever it stands and however it is spelled', () => {
  for (const [text, key] of [
    ['{"a":1,"a":1}', 'a'],
    ['{"a" :1 , "b":{"a":1},"c":[{"d":"x","d"\n:"\\"d\\":"}]}', 'd'],
    ['[{"value":"1","\\u0076alue":"2"}]', 'value'],
    ['{"__proto__":1,"__proto__":{}}', '__proto__'],
    ['{"":0,"":{"":1}}', ''],
    ['{"a":{"b":1,"c":2},"a":3}', 'a'],
    ['{"0":1,"0":2}', '0'],
  ] as const) {
    assert.equal(look(text), key, text);
  }
  const deep = 200_000;
  assert.equal(look(`${'[{"a":'.repeat(deep)}{"b":1,"b":2}${'}]'.repeat(deep)}`), 'b');
  assert.equal(look(`${'['.repeat(deep)}${']'.repeat(deep)}`), undefined);
});
