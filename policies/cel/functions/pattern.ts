// SPDX-License-Identifier: Apache-2.0
import { RE2JS } from 're2js';
import type { Evaluation } from '../program/evaluation.ts';
import { createAutomaton } from '../regex/automaton.ts';
import type { Automaton } from '../regex/automaton.ts';

/**
 * RE2 patterns, and what they may cost. Most patterns of a literal have an automaton of ours; those without one, and all that come
 * from data, are matched by re2js' engines, whose work is bounded by the size of the program. re2js' own lazy automaton is not
 * used: for every character of random text it can need a new state, and then each takes 30-140 µs.
 */
export type Pattern = {
  readonly matches: (text: string) => boolean;
  /** Units of effort a character of text may take; one is some 5 ns. */
  readonly effortPerCharacter: number;
  /** The places of the matches, one after the other, by the bounded engines. */
  readonly places: (text: string) => Iterable<Place>;
  readonly placesEffortPerCharacter: number;
  /** Could the search for one match read far beyond its end? Then each search may read the whole rest. */
  readonly looksFar: boolean;
};

export type Place = { readonly start: number; readonly end: number };

/** An empty match right behind the one before is none, as in Go. */
function* placesOf(regex: RE2JS, text: string): Generator<Place> {
  const matcher = regex.matcher(text);
  let last = -1;
  while (matcher.find()) {
    const place = { start: matcher.start(), end: matcher.end() };
    if (place.end > place.start || place.start !== last) yield place;
    last = place.end;
  }
}

/** Only a pattern whose single repetition without bound stands last reads no further than its match, or a bounded way. */
const looksFar = (source: string): boolean => {
  const unbounded = source.match(/[*+]|\{\d+,\}/g) ?? [];
  return unbounded.length > 1 || (unbounded.length === 1 && !/[*+]$/.test(source));
};

const MAX_PATTERN_LENGTH = 10_000;
/** Instructions of one program; more is only ever an attack (`((a{30}){30}){30}`). */
const MAX_PROGRAM = 10_000;
/** Measured: 50-100 ns an instruction and character by re2js' bounded engines, 2-10 ns a character by the automaton. */
const BOUNDED_EFFORT = 15;
const AUTOMATON_EFFORT = 2;

const bounded = (regex: RE2JS, source: string): Pattern => ({
  matches: (text) => regex.matcher(text).find(),
  effortPerCharacter: 4 + regex.programSize() * BOUNDED_EFFORT,
  places: (text) => placesOf(regex, text),
  placesEffortPerCharacter: 4 + regex.programSize() * BOUNDED_EFFORT,
  looksFar: looksFar(source),
});

const withAutomaton = (pattern: Pattern, automaton: Automaton): Pattern => ({
  ...pattern,
  matches: (text) => automaton(text) ?? pattern.matches(text),
  effortPerCharacter: AUTOMATON_EFFORT,
});

const compileRegex = (source: string): RE2JS | string => {
  if (source.length > MAX_PATTERN_LENGTH) return 'error parsing regexp: expression too large';
  try {
    const regex = RE2JS.compile(source);
    return regex.programSize() > MAX_PROGRAM ? 'error parsing regexp: expression too large' : regex;
  } catch (error) {
    return error instanceof Error ? error.message : 'error parsing regexp';
  }
};

/** Keeps the latest results of a function of a text. */
const cached = <T>(size: number, build: (source: string) => T): ((source: string) => T) => {
  const known = new Map<string, T>();
  return (source) => {
    const old = known.get(source);
    if (old !== undefined) return old;
    const built = build(source);
    if (known.size >= size) known.clear();
    known.set(source, built);
    return built;
  };
};

/** The pattern of a literal, or the reason why it is none. Some 200 µs. */
export const compilePattern = cached(4_096, (source: string): Pattern | string => {
  const regex = compileRegex(source);
  if (typeof regex === 'string') return regex;
  const automaton = createAutomaton(source);
  return automaton === undefined ? bounded(regex, source) : withAutomaton(bounded(regex, source), automaton);
});

/** The pattern of a text that comes from data. */
const dynamicPattern = cached(256, (source: string): Pattern | string => {
  const regex = compileRegex(source);
  return typeof regex === 'string' ? regex : bounded(regex, source);
});

/** Units of effort a character of pattern takes to compile, whether it was kept or not: the same input always costs the same. */
const COMPILE_EFFORT = 150;

export const compileDynamicPattern = (evaluation: Evaluation, source: string, complaint = ''): Pattern | undefined => {
  if (!evaluation.strain((source.length + 16) * COMPILE_EFFORT)) return undefined;
  const pattern = dynamicPattern(source);
  return typeof pattern === 'string' ? evaluation.fail(complaint + pattern) : pattern;
};

/** Does the pattern occur anywhere in the text? The effort is announced first, so that no text holds the thread. */
export const matchPattern = (evaluation: Evaluation, pattern: Pattern, text: string): boolean | undefined =>
  evaluation.strain(text.length * pattern.effortPerCharacter) ? pattern.matches(text) : undefined;
