// SPDX-License-Identifier: Apache-2.0
import { RE2JS } from 're2js';
import type { Evaluation } from '../program/evaluation.ts';

/**
 * RE2 patterns, and what they may cost. re2js matches by a lazy automaton (about 20 ns a character) that can need a new state for
 * every character of random text: then each takes 30-140 µs, and 20,000 characters take a second. So a pattern of a literal is
 * tried on random text when it is compiled; one whose automaton grows, like any pattern that comes from data, is matched by
 * re2js' other engines, whose work is bounded by the size of the program.
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
/** States that the automaton of an honest pattern does not reach. */
const MAX_STATES = 250;
const MAX_FAST_PROGRAM = 300;
/** Measured: 50-100 ns an instruction and character outside of the automaton, 20 ns a character in it. */
const SLOW_EFFORT = 15;
const FAST_EFFORT = 4;

/** What is used of re2js' automaton; it is internal there, so a version without it only means the slower way. */
type Automaton = { stateBudget: number; memBudget: number; stateCount: number; failed: boolean };

const isAutomaton = (value: unknown): value is Automaton =>
  typeof value === 'object' &&
  value !== null &&
  'stateBudget' in value &&
  'memBudget' in value &&
  'stateCount' in value &&
  'failed' in value;

const automatonOf = (regex: RE2JS): Automaton | undefined => {
  const automaton: unknown = Reflect.get(regex.re2(), 'dfa');
  if (!isAutomaton(automaton)) return undefined;
  // Room for a few states more than honest patterns need, by re2js' own account of their size.
  const memory = MAX_STATES * 1.2 * (1_000 + 8 * regex.programSize());
  automaton.stateBudget = memory;
  automaton.memBudget = memory;
  return automaton;
};

const TRIAL_LENGTH = 600;

/** Text of the pattern's own characters in random order, always the same for the same pattern. */
const trialText = (alphabet: readonly string[], source: string): string => {
  let state = 1;
  const next = (): string => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return alphabet[(state >>> 16) % alphabet.length] ?? 'a';
  };
  return Array.from({ length: TRIAL_LENGTH }, next).join('') + source + alphabet.join('');
};

const growsOnTrial = (regex: RE2JS, automaton: Automaton, source: string): boolean => {
  const own = [...new Set(source.replaceAll(/[^A-Za-z0-9\-_./:@]/g, ''))];
  const alphabets = [own.length > 1 ? own.slice(0, 2) : ['a', 'b'], [...own, 'a', 'b', '0', '-', '.', '/', ' ', 'é']];
  return alphabets.some((alphabet) => {
    regex.test(trialText(alphabet, source));
    return automaton.stateCount > MAX_STATES / 2;
  });
};

const slow = (regex: RE2JS, source: string): Pattern => ({
  matches: (text) => regex.matcher(text).find(),
  effortPerCharacter: 4 + regex.programSize() * SLOW_EFFORT,
  places: (text) => placesOf(regex, text),
  placesEffortPerCharacter: 4 + regex.programSize() * SLOW_EFFORT,
  looksFar: looksFar(source),
});

const fast = (regex: RE2JS, source: string, automaton: Automaton): Pattern => ({
  ...slow(regex, source),
  matches: (text) => {
    const found = regex.test(text);
    // Text worse than the trial: from now on this pattern goes the bounded way too.
    if (automaton.stateCount > MAX_STATES) automaton.failed = true;
    return found;
  },
  effortPerCharacter: FAST_EFFORT,
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

/** The pattern of a literal, or the reason why it is none. Some 100 µs. */
export const compilePattern = cached(4_096, (source: string): Pattern | string => {
  const regex = compileRegex(source);
  if (typeof regex === 'string') return regex;
  const automaton = regex.programSize() > MAX_FAST_PROGRAM ? undefined : automatonOf(regex);
  return automaton === undefined || growsOnTrial(regex, automaton, source) ? slow(regex, source) : fast(regex, source, automaton);
});

/** The pattern of a text that comes from data. */
const dynamicPattern = cached(256, (source: string): Pattern | string => {
  const regex = compileRegex(source);
  return typeof regex === 'string' ? regex : slow(regex, source);
});

/** Units of effort a character of pattern takes to compile, whether it was kept or not: the same input always costs the same. */
const COMPILE_EFFORT = 100;

export const compileDynamicPattern = (evaluation: Evaluation, source: string, complaint = ''): Pattern | undefined => {
  if (!evaluation.strain(source.length * COMPILE_EFFORT)) return undefined;
  const pattern = dynamicPattern(source);
  return typeof pattern === 'string' ? evaluation.fail(complaint + pattern) : pattern;
};

/** Does the pattern occur anywhere in the text? The effort is announced first, so that no text holds the thread. */
export const matchPattern = (evaluation: Evaluation, pattern: Pattern, text: string): boolean | undefined =>
  evaluation.strain(text.length * pattern.effortPerCharacter) ? pattern.matches(text) : undefined;
