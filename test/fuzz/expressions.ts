// SPDX-License-Identifier: Apache-2.0
// Texts for the parser and the checker: soups of tokens, and expressions that were whole before something was cut out, doubled or
// put in.
import type { Random } from './random.ts';

const TOKENS = [
  'object',
  'self',
  'request',
  'variables',
  'x',
  'y',
  '__proto__',
  'constructor',
  'toString',
  'true',
  'false',
  'null',
  '0',
  '1',
  '-1',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551615u',
  '0x',
  '0xffu',
  '1.',
  '.5',
  '1e400',
  '-0.0',
  '"a"',
  "'b'",
  "r'\\n'",
  "b'\\xff'",
  "'\\u{110000}'",
  "'''",
  '"""',
  "'\\",
  '"',
  "'\ud800'",
  '😀',
  '\0',
  '\u2028',
  '﻿',
  '.',
  '?.',
  '.?',
  '[',
  ']',
  '[?',
  '(',
  ')',
  '{',
  '}',
  ',',
  ':',
  '?',
  '!',
  '-',
  '+',
  '*',
  '/',
  '%',
  '&&',
  '||',
  '&',
  '|',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '=',
  ' in ',
  ' ',
  '\n',
  '	',
  '//c\n',
  '`a`',
  '#',
  '$',
  '@',
  '\\',
  ';',
  'has(',
  'all(',
  'exists(',
  'map(',
  'filter(',
  'optMap(',
  'sortBy(',
  'transformList(',
  'matches(',
  'format(',
  'size(',
  'dyn(',
  'type(',
  'duration(',
  'timestamp(',
  'quantity(',
  'ip(',
  'cidr(',
  'url(',
  'semver(',
  'optional.of(',
  'lists.range(',
  'math.abs(',
  'cel.bind(',
] as const satisfies readonly [string, ...string[]];

const WHOLE = [
  "object.spec.containers.all(c, has(c.image) && c.image.matches('^[a-z./-]+@sha256:[0-9a-f]{64}$'))",
  'self.items.map(i, i.v).filter(v, v > 1).sort() == [1, 2, 3] || size(self.text) % 2 == 0',
  "{'a': 1, 'b': [1.5, 2u], 3: null}[self.key] in ['x', b'y', \"z\"]",
  "object.?metadata.?labels[?'a.b/c'].orValue('') != '' ? duration('1h').getMinutes() : timestamp(self.at).getHours('Europe/Paris')",
  "quantity(self.text).compareTo(quantity('1Gi')) <= 0 && isIP(self.text) && cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))",
  "self.items.transformMap(i, v, i > 0, v.name + 'x').all(k, v, k != v) && optional.of(self.n).optMap(n, n * 2).hasValue()",
  "'%s-%d-%.2f'.format([self.text, self.n, 1.5]).lowerAscii().split('-').join('+').contains('a')",
  '[[1, 2], [3]].flatten().exists_one(x, x == 2) ? variables.a : (variables.b && !variables.c)',
] as const satisfies readonly [string, ...string[]];

const soup = (random: Random): string => Array.from({ length: 1 + random.below(40) }, () => random.pick(TOKENS)).join('');

const damaged = (random: Random): string => {
  let text: string = random.pick(WHOLE);
  for (let wounds = 1 + random.below(4); wounds > 0; wounds -= 1) {
    const start = random.below(text.length + 1);
    const end = Math.min(text.length, start + random.below(12));
    const piece = text.slice(start, end);
    const put = [random.pick(TOKENS), '', piece + piece, random.pick(WHOLE)][random.below(4)] ?? '';
    text = text.slice(0, start) + put + text.slice(random.below(2) === 0 ? start : end);
  }
  return text;
};

/** Brackets, signs and chains without an end. */
const deep = (random: Random): string => {
  const unit = random.pick(['(', '[', '{1:', '!', '-', 'x.', 'x[', 'has(', '[1].map(y,', 'true?', 'x&&', '"a"+']);
  return unit.repeat(1 + random.below(400)) + random.pick(['', '1', 'x', ')', ']', ...TOKENS]);
};

export const expressionText = (random: Random): string => {
  const kind = random.below(20);
  return kind === 0 ? deep(random) : kind < 8 ? soup(random) : damaged(random);
};
