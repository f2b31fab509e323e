// SPDX-License-Identifier: Apache-2.0
/**
 * How a process of ours lives: this folder holds its flags and environment (here), log, clock, shutdown signal, metrics and
 * health endpoint. Every process declares tables (flags, metrics) and these modules give them life; the reference pages are
 * generated from the same tables.
 *
 * In: a table of flags, argv, the environment. Out: typed values, or help, or one clear sentence of what is wrong. A flag beats
 * its environment variable, which beats the default. Anyone above policies/ may import this folder; it imports nothing of ours.
 */

type Common<T> = {
  /** One sentence for --help and the reference page. */
  readonly doc: string;
  readonly env?: string;
  readonly required?: boolean;
  readonly default?: T;
};

export type FlagDefinition =
  | (Common<string> & {
      readonly type: 'string';
      readonly choices?: readonly string[];
      /** What the text must look like, and how that is told. */
      readonly form?: { readonly pattern: RegExp; readonly write: string };
    })
  | (Common<number> & { readonly type: 'number'; readonly min?: number; readonly max?: number })
  | (Common<boolean> & { readonly type: 'boolean' })
  /** Milliseconds; written `500ms`, `10s`, `1m`, `1h30m`, `0`. */
  | (Common<number> & { readonly type: 'duration' })
  /** Repeated, or separated by commas. */
  | (Common<readonly string[]> & { readonly type: 'list' });

export type FlagTable = { readonly [name: string]: FlagDefinition };

type ValueOf<D extends FlagDefinition> = D extends { readonly type: 'string'; readonly choices: readonly (infer C)[] }
  ? C
  : { string: string; number: number; boolean: boolean; duration: number; list: readonly string[] }[D['type']];

type IsSet<D extends FlagDefinition> = D extends { readonly default: unknown } | { readonly required: true }
  ? true
  : D['type'] extends 'boolean' | 'list'
    ? true
    : false;

/** Booleans without a default are false, lists without one are empty; other flags may be undefined. */
export type FlagValues<T extends FlagTable> = {
  readonly [K in keyof T]: IsSet<T[K]> extends true ? ValueOf<T[K]> : ValueOf<T[K]> | undefined;
};

export type ParsedFlags<T extends FlagTable> =
  | { readonly kind: 'values'; readonly values: FlagValues<T> }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string };

/** Keeps the literal types of a table. */
export const defineFlags = <const T extends FlagTable>(table: T): T => table;

export const parseFlags = <T extends FlagTable>(
  table: T,
  input: {
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly program: string;
    readonly summary?: string;
  },
): ParsedFlags<T> => {
  const given = readArguments(table, input.argv);
  if (given.kind === 'help') return { kind: 'help', text: helpText(table, input) };
  if (given.kind === 'error') return given;
  const values: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(table)) {
    const fromEnv = definition.env === undefined ? undefined : input.env[definition.env];
    const texts = given.texts.get(name) ?? (fromEnv === undefined || fromEnv === '' ? undefined : [fromEnv]);
    if (texts === undefined) {
      if (definition.required === true)
        return {
          kind: 'error',
          message: `--${name} is required${definition.env === undefined ? '' : ` (or ${definition.env})`}: ${definition.doc}`,
        };
      values[name] = definition.default ?? EMPTY[definition.type];
      continue;
    }
    const read = readValue(definition, texts);
    if (!read.ok) return { kind: 'error', message: `${given.texts.has(name) ? `--${name}` : definition.env}: ${read.why}` };
    values[name] = read.value;
  }
  return isComplete(table, values)
    ? { kind: 'values', values: Object.freeze(values) }
    : { kind: 'error', message: 'the flags are incomplete' };
};

const EMPTY: Readonly<Record<FlagDefinition['type'], unknown>> = {
  string: undefined,
  number: undefined,
  duration: undefined,
  boolean: false,
  list: [],
};

const isComplete = <T extends FlagTable>(table: T, values: Readonly<Record<string, unknown>>): values is FlagValues<T> =>
  Object.keys(table).every((name) => Object.hasOwn(values, name));

type Arguments =
  | { readonly kind: 'texts'; readonly texts: ReadonlyMap<string, readonly string[]> }
  | { readonly kind: 'help' }
  | { readonly kind: 'error'; readonly message: string };

const readArguments = (table: FlagTable, argv: readonly string[]): Arguments => {
  const texts = new Map<string, string[]>();
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--help' || word === '-h') return { kind: 'help' };
    const [, negation, name, equals, inline] = /^--(no-)?([^=]*)(=)?([^]*)$/.exec(word) ?? [];
    if (name === undefined || name === '') return { kind: 'error', message: `"${word}" is not a flag; flags are written --name=value` };
    const isNegated = negation !== undefined && !Object.hasOwn(table, `no-${name}`) && table[name]?.type === 'boolean';
    const full = isNegated || negation === undefined ? name : `no-${name}`;
    const definition = Object.hasOwn(table, full) ? table[full] : undefined;
    if (definition === undefined) return { kind: 'error', message: unknownFlag(full, table) };
    let text = inline ?? '';
    if (definition.type === 'boolean') {
      if (isNegated && equals !== undefined) return { kind: 'error', message: `--no-${name} takes no value` };
      if (equals === undefined) text = isNegated ? 'false' : 'true';
    } else if (equals === undefined) {
      const next = argv[at + 1];
      if (next === undefined || next.startsWith('--')) return { kind: 'error', message: `--${full} needs a value` };
      text = next;
      at += 1;
    }
    const before = texts.get(full);
    if (before !== undefined && definition.type !== 'list') return { kind: 'error', message: `--${full} is given twice` };
    texts.set(full, [...(before ?? []), text]);
  }
  return { kind: 'texts', texts };
};

type Read = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string };

const readValue = (definition: FlagDefinition, texts: readonly string[]): Read => {
  const text = texts[0] ?? '';
  switch (definition.type) {
    case 'string':
      if (definition.choices !== undefined && !definition.choices.includes(text)) {
        return { ok: false, why: `"${text}" is none of ${definition.choices.join(', ')}` };
      }
      return definition.form === undefined || definition.form.pattern.test(text)
        ? { ok: true, value: text }
        : { ok: false, why: `write ${definition.form.write}` };
    case 'boolean':
      return text === 'true' || text === 'false'
        ? { ok: true, value: text === 'true' }
        : { ok: false, why: `"${text}" is neither true nor false` };
    case 'number': {
      const value = text.trim() === '' ? Number.NaN : Number(text);
      const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = definition;
      if (!Number.isFinite(value)) return { ok: false, why: `"${text}" is not a number` };
      return value < min || value > max ? { ok: false, why: `${text} is not within ${min} and ${max}` } : { ok: true, value };
    }
    case 'duration': {
      const value = parseDuration(text);
      return value === undefined ? { ok: false, why: `"${text}" is not a duration such as 500ms, 10s, 1m or 1h30m` } : { ok: true, value };
    }
    case 'list':
    default:
      return {
        ok: true,
        value: texts
          .flatMap((part) => part.split(','))
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      };
  }
};

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `10s`, `1.5m`, `1h30m`, `0`; undefined when it is none. */
export const parseDuration = (text: string): number | undefined => {
  if (text === '0') return 0;
  if (!/^(\d{1,12}(\.\d{1,6})?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|[smhd])/g)) totalMs += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  return Number.isFinite(totalMs) ? totalMs : undefined;
};

/** The shortest exact way to write it. */
export const formatDuration = (durationMs: number): string => {
  for (const unit of ['h', 'm', 's']) {
    const size = UNIT_MS[unit] ?? 1;
    if (durationMs >= size && durationMs % size === 0) return `${durationMs / size}${unit}`;
  }
  return `${durationMs}ms`;
};

const helpText = (table: FlagTable, about: { readonly program: string; readonly summary?: string }): string => {
  const rows = Object.entries(table).map(([name, definition]) => ({
    left: `  --${name}${definition.type === 'boolean' ? '' : ` <${definition.type}>`}`,
    right: [definition.doc, ...notesOf(definition)].join(' '),
  }));
  rows.push({ left: '  --help', right: 'Prints this.' });
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  const lines = rows.map(({ left, right }) => `${left.padEnd(width)}${right}`);
  return [`Usage: ${about.program} [flags]`, ...(about.summary === undefined ? [] : ['', about.summary]), '', ...lines, ''].join('\n');
};

const notesOf = (definition: FlagDefinition): string[] => [
  ...(definition.type === 'string' && definition.choices !== undefined ? [`One of ${definition.choices.join(', ')}.`] : []),
  ...(definition.required === true ? ['Required.'] : []),
  ...(definition.default === undefined ? [] : [`Default ${formatDefault(definition)}.`]),
  ...(definition.env === undefined ? [] : [`[${definition.env}]`]),
];

/** A default as one would write it on the command line. */
const formatDefault = (definition: FlagDefinition): string => {
  if (definition.default === undefined) return '';
  if (definition.type === 'duration') return formatDuration(definition.default);
  return definition.type === 'list' ? definition.default.join(',') : String(definition.default);
};

const unknownFlag = (name: string, table: FlagTable): string => {
  const [nearest] = Object.keys(table)
    .map((known) => ({ known, distance: editDistance(name, known) }))
    .toSorted((a, b) => a.distance - b.distance);
  const isNear = nearest !== undefined && nearest.distance <= Math.max(2, Math.floor(name.length / 3));
  return `unknown flag --${name}${isNear ? `; did you mean --${nearest.known}?` : '; --help lists the flags'}`;
};

/** Insertions, deletions and replacements from one word to the other. */
const editDistance = (from: string, to: string): number => {
  // Longer than any flag: no suggestion is worth the work.
  if (from.length > 100) return from.length;
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [line, letter] of from.split('').entries()) {
    const next = [line + 1];
    for (const [column, other] of to.split('').entries()) {
      next.push(Math.min((next[column] ?? 0) + 1, (row[column + 1] ?? 0) + 1, (row[column] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
};
