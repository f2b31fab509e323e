// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { openBox } from './secretbox.ts';

// The test vector of the NaCl paper (cr.yp.to/highspeed/naclcrypto-20090310.pdf, section 10).
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
const box = hex(
  `f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5`,
);
const message = hex(
  `be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705`,
);

test('a box opens with its key and nonce', () => assert.deepEqual(openBox(box, { key, nonce }), message));

test('a box with any byte changed does not open, nor with another key or nonce', () => {
  for (let index = 0; index < box.length; index += 5) {
    const changed = Buffer.from(box);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.equal(openBox(changed, { key, nonce }), undefined);
  }
  assert.equal(openBox(box, { key: Buffer.alloc(32), nonce }), undefined);
  assert.equal(openBox(box, { key, nonce: Buffer.alloc(24) }), undefined);
  for (const wrong of [
    { key: key.subarray(1), nonce },
    { key, nonce: nonce.subarray(1) },
  ])
    assert.equal(openBox(box, wrong), undefined);
  assert.equal(openBox(box.subarray(0, 15), { key, nonce }), undefined);
});
