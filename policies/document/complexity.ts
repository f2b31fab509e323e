// SPDX-License-Identifier: Apache-2.0
// Bounds on a document's structure, by its tokens alone and before any tree is built: a few kilobytes of brackets would
// otherwise cost seconds, or the stack.
import { Lexer } from 'yaml';
import type { Steps } from '../steps.ts';

/** Deepest nesting of mappings and lists. The API server's own structural schemas stay far below it. */
export const MAX_DEPTH = 64;
/** Most mappings, lists and scalars. */
export const MAX_NODES = 10_000;
const MAX_TOKENS = 40_000;
/** Of those that are read in one step: some milliseconds at most. */
export const TOKENS_A_STEP = 2000;

// Tokens that the lexer adds and that stand for no characters of the text.
const SCALAR_FOLLOWS = '\u001f';
const SYNTHETIC = new Set(['\u0002', '\u0018', SCALAR_FOLLOWS, '\ufeff']);

export type Tokens =
  | { readonly ok: true; readonly tokens: readonly string[] }
  /** What is too much and at which index of the text. */
  | { readonly ok: false; readonly message: string; readonly index: number };

/** The tokens of a text whose structure is within bounds. */
export const tokensOf = function* (text: string): Steps<Tokens> {
  const excess = (message: string): Tokens => ({ ok: false, message, index });
  const read: string[] = [];
  const nesting = `more than ${MAX_DEPTH} levels of nesting`;
  let index = 0;
  let flowDepth = 0;
  // `- - - x` and `? ? ? x` nest within one line.
  let indicatorsInLine = 0;
  let scalarFollows = false;
  for (const token of new Lexer().lex(text)) {
    if (read.push(token) > MAX_TOKENS) return excess(`more than ${MAX_NODES} values`);
    if (read.length % TOKENS_A_STEP === 0) yield;
    if (SYNTHETIC.has(token)) {
      scalarFollows = token === SCALAR_FOLLOWS;
      continue;
    }
    if (!scalarFollows) {
      if (token === '[' || token === '{') flowDepth += 1;
      else if (token === ']' || token === '}') flowDepth = Math.max(0, flowDepth - 1);
      else if (token === '-' || token === '?' || token === ':') indicatorsInLine += 1;
    }
    // In block context a line has at most a few indicators; in flow context colons are ordinary, brackets count there.
    if (flowDepth > MAX_DEPTH || (flowDepth === 0 && indicatorsInLine > MAX_DEPTH)) return excess(nesting);
    if (flowDepth > 0 || token.includes('\n')) indicatorsInLine = 0;
    scalarFollows = false;
    index += token.length;
  }
  return { ok: true, tokens: read };
};
