// SPDX-License-Identifier: Apache-2.0
import { RE2JS } from 're2js';
import type { Evaluation } from '../program/evaluation.ts';

/** A compiled RE2 pattern and what one character of input may cost it: it steps through its whole program at worst. */
export type Pattern = { readonly regex: RE2JS; readonly effortPerCharacter: number };

/** Patterns that come from data are kept, since a loop uses the same one again and again. */
const cache = new Map<string, Pattern | string>();
const CACHE_SIZE = 256;
const MAX_CACHED_LENGTH = 1_000;
const MAX_PATTERN_LENGTH = 10_000;
/** Instructions of one program; beyond this a pattern is refused, as it could only be an attack. */
const MAX_PROGRAM = 10_000;
/** Programs of this many instructions take about one unit of effort (5 ns) a character, measured on ambiguous patterns. */
const INSTRUCTIONS_PER_UNIT = 1;

const build = (source: string): Pattern | string => {
  if (source.length > MAX_PATTERN_LENGTH) return 'error parsing regexp: expression too large';
  try {
    const regex = RE2JS.compile(source);
    const size = regex.programSize();
    if (size > MAX_PROGRAM) return 'error parsing regexp: expression too large';
    return { regex, effortPerCharacter: 4 + size / INSTRUCTIONS_PER_UNIT };
  } catch (error) {
    return error instanceof Error ? error.message : 'error parsing regexp';
  }
};

/** Pattern text → pattern, or the reason why it is none. */
export const compilePattern = (source: string): Pattern | string => {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const built = build(source);
  if (source.length > MAX_CACHED_LENGTH) return built;
  const oldest = cache.size >= CACHE_SIZE ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  cache.set(source, built);
  return built;
};

/** Does the pattern occur anywhere in the text? Its effort is announced first, so no pattern holds the thread. */
export const matchPattern = (evaluation: Evaluation, pattern: Pattern, text: string): boolean | undefined =>
  evaluation.strain(Math.ceil(text.length * pattern.effortPerCharacter)) ? pattern.regex.test(text) : undefined;
