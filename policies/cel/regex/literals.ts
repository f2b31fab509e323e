// SPDX-License-Identifier: Apache-2.0
// Patterns that are no more than a few literals, such as `^registry/`, `(KEY|TOKEN)$` or `^(dev|prod)$`: a text is asked for them by the
// engine's own search, several times faster than any walk over its characters.
import { OTHER } from './syntax.ts';
import type { CharSet, ParsedRegex, Regex } from './syntax.ts';

const MAX_LITERALS = 16;
const MAX_LENGTH = 256;

type Edges = { readonly atStart: boolean; readonly atEnd: boolean };

const characterOf = (set: CharSet): string | undefined => {
  const code = set.indexOf(true);
  return code >= 0 && code < OTHER && set.lastIndexOf(true) === code ? String.fromCharCode(code) : undefined;
};

/** Every text that the part is; undefined where it is more than texts, or too many. */
const textsOf = (regex: Regex): readonly string[] | undefined => {
  switch (regex.kind) {
    case 'set': {
      const char = characterOf(regex.set);
      return char === undefined ? undefined : [char];
    }
    case 'choice': {
      const all = regex.parts.map(textsOf);
      const texts = all.flatMap((some) => some ?? []);
      return all.includes(undefined) || texts.length > MAX_LITERALS ? undefined : texts;
    }
    case 'sequence':
      return joined(regex.parts);
    case 'repeat':
    case 'start':
    case 'end':
      return undefined;
    default:
      return regex satisfies never;
  }
};

const joined = (parts: readonly Regex[]): readonly string[] | undefined => {
  let texts: readonly string[] = [''];
  for (const part of parts) {
    const more = textsOf(part);
    if (more === undefined || texts.length * more.length > MAX_LITERALS) return undefined;
    texts = texts.flatMap((text) => more.map((one) => text + one));
    if (texts.some((text) => text.length > MAX_LENGTH)) return undefined;
  }
  return texts;
};

const tester = (texts: readonly string[], { atStart, atEnd }: Edges): ((text: string) => boolean) => {
  if (atStart && atEnd) {
    const whole = new Set(texts);
    return (text) => whole.has(text);
  }
  if (atStart) return (text) => texts.some((one) => text.startsWith(one));
  if (atEnd) return (text) => texts.some((one) => text.endsWith(one));
  return (text) => texts.some((one) => text.includes(one));
};

/** Whether the pattern occurs in a text; undefined where the pattern is more than literals between the ends of the text. */
export const createLiteralTest = ({ regex, ignoresCase }: ParsedRegex): ((text: string) => boolean) | undefined => {
  if (ignoresCase) return undefined;
  const parts = regex.kind === 'sequence' ? regex.parts : [regex];
  const atStart = parts[0]?.kind === 'start';
  const atEnd = parts.length > (atStart ? 1 : 0) && parts.at(-1)?.kind === 'end';
  const texts = joined(parts.slice(atStart ? 1 : 0, atEnd ? -1 : undefined));
  return texts === undefined ? undefined : tester(texts, { atStart, atEnd });
};
