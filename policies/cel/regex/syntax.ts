// SPDX-License-Identifier: Apache-2.0
/**
 * RE2 syntax (https://github.com/google/re2/wiki/Syntax) as far as an automaton over ASCII can have it: literals, classes,
 * groups, alternatives, repetitions, `^ $ \A \z`, and `i` and `s` as flags of the whole pattern. Whatever else a pattern uses makes
 * it `undefined` here; `functions/pattern.ts` has another way for those. Patterns are valid RE2 already when they come here.
 */

/** Columns 0-127 are ASCII, column 128 stands for every other code point. */
export const COLUMNS = 129;
export const OTHER = 128;

/** Which columns a character may be in. */
export type CharSet = readonly boolean[];

export type Regex =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Regex[] }
  | { readonly kind: 'repeat'; readonly part: Regex; readonly min: number; readonly max: number }
  | { readonly kind: 'start' | 'end' };

export type ParsedRegex = {
  readonly regex: Regex;
  /** Letters match in both cases. Some letters beyond ASCII fold into it, so what it says of them does not count. */
  readonly ignoresCase: boolean;
};

type Flags = { readonly ignoresCase: boolean; readonly dotTakesNewline: boolean };

const setOf = (has: (code: number) => boolean): boolean[] => Array.from({ length: COLUMNS }, (_, code) => has(code));
const inverted = (set: CharSet): boolean[] => set.map((has) => !has);
const textSet = (text: string): boolean[] => setOf((code) => code !== OTHER && text.includes(String.fromCharCode(code)));

const DIGIT = textSet('0123456789');
const WORD = setOf((code) => code !== OTHER && /\w/.test(String.fromCharCode(code)));
const SPACE = textSet('\t\n\f\r ');
const CLASSES: ReadonlyMap<string, CharSet> = new Map([
  ['d', DIGIT],
  ['D', inverted(DIGIT)],
  ['w', WORD],
  ['W', inverted(WORD)],
  ['s', SPACE],
  ['S', inverted(SPACE)],
]);
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\u000b'],
]);

/** Not in the part of the syntax that is read here. */
class Beyond extends Error {}

const beyond = (): never => {
  throw new Beyond();
};

/** In both cases, where the flag says so. */
const folded = (set: CharSet, { ignoresCase }: Flags): CharSet => {
  if (!ignoresCase) return set;
  const has = (letter: string): boolean => set[letter.charCodeAt(0)] === true;
  return setOf((code) => {
    const letter = String.fromCharCode(code);
    return set[code] === true || (code !== OTHER && (has(letter.toLowerCase()) || has(letter.toUpperCase())));
  });
};

class Reader {
  readonly #source: string;
  readonly #flags: Flags;
  #at: number;

  constructor(source: string, start: number, flags: Flags) {
    this.#source = source;
    this.#at = start;
    this.#flags = flags;
  }

  pattern(): Regex {
    const regex = this.#choice();
    return this.#peek() === '' ? regex : beyond();
  }

  #peek(): string {
    return this.#source.charAt(this.#at);
  }

  #take(): string {
    const char = this.#source.charAt(this.#at);
    if (char === '' || char > '\u007f') return beyond();
    this.#at += 1;
    return char;
  }

  #choice(): Regex {
    const parts = [this.#sequence()];
    while (this.#peek() === '|') {
      this.#take();
      parts.push(this.#sequence());
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'choice', parts };
  }

  #sequence(): Regex {
    const parts: Regex[] = [];
    while (!['', '|', ')'].includes(this.#peek())) parts.push(this.#repeated(this.#atom()));
    return { kind: 'sequence', parts };
  }

  #atom(): Regex {
    const char = this.#take();
    if (char === '(') return this.#group();
    if (char === '[') return { kind: 'set', set: folded(this.#class(), this.#flags) };
    if (char === '.') return { kind: 'set', set: this.#flags.dotTakesNewline ? setOf(() => true) : inverted(textSet('\n')) };
    if (char === '^') return { kind: 'start' };
    if (char === '$') return { kind: 'end' };
    if (char === '\\') return this.#escapedAtom();
    return { kind: 'set', set: folded(textSet(char), this.#flags) };
  }

  #escapedAtom(): Regex {
    if (this.#peek() === 'A') {
      this.#take();
      return { kind: 'start' };
    }
    if (this.#peek() === 'z') {
      this.#take();
      return { kind: 'end' };
    }
    const escaped = this.#escaped();
    return { kind: 'set', set: folded(typeof escaped === 'string' ? textSet(escaped) : escaped, this.#flags) };
  }

  /** What follows a backslash: one character, or a class. */
  #escaped(): string | CharSet {
    const char = this.#take();
    return CLASSES.get(char) ?? CONTROLS.get(char) ?? (/[A-Za-z0-9]/.test(char) ? beyond() : char);
  }

  #group(): Regex {
    if (this.#peek() === '?') {
      if (!this.#source.startsWith('?:', this.#at)) return beyond();
      this.#at += 2;
    }
    const inner = this.#choice();
    return this.#take() === ')' ? inner : beyond();
  }

  #class(): CharSet {
    const negated = this.#peek() === '^';
    if (negated) this.#take();
    let set: CharSet = setOf(() => false);
    const add = (more: CharSet): void => {
      const before = set;
      set = setOf((code) => before[code] === true || more[code] === true);
    };
    for (let first = true; first || this.#peek() !== ']'; first = false) add(this.#classItem());
    this.#take();
    // RE2 folds a class before it negates it.
    return negated ? inverted(folded(set, this.#flags)) : set;
  }

  #classItem(): CharSet {
    if (this.#source.startsWith('[:', this.#at)) return beyond();
    const low = this.#classChar();
    if (typeof low !== 'string') return low;
    if (this.#peek() !== '-' || this.#source.charAt(this.#at + 1) === ']') return textSet(low);
    this.#take();
    const high = this.#classChar();
    if (typeof high !== 'string') return beyond();
    return setOf((code) => code !== OTHER && code >= low.charCodeAt(0) && code <= high.charCodeAt(0));
  }

  #classChar(): string | CharSet {
    const char = this.#take();
    return char === '\\' ? this.#escaped() : char;
  }

  #repeated(part: Regex): Regex {
    const bounds = this.#bounds();
    if (bounds === undefined) return part;
    // Whether it prefers more or less decides where a match ends, not whether there is one.
    if (this.#peek() === '?') this.#take();
    return { kind: 'repeat', part, ...bounds };
  }

  #bounds(): { readonly min: number; readonly max: number } | undefined {
    const char = this.#peek();
    if (char === '*' || char === '+' || char === '?') {
      this.#take();
      return { min: char === '+' ? 1 : 0, max: char === '?' ? 1 : Number.POSITIVE_INFINITY };
    }
    if (char !== '{') return undefined;
    const [whole, min, comma, max] = /^\{(\d+)(,?)(\d*)\}/.exec(this.#source.slice(this.#at, this.#at + 16)) ?? [];
    if (whole === undefined) return beyond();
    this.#at += whole.length;
    const least = Number(min);
    return { min: least, max: comma === '' ? least : max === '' ? Number.POSITIVE_INFINITY : Number(max) };
  }
}

const FLAGS = /^\(\?([is]+)\)/;

/** The tree of a valid RE2 pattern; undefined where it uses more than is read here. */
export const parseRegex = (source: string): ParsedRegex | undefined => {
  const [prefix = '', letters = ''] = FLAGS.exec(source) ?? [];
  const flags = { ignoresCase: letters.includes('i'), dotTakesNewline: letters.includes('s') };
  try {
    return { regex: new Reader(source, prefix.length, flags).pattern(), ignoresCase: flags.ignoresCase };
  } catch (error) {
    // Nesting too deep for the stack is beyond us as well.
    if (error instanceof Beyond || error instanceof RangeError) return undefined;
    throw error;
  }
};
