// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { goText } from '../values/go-type.ts';
import { NAMED_ESCAPES } from '../values/quote.ts';
import { backwardSearchEffort, codePointIndex, codePointsOf, searchEffort, sizeOf, trimSpace, unitIndex } from '../values/text.ts';
import type { CelInt, Value } from '../values/value.ts';
import { formatString } from './format-string.ts';
import { int, list, listOf, string } from './parameters.ts';
import { entry, overload1, overload2, overload3, overload4 } from './table.ts';
import type { Library } from './table.ts';

const STRINGS = types.listOf(types.STRING);

const outOfRange = (evaluation: Evaluation, index: CelInt): undefined => evaluation.fail(`index out of range: ${index}`);

/** The size of a text in code points, for a call that goes on to find places in it; undefined = too much work. */
const measured = (evaluation: Evaluation, text: string): number | undefined => {
  const size = sizeOf(text);
  return evaluation.strain(size === text.length ? 20 + text.length : 20 + text.length * 3) ? size : undefined;
};

const charAt = (evaluation: Evaluation, text: string, index: CelInt): Value | undefined => {
  const size = measured(evaluation, text);
  if (size === undefined) return undefined;
  if (index < 0 || index > size) return outOfRange(evaluation, index);
  const code = text.codePointAt(unitIndex(text, Number(index)));
  return code === undefined ? '' : String.fromCodePoint(code);
};

const indexOf = (evaluation: Evaluation, { a: text, b: part, c: from }: { a: string; b: string; c: CelInt }): Value | undefined => {
  if (part === '') return from;
  if (from < 0) return outOfRange(evaluation, from);
  const size = measured(evaluation, text);
  if (size === undefined) return undefined;
  if (from >= size) return -1;
  if (!evaluation.strain(searchEffort(text, part))) return undefined;
  const found = text.indexOf(part, unitIndex(text, Number(from)));
  return found === -1 ? -1 : codePointIndex(text, found);
};

const lastIndexOf = (evaluation: Evaluation, { a: text, b: part, c: from }: { a: string; b: string; c: CelInt }): Value | undefined => {
  if (part === '') return from;
  if (from < 0) return outOfRange(evaluation, from);
  const size = measured(evaluation, text);
  if (size === undefined) return undefined;
  if (from >= size) return -1;
  if (!evaluation.strain(backwardSearchEffort(text, part))) return undefined;
  const found = text.lastIndexOf(part, unitIndex(text, Number(from)));
  return found === -1 ? -1 : codePointIndex(text, found);
};

const lastIndexInAll = (evaluation: Evaluation, text: string, part: string): Value | undefined => {
  const size = sizeOf(text);
  if (part === '') return size;
  return size === 0 ? -1 : lastIndexOf(evaluation, { a: text, b: part, c: size - 1 });
};

const join = (evaluation: Evaluation, items: readonly Value[], separator: string): Value | undefined => {
  let length = 0;
  const texts: string[] = [];
  for (const item of items) {
    if (typeof item !== 'string') return evaluation.fail(`join: invalid input: ${goText(item)}`);
    length += item.length + separator.length;
    texts.push(item);
  }
  return evaluation.strain(40 + items.length * 10 + (length >> 3)) ? texts.join(separator) : undefined;
};

/** Go's SplitN: an empty separator splits into code points, the last part keeps the rest. */
const split = (evaluation: Evaluation, { a: text, b: separator, c: limit }: { a: string; b: string; c: CelInt }): Value | undefined => {
  if (limit === 0) return [];
  if (!evaluation.strain(30 + text.length * 4 + searchEffort(text, separator))) return undefined;
  const parts = separator === '' ? codePointsOf(text) : text.split(separator);
  if (limit < 0 || parts.length <= limit) return parts;
  const count = Number(limit);
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
};

type Replacement = { readonly a: string; readonly b: string; readonly c: string; readonly d: CelInt };

/** Units of effort for each place that is found: one is some 5 ns. */
const PLACE_EFFORT = 30;

/** Go's Replace with an empty old text, which stands before every code point and at the end. */
const interleave = (evaluation: Evaluation, { a: text, c: fresh, d: limit }: Replacement): Value | undefined => {
  const size = sizeOf(text);
  const count = limit < 0 || limit > size + 1 ? size + 1 : Number(limit);
  if (!evaluation.strain(size * PLACE_EFFORT + ((text.length + count * fresh.length) >> 3))) return undefined;
  const points = codePointsOf(text);
  const rest = points.slice(count - 1).join('');
  return (
    points
      .slice(0, count - 1)
      .map((point) => fresh + point)
      .join('') + (count > size ? rest + fresh : fresh + rest)
  );
};

const replace = (evaluation: Evaluation, args: Replacement): Value | undefined => {
  const { a: text, b: old, c: fresh, d: limit } = args;
  if (limit === 0 || old === fresh) return text;
  if (old === '') return interleave(evaluation, args);
  if (!evaluation.strain(searchEffort(text, old))) return undefined;
  const pieces: string[] = [];
  let from = 0;
  for (let at = text.indexOf(old); at !== -1; at = text.indexOf(old, from)) {
    if (!evaluation.strain(PLACE_EFFORT + (fresh.length >> 3))) return undefined;
    pieces.push(text.slice(from, at));
    from = at + old.length;
    if (pieces.length === limit) break;
  }
  pieces.push(text.slice(from));
  return pieces.join(fresh);
};

const substring = (evaluation: Evaluation, { a: text, b: start, c: end }: { a: string; b: CelInt; c: CelInt }): Value | undefined => {
  const size = measured(evaluation, text);
  if (size === undefined) return undefined;
  if (start > end) return evaluation.fail(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0 || start > size) return outOfRange(evaluation, start);
  if (end < 0 || end > size) return outOfRange(evaluation, end);
  return text.slice(unitIndex(text, Number(start)), unitIndex(text, Number(end)));
};

const substringFrom = (evaluation: Evaluation, text: string, start: CelInt): Value | undefined => {
  const size = measured(evaluation, text);
  if (size === undefined) return undefined;
  return start < 0 || start > size ? outOfRange(evaluation, start) : text.slice(unitIndex(text, Number(start)));
};

const BEYOND_ASCII = /[^\0-\u007f]/;
/** A letter of a text that is not ASCII throughout. */
const LETTER_EFFORT = 12;

/** Changes ASCII letters alone. JavaScript's own functions, which are fast, would change others too. */
const recased =
  (letters: RegExp, convert: (text: string) => string) =>
  (evaluation: Evaluation, text: string): Value | undefined => {
    if (!BEYOND_ASCII.test(text)) return convert(text);
    return evaluation.strain(text.length * LETTER_EFFORT) ? text.replaceAll(letters, convert) : undefined;
  };

const quote = (evaluation: Evaluation, text: string): Value | undefined =>
  evaluation.strain(60 + text.length * 20)
    ? `"${text.toWellFormed().replaceAll(/[^\u0020-\uffff]|["\\]/g, (char) => NAMED_ESCAPES.get(char) ?? char)}"`
    : undefined;

const text1 = (name: string, id: string, run: (evaluation: Evaluation, text: string) => Value | undefined): Library['functions'][number] =>
  entry(
    name,
    overload1({
      id,
      member: true,
      params: [string],
      result: types.STRING,
      run: (evaluation, text) => (evaluation.strain(40 + (text.length >> 1)) ? run(evaluation, text) : undefined),
    }),
  );

/** Version 2 of cel-go's strings extension, the one that Kubernetes has. */
export const stringsLibrary: Library = {
  name: 'strings',
  since: '1.0',
  functions: [
    entry('charAt', overload2({ id: 'string_char_at_int', member: true, params: [string, int], result: types.STRING, run: charAt })),
    entry(
      'indexOf',
      overload2({
        id: 'string_index_of_string',
        member: true,
        params: [string, string],
        result: types.INT,
        run: (evaluation, a, b) => indexOf(evaluation, { a, b, c: 0 }),
      }),
      overload3({
        id: 'string_index_of_string_int',
        member: true,
        params: [string, string, int],
        result: types.INT,
        run: indexOf,
      }),
    ),
    entry(
      'lastIndexOf',
      overload2({
        id: 'string_last_index_of_string',
        member: true,
        params: [string, string],
        result: types.INT,
        run: lastIndexInAll,
      }),
      overload3({
        id: 'string_last_index_of_string_int',
        member: true,
        params: [string, string, int],
        result: types.INT,
        run: lastIndexOf,
      }),
    ),
    entry(
      'join',
      overload1({
        id: 'list_join',
        member: true,
        params: [listOf(string)],
        result: types.STRING,
        run: (evaluation, items) => join(evaluation, items, ''),
      }),
      overload2({
        id: 'list_join_string',
        member: true,
        params: [listOf(string), string],
        result: types.STRING,
        run: join,
      }),
    ),
    text1(
      'lowerAscii',
      'string_lower_ascii',
      recased(/[A-Z]/g, (text) => text.toLowerCase()),
    ),
    text1(
      'upperAscii',
      'string_upper_ascii',
      recased(/[a-z]/g, (text) => text.toUpperCase()),
    ),
    entry(
      'replace',
      overload3({
        id: 'string_replace_string_string',
        member: true,
        params: [string, string, string],
        result: types.STRING,
        run: (evaluation, args) => replace(evaluation, { ...args, d: -1 }),
      }),
      overload4({
        id: 'string_replace_string_string_int',
        member: true,
        params: [string, string, string, int],
        result: types.STRING,
        run: replace,
      }),
    ),
    entry(
      'split',
      overload2({
        id: 'string_split_string',
        member: true,
        params: [string, string],
        result: STRINGS,
        run: (evaluation, a, b) => split(evaluation, { a, b, c: -1 }),
      }),
      overload3({
        id: 'string_split_string_int',
        member: true,
        params: [string, string, int],
        result: STRINGS,
        run: split,
      }),
    ),
    entry(
      'substring',
      overload2({
        id: 'string_substring_int',
        member: true,
        params: [string, int],
        result: types.STRING,
        run: substringFrom,
      }),
      overload3({
        id: 'string_substring_int_int',
        member: true,
        params: [string, int, int],
        result: types.STRING,
        run: substring,
      }),
    ),
    text1('trim', 'string_trim', (_evaluation, text) => trimSpace(text)),
  ],
};

/** What version 1 and 2 of cel-go's strings extension add. */
export const formattingLibrary: Library = {
  name: 'formatting',
  since: '1.29',
  functions: [
    entry(
      'format',
      overload2({
        id: 'string_format',
        member: true,
        params: [string, list()],
        result: types.STRING,
        run: formatString,
      }),
    ),
    entry('strings.quote', overload1({ id: 'strings_quote', params: [string], result: types.STRING, run: quote })),
  ],
};
