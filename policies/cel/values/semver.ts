// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType } from './boxed.ts';
import { UINT_MAX } from './integer.ts';
import { goQuote } from './quote.ts';

export const SEMVER = new CelType('kubernetes.Semver');

type Identifier = bigint | string;

/** Numbers are unsigned 64-bit integers; build data is read and forgotten, since it has no say in any comparison. */
export type VersionParts = { readonly numbers: readonly [bigint, bigint, bigint]; readonly prerelease: readonly Identifier[] };

const order = <T extends bigint | string | number>(left: T, right: T): number => (left < right ? -1 : left > right ? 1 : 0);

/** Numbers come before words; words are ASCII, so they compare unit by unit. */
const compareIdentifiers = (left: Identifier, right: Identifier): number => {
  if (typeof left === 'bigint') return typeof right === 'bigint' ? order(left, right) : -1;
  return typeof right === 'bigint' ? 1 : order(left, right);
};

/** Semantic Versioning 2.0.0, 11: -1, 0 or 1. */
export const compareVersions = (left: VersionParts, right: VersionParts): number => {
  for (const at of [0, 1, 2] as const) {
    const numbers = order(left.numbers[at], right.numbers[at]);
    if (numbers !== 0) return numbers;
  }
  const [a, b] = [left.prerelease, right.prerelease];
  if (a.length === 0 || b.length === 0) return order(b.length, a.length);
  for (const [at, identifier] of a.entries()) {
    const other = b[at];
    const identifiers = other === undefined ? 1 : compareIdentifiers(identifier, other);
    if (identifiers !== 0) return identifiers;
  }
  return order(a.length, b.length);
};

export class SemanticVersion extends Boxed {
  readonly #parts: VersionParts;

  constructor(parts: VersionParts) {
    super();
    this.#parts = parts;
  }

  get parts(): VersionParts {
    return this.#parts;
  }

  override get type(): CelType {
    return SEMVER;
  }

  override sameAs(other: unknown): boolean | undefined {
    return other instanceof SemanticVersion ? compareVersions(this.#parts, other.#parts) === 0 : undefined;
  }
}

/** Why a text is no version, in the words of the library that Kubernetes reads it with. */
type Refusal = { readonly refused: string };

const refuse = (refused: string): Refusal => ({ refused });
const isRefusal = (value: bigint | Identifier | Refusal | SemanticVersion): value is Refusal =>
  typeof value === 'object' && 'refused' in value;

const unsigned = (digits: string): bigint | Refusal => {
  if (digits === '') return refuse('strconv.ParseUint: parsing "": invalid syntax');
  const value = digits.length > 20 ? UINT_MAX + 1n : BigInt(digits);
  return value > UINT_MAX ? refuse(`strconv.ParseUint: parsing ${goQuote(digits)}: value out of range`) : value;
};

const DIGITS = /^[0-9]*$/;
const WORD = /^[0-9A-Za-z-]*$/;
const hasLeadingZero = (digits: string): boolean => digits.length > 1 && digits.startsWith('0');

const numberOf = (name: 'major' | 'minor' | 'patch', text: string): bigint | Refusal => {
  if (!DIGITS.test(text)) return refuse(`Invalid character(s) found in ${name} number ${goQuote(text)}`);
  if (hasLeadingZero(text))
    return refuse(`${name.charAt(0).toUpperCase()}${name.slice(1)} number must not contain leading zeroes ${goQuote(text)}`);
  return unsigned(text);
};

const identifierOf = (text: string): Identifier | Refusal => {
  if (text === '') return refuse('Prerelease is empty');
  if (DIGITS.test(text)) {
    if (hasLeadingZero(text)) return refuse(`Numeric PreRelease version must not contain leading zeroes ${goQuote(text)}`);
    return unsigned(text);
  }
  return WORD.test(text) ? text : refuse(`Invalid character(s) found in prerelease ${goQuote(text)}`);
};

const buildProblem = (text: string): Refusal | undefined => {
  if (text === '') return refuse('Build meta data is empty');
  return WORD.test(text) ? undefined : refuse(`Invalid character(s) found in build meta data ${goQuote(text)}`);
};

/** Cuts at the first separator; undefined = there is none. */
const cut = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
};

/** At most three parts; the third keeps the rest. */
const threeParts = (text: string): readonly string[] => {
  const [first, afterFirst] = cut(text, '.');
  if (afterFirst === undefined) return [first];
  const [second, rest] = cut(afterFirst, '.');
  return rest === undefined ? [first, second] : [first, second, rest];
};

export const parseVersion = (text: string): SemanticVersion | Refusal => {
  if (text === '') return refuse('Version string empty');
  const [majorText, minorText, rest] = threeParts(text);
  if (majorText === undefined || minorText === undefined || rest === undefined) return refuse('No Major.Minor.Patch elements found');
  const major = numberOf('major', majorText);
  if (isRefusal(major)) return major;
  const minor = numberOf('minor', minorText);
  if (isRefusal(minor)) return minor;
  const [beforeBuild, build] = cut(rest, '+');
  const [patchText, prerelease] = cut(beforeBuild, '-');
  const patch = numberOf('patch', patchText);
  if (isRefusal(patch)) return patch;
  const identifiers: Identifier[] = [];
  for (const part of prerelease?.split('.') ?? []) {
    const identifier = identifierOf(part);
    if (isRefusal(identifier)) return identifier;
    identifiers.push(identifier);
  }
  for (const part of build?.split('.') ?? []) {
    const problem = buildProblem(part);
    if (problem !== undefined) return problem;
  }
  return new SemanticVersion({ numbers: [major, minor, patch], prerelease: identifiers });
};

/** Takes a `v` in front, leading zeros, and versions of one or two numbers. */
export const parseLooseVersion = (text: string): SemanticVersion | Refusal => {
  const parts = threeParts(text.replace(/^v/, '')).map((part) => {
    if (part.length < 2) return part;
    const rest = part.replace(/^0+/, '');
    return /^[0-9]/.test(rest) ? rest : `0${rest}`;
  });
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) return refuse('short version cannot contain PreRelease/Build meta data');
  return parseVersion([...parts, '0', '0'].slice(0, Math.max(3, parts.length)).join('.'));
};
