// SPDX-License-Identifier: Apache-2.0
// docs/security.md promises: each test that it names is there and speaks of the answer that its row gives, each code that it names
// is one of ours, and each attack of the suite stands on the page that it leads to.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { code, plain } from '../../docs/generate/markdown.ts';
import { problemCodes } from '../../policies/problem-codes/index.ts';
import { attacks } from './attacks.ts';

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

const cellsOf = (line: string): readonly string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
const quotedIn = (text = ''): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one);
const moves = page
  .slice(page.indexOf('## Moves and answers'), page.indexOf('## Alive'))
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(1)
  .map(cellsOf);

/** A test, and the tables beside it that it tries. */
const sourceOf = (path: string): string => {
  const text = readFileSync(join(root, path), 'utf8');
  const beside = [...text.matchAll(/ from '\.\/([^']+)'/g)].map(([, file = '']) => join(dirname(path), file));
  return [text, ...beside.filter((file) => file.startsWith('test/custody/')).map(sourceOf)].join('\n');
};

/** Codes, reasons of Events, metrics and alarms: what somebody would see of an answer. */
const SEEN = /^(?:[A-Z]+(?:_[A-Z]+)+_?…?|[A-Z][a-z]+(?:[A-Z][a-z]+)+|writ_[a-z_]+|[a-z]+(?:-[a-z]+)+)$/;

it('names for each move an answer, and tests that speak of it', () => {
  assert.ok(moves.length > 40);
  const silent = moves.flatMap(([move, answer, proof, ...more]) => {
    assert.deepEqual(more, [], move);
    const tests = quotedIn(proof).filter((text) => text.endsWith('.test.ts'));
    assert.notEqual(tests.length, 0, move);
    const said = tests.map(sourceOf).join('\n');
    return quotedIn(answer)
      .filter((text) => SEEN.test(text) && !said.includes(text.replace('…', '')))
      .map((text) => `${move}: ${text}`);
  });
  assert.deepEqual(silent, []);
});

it('leads to a page that names each attack of the suite, with what refuses it', () => {
  assert.match(page, /\]\(reference\/attacks\.md\)/);
  const lines = new Set(readFileSync(join(root, 'docs/reference/attacks.md'), 'utf8').split('\n'));
  assert.ok(attacks.length >= 170, `${attacks.length} attacks`);
  assert.deepEqual(
    attacks.filter((attack) => !lines.has(`| ${plain(attack.name)} | ${code(attack.code)} |`)).map(({ name }) => name),
    [],
  );
  assert.equal([...lines].filter((line) => /^\| .* \| `[A-Z_]+` \|$/.test(line)).length, attacks.length);
});
