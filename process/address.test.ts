// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from './address.ts';

const rows: readonly [string, ReturnType<typeof parseAddress>][] = [
  [':8443', { host: '0.0.0.0', port: 8443 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:9090', { host: '::1', port: 9090 }],
  ['[::ffff:10.0.0.1]:9443', { host: '::ffff:10.0.0.1', port: 9443 }],
  ['[10.0.0.1]:80', undefined],
  ['[:::]:80', undefined],
  ['localhost:80', { host: 'localhost', port: 80 }],
  ['8443', undefined],
  [':99999', undefined],
  ['::1:80', undefined],
  ['http://x:80', undefined],
];
for (const [text, expected] of rows) test(`address ${text}`, () => assert.deepEqual(parseAddress(text), expected));
