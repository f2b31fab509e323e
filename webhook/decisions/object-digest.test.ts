// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { objectDigest, objectText } from './object-digest.ts';

test('the slice is the text of request.object, whatever JSON surrounds it', () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), fc.json(), fc.constantFrom('', ' ', '\n\t '), (noise, object, oldObject, blank) => {
      const parts = [`"kind":${noise}`, `"object"${blank}:${blank}${object}${blank}`, `"options":${noise}`, `"oldObject":${oldObject}`];
      const review = `${blank}{"apiVersion":${noise},${blank}"request":${blank}{${parts.join(`${blank},${blank}`)}}${blank}}`;
      const expected = object !== 'null' ? object : oldObject !== 'null' ? oldObject : undefined;
      assert.equal(objectText(review), expected === undefined ? undefined : expected);
    }),
    { numRuns: 300 },
  );
});

test('strings that look like structure do not end the object', () => {
  const object = JSON.stringify({ a: '}],"object":{', b: '\\"', c: ['\\\\', '{'] });
  assert.equal(objectText(`{"request":{"name":"\\"object\\":{}","object":${object},"oldObject":null}}`), object);
});

test('a deletion is known by its old object; a review without objects has no digest', () => {
  const digest = objectDigest('{"request":{"object":null,"oldObject":{"a":1}}}');
  assert.equal(digest, `sha256:${createHash('sha256').update('{"a":1}').digest('hex')}`);
  assert.equal(objectDigest('{"request":{"object":null}}'), undefined);
  assert.equal(objectDigest('{"request":7}'), undefined);
});

test('of a key given twice the last one counts, as the parser reads it', () => {
  assert.equal(objectText('{"request":{"object":{"a":1},"object":{"a":2}}}'), '{"a":2}');
});
