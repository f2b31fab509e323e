// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { createAutomaton } from './automaton.ts';

const char = fc.constantFrom(
  'a',
  'b',
  'A',
  '0',
  '-',
  '\\.',
  '.',
  '\\d',
  '\\w',
  '\\S',
  '[a-c]',
  '[^a]',
  '[-b]',
  '[^\\d_]',
  '[\\w.-]',
  '\\n',
  ' ',
);
const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,}', '{0,2}', '*?', '+?');
const { pattern } = fc.letrec<{ pattern: string; sequence: string; item: string }>((tie) => ({
  pattern: fc.oneof(
    { weight: 3, arbitrary: tie('sequence') },
    { weight: 1, arbitrary: fc.tuple(tie('sequence'), tie('pattern')).map((two) => two.join('|')) },
  ),
  sequence: fc.array(tie('item'), { maxLength: 4 }).map((items) => items.join('')),
  item: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'regex' },
    fc.tuple(char, quantifier).map((two) => two.join('')),
    fc.constantFrom('^', '$', '\\A', '\\z'),
    fc.constantFrom('ab', '(a|ab)', '(?:0|-|aA)', '(a|)'),
    fc.tuple(fc.constantFrom('(', '(?:'), tie('pattern'), quantifier).map(([open, inner, times]) => `${open}${inner})${times}`),
  ),
}));
const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', 'A', 'B', '0', '7', '-', '.', '_', '\n', ' ', 'é', '😀', '\u212a', '\ud800'),
  maxLength: 12,
});

const bounded = (source: string, subject: string): boolean => RE2JS.compile(source).matcher(subject).find();
const isValid = (source: string): boolean => {
  try {
    RE2JS.compile(source);
    return true;
  } catch {
    return false;
  }
};

test('an automaton says of every text what RE2 says', () => {
  let made = 0;
  fc.assert(
    fc.property(
      fc.constantFrom('', '', '(?i)', '(?s)', '(?is)'),
      pattern,
      fc.array(text, { minLength: 1, maxLength: 8 }),
      (flags, body, subjects) => {
        const source = flags + body;
        if (!isValid(source)) return;
        const automaton = createAutomaton(source);
        if (automaton === undefined) return;
        made += 1;
        for (const subject of subjects) {
          const found = automaton(subject);
          if (found === undefined) assert.match(subject, /[^\0-\u007f]/);
          else assert.equal(found, bounded(source, subject), `${source} on ${JSON.stringify(subject)}`);
        }
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(made > 1_000, `${made} patterns had an automaton`);
});

const FROM_POLICIES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', ['a', 'a-b', 'x9'], ['', '-a', 'a-', 'A', 'a\n']],
  ['(KEY|TOKEN|SECRET|PASSWORD)$', ['API_KEY', 'TOKEN'], ['KEYS', 'key', '']],
  [
    '^ghcr\\.io/[a-z0-9/-]+@sha256:[a-f0-9]{64}$',
    [`ghcr.io/a/b@sha256:${'0f'.repeat(32)}`],
    [`ghcr.io/a@sha256:${'0f'.repeat(31)}`, 'ghcrxio/a'],
  ],
  ['(?i)pass(word)?', ['MyPassWord', 'xpass'], ['pas']],
  ['', ['', 'anything'], []],
  ['^(dev|prod)$', ['dev', 'prod'], ['device', 'xprod', '']],
  ['^registry\\.example\\.com/', ['registry.example.com/a'], ['a/registry.example.com/', 'registryxexample.com/']],
  ['a(b|c)d', ['xabdx', 'acd'], ['abcd', 'ad']],
  ['^', ['', 'a'], []],
  ['^$', [''], ['a', '\n']],
  ['a$|^b', ['xa', 'bx'], ['ax', 'xb']],
];

test('patterns as policies have them', () => {
  for (const [source, matching, others] of FROM_POLICIES) {
    const automaton = createAutomaton(source);
    assert.ok(automaton, source);
    for (const subject of matching) assert.equal(automaton(subject), true, `${source} on ${subject}`);
    for (const subject of others) assert.equal(automaton(subject), false, `${source} on ${subject}`);
  }
});

test('what would have too many states, or uses more of the syntax, has none, and is told in bounded time', () => {
  const wide = Array.from({ length: 120 }, (_, code) => `[^${String.fromCharCode(97 + (code % 26))}]`).join('');
  for (const source of [
    '(a|b)*a(a|b){12}',
    '((a{30}){30}){2}',
    `(${wide})*x`,
    '\\bword\\b',
    '(?m)^a',
    '\\pL',
    'é',
    '[[:alpha:]]',
    '(?P<n>a)',
    '\\x41',
  ])
    assert.equal(createAutomaton(source), undefined, source);
});

test('a letter beyond ASCII that folds into it is left to RE2', () => {
  const automaton = createAutomaton('(?i)k');
  assert.equal(automaton?.('\u212a'), undefined);
  assert.equal(automaton?.('K'), true);
});
