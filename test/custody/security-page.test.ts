// SPDX-License-Identifier: Apache-2.0
// docs/security.md promises: each test that it names is there, and each code that it names is one of ours.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { problemCodes } from '../../policies/problem-codes/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
const quoted = [...page.matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);

it('names tests that exist', () => {
  const tests = quoted.filter((text) => text.endsWith('.test.ts'));
  assert.ok(tests.length > 20);
  assert.deepEqual(
    tests.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

it('names codes that a user can meet', () => {
  const codes = quoted.filter((text) => /^[A-Z]+(_[A-Z]+)+$/.test(text));
  assert.ok(codes.length > 10);
  assert.deepEqual(
    codes.filter((code) => !Object.hasOwn(problemCodes, code)),
    [],
  );
});
