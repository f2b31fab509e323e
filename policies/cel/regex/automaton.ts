// SPDX-License-Identifier: Apache-2.0
/**
 * A pattern as a deterministic automaton, made whole when it is compiled: matching is one table look-up a character, linear in
 * the text and without any memory of its own. Most patterns of policies have less than fifty states; one that would have more
 * than 256, or uses syntax that is not read here, has no automaton.
 *
 * In: a valid RE2 pattern. Out: whether it occurs in a text, as RE2 has it (leftmost or longest makes no difference to that).
 */
import { createLiteralTest } from './literals.ts';
import { COLUMNS, OTHER, parseRegex } from './syntax.ts';
import type { CharSet, Regex } from './syntax.ts';

const MAX_STATES = 256;
/** Of the program that stands between the pattern and the automaton. */
const MAX_INSTRUCTIONS = 2_000;
/** Instructions that are looked at to make the automaton; some 10 ms, where an honest pattern takes a tenth of that. */
const MAX_WORK = 400_000;

type Instruction =
  | { readonly kind: 'char'; readonly set: CharSet }
  | { readonly kind: 'jump'; to: number; or: number }
  | { readonly kind: 'start' | 'end' | 'match' };

class TooLarge extends Error {}

/** A program of threads (K. Thompson, 1968): each instruction goes on with the next, a jump with either of two. */
class Assembler {
  readonly program: Instruction[] = [];

  emit(regex: Regex): void {
    switch (regex.kind) {
      case 'set':
        this.#add({ kind: 'char', set: regex.set });
        break;
      case 'start':
      case 'end':
        this.#add({ kind: regex.kind });
        break;
      case 'sequence':
        for (const part of regex.parts) this.emit(part);
        break;
      case 'choice':
        this.#choice(regex.parts);
        break;
      case 'repeat':
        this.#repeat(regex.part, regex.min, regex.max);
        break;
      default:
        regex satisfies never;
    }
  }

  finish(): readonly Instruction[] {
    this.#add({ kind: 'match' });
    return this.program;
  }

  #add<I extends Instruction>(instruction: I): I {
    if (this.program.length >= MAX_INSTRUCTIONS) throw new TooLarge();
    this.program.push(instruction);
    return instruction;
  }

  #jump(): { readonly kind: 'jump'; to: number; or: number } {
    const next = this.program.length + 1;
    return this.#add({ kind: 'jump', to: next, or: next });
  }

  #choice(parts: readonly Regex[]): void {
    const exits: { to: number; or: number }[] = [];
    for (const [index, part] of parts.entries()) {
      const fork = index < parts.length - 1 ? this.#jump() : undefined;
      this.emit(part);
      if (fork === undefined) break;
      exits.push(this.#jump());
      fork.or = this.program.length;
    }
    for (const exit of exits) exit.to = exit.or = this.program.length;
  }

  #repeat(part: Regex, min: number, max: number): void {
    for (let count = 0; count < min; count += 1) this.emit(part);
    if (max === Number.POSITIVE_INFINITY) {
      const fork = this.#jump();
      const start = this.program.length - 1;
      this.emit(part);
      const back = this.#jump();
      back.to = back.or = start;
      fork.or = this.program.length;
      return;
    }
    const skips: { or: number }[] = [];
    for (let count = min; count < max; count += 1) {
      skips.push(this.#jump());
      this.emit(part);
    }
    for (const skip of skips) skip.or = this.program.length;
  }
}

/** Characters that no instruction tells apart are one. */
type Alphabet = { readonly classOf: Uint8Array; readonly samples: readonly number[] };

const alphabetOf = (program: readonly Instruction[]): Alphabet => {
  const sets = [...new Set(program.flatMap((instruction) => (instruction.kind === 'char' ? [instruction.set] : [])))];
  const classes = new Map<string, number>();
  const samples: number[] = [];
  const classOf = Uint8Array.from({ length: COLUMNS }, (_, column) => {
    const signature = sets.map((set) => (set[column] === true ? '1' : '0')).join('');
    const known = classes.get(signature);
    if (known !== undefined) return known;
    classes.set(signature, samples.length);
    return samples.push(column) - 1;
  });
  return { classOf, samples };
};

type Source = { readonly program: readonly Instruction[]; readonly work: { left: number } };
type Place = { readonly atStart: boolean; readonly atEnd: boolean };

/** Where threads stand that wait for a character, and whether one of them has matched. */
type Threads = { readonly waiting: readonly number[]; readonly matched: boolean };

const follow = ({ program, work }: Source, from: readonly number[], { atStart, atEnd }: Place): Threads => {
  const seen = new Set<number>();
  const waiting: number[] = [];
  let matched = false;
  const pending = [...from];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    work.left -= 1;
    if (work.left < 0) throw new TooLarge();
    const instruction = program[at];
    if (instruction === undefined || seen.has(at)) continue;
    seen.add(at);
    if (instruction.kind === 'char') waiting.push(at);
    else if (instruction.kind === 'jump') pending.push(instruction.to, instruction.or);
    else if (instruction.kind === 'match') matched = true;
    else if (instruction.kind === 'start' ? atStart : atEnd) pending.push(at + 1);
    // An end may still come: the thread waits there, for no character.
    else if (instruction.kind === 'end') waiting.push(at);
  }
  return { waiting: waiting.toSorted((a, b) => a - b), matched };
};

/** Not a state: a match was seen. */
const MATCHED = 0xffff;

type Tables = { readonly alphabet: Alphabet; readonly next: Uint16Array; readonly matchesAtEnd: Uint8Array };

const tablesOf = (program: readonly Instruction[]): Tables | 'always' => {
  const alphabet = alphabetOf(program);
  const source: Source = { program, work: { left: MAX_WORK } };
  const states: (readonly number[])[] = [];
  const byKey = new Map<string, number>();
  const stateOf = ({ waiting, matched }: Threads, isFirst: boolean): number => {
    if (matched) return MATCHED;
    const key = `${isFirst ? '^' : ''}${waiting.join()}`;
    const known = byKey.get(key);
    if (known !== undefined) return known;
    if (states.length >= MAX_STATES) throw new TooLarge();
    byKey.set(key, states.length);
    return states.push(waiting) - 1;
  };
  if (stateOf(follow(source, [0], { atStart: true, atEnd: false }), true) === MATCHED) return 'always';
  const next: number[] = [];
  const matchesAtEnd: number[] = [];
  for (let state = 0; state < states.length; state += 1) {
    const waiting = states[state] ?? [];
    matchesAtEnd.push(follow(source, waiting, { atStart: state === 0, atEnd: true }).matched ? 1 : 0);
    for (const sample of alphabet.samples) {
      const moved = waiting.flatMap((at) => {
        const instruction = program[at];
        return instruction?.kind === 'char' && instruction.set[sample] === true ? [at + 1] : [];
      });
      // A match may begin anywhere: one more thread starts behind each character.
      next.push(stateOf(follow(source, [...moved, 0], { atStart: false, atEnd: false }), false));
    }
  }
  return { alphabet, next: Uint16Array.from(next), matchesAtEnd: Uint8Array.from(matchesAtEnd) };
};

/** undefined: the text has characters about which the automaton can say nothing. */
export type Automaton = (text: string) => boolean | undefined;

const isHigh = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;
const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

/** A row of 128 columns for each state, so that an ASCII character is looked up by itself. */
const asciiRows = ({ alphabet, next, matchesAtEnd }: Tables): Uint16Array => {
  const width = alphabet.samples.length;
  return Uint16Array.from({ length: matchesAtEnd.length * OTHER }, (_, at) => {
    const state = Math.floor(at / OTHER);
    return next[state * width + (alphabet.classOf[at % OTHER] ?? 0)] ?? MATCHED;
  });
};

const matcher = (tables: Tables, asciiOnly: boolean): Automaton => {
  const { alphabet, next, matchesAtEnd } = tables;
  const rows = asciiRows(tables);
  const width = alphabet.samples.length;
  const other = alphabet.classOf[OTHER] ?? 0;
  return (text) => {
    let state = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code < OTHER) state = rows[state * OTHER + code] ?? MATCHED;
      else {
        if (asciiOnly) return undefined;
        if (isHigh(code) && isLow(text.charCodeAt(at + 1))) at += 1;
        state = next[state * width + other] ?? MATCHED;
      }
      if (state === MATCHED) return true;
    }
    return matchesAtEnd[state] === 1;
  };
};

/** The automaton of a valid RE2 pattern, where it has one. Some 100 µs. */
export const createAutomaton = (source: string): Automaton | undefined => {
  const parsed = parseRegex(source);
  if (parsed === undefined) return undefined;
  const literal = createLiteralTest(parsed);
  if (literal !== undefined) return literal;
  try {
    const assembler = new Assembler();
    assembler.emit(parsed.regex);
    const tables = tablesOf(assembler.finish());
    return tables === 'always' ? () => true : matcher(tables, parsed.ignoresCase);
  } catch (error) {
    if (error instanceof TooLarge) return undefined;
    throw error;
  }
};
