// SPDX-License-Identifier: Apache-2.0
// A command as a person writes it → program and arguments. No shell: quotes group words, a backslash takes the next
// character as it is, and nothing else has a meaning.

const WORD = /(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+/y;
const PART = /\\(?<escaped>[\s\S])|"(?<double>(?:[^"\\]|\\[\s\S])*)"|'(?<single>[^']*)'|(?<plain>[^\s"'\\]+)/g;

const plainOf = (word: string): string =>
  [...word.matchAll(PART)]
    .map(
      ({ groups = {} }) =>
        groups['escaped'] ?? groups['single'] ?? groups['plain'] ?? groups['double']?.replaceAll(/\\(["\\])/g, '$1') ?? '',
    )
    .join('');

/** Undefined: nothing is there, or a quote has no end. */
export const splitCommand = (text: string): readonly [program: string, ...args: string[]] | undefined => {
  const words: string[] = [];
  for (let at = 0; at < text.length;) {
    const space = /\s/.test(text[at] ?? '');
    if (space) {
      at += 1;
      continue;
    }
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[0];
    if (word === undefined) return undefined;
    words.push(plainOf(word));
    at += word.length;
  }
  const [program, ...args] = words;
  return program === undefined || program === '' ? undefined : [program, ...args];
};
