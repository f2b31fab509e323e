// SPDX-License-Identifier: Apache-2.0
import type { Syntax } from '../syntax/macros.ts';
import type { CelType } from '../values/boxed.ts';
import { arithmetic } from './arithmetic.ts';
import { authorizerLibrary, authorizerSelectorsLibrary } from './authorizer.ts';
import { cidrLibrary } from './cidr.ts';
import { comparison } from './comparison.ts';
import { conversions } from './conversions.ts';
import { ipLibrary } from './ip.ts';
import { listsExtension } from './lists-extension.ts';
import { includesLibrary, listsLibrary } from './lists.ts';
import { formatLibrary } from './named-format.ts';
import { optionalLibrary } from './optionals.ts';
import { quantityLibrary } from './quantity.ts';
import { regexLibrary } from './regex.ts';
import { semverLibrary } from './semver.ts';
import { setsLibrary } from './sets.ts';
import { formattingLibrary, stringsLibrary } from './strings.ts';
import type { Library, Overload } from './table.ts';
import { standardText } from './text.ts';
import { timeAccessors } from './time.ts';
import { urlLibrary } from './url.ts';

const standard: Library = {
  name: 'standard',
  since: '1.0',
  functions: [...arithmetic, ...comparison, ...conversions, ...standardText, ...timeAccessors],
};

/** Every library, in the order in which overloads of one name are tried. */
export const libraries: readonly Library[] = [
  standard,
  urlLibrary,
  regexLibrary,
  listsLibrary,
  stringsLibrary,
  formattingLibrary,
  optionalLibrary,
  quantityLibrary,
  setsLibrary,
  ipLibrary,
  cidrLibrary,
  formatLibrary,
  semverLibrary,
  authorizerLibrary,
  authorizerSelectorsLibrary,
  listsExtension,
  includesLibrary,
];

/** The newest Kubernetes minor that the libraries describe. */
export const NEWEST_VERSION = '1.36';

export type Environment = {
  readonly version: string;
  /** Overloads by function name; names of namespaced functions have dots. */
  readonly functions: ReadonlyMap<string, readonly Overload[]>;
  /** Types of the libraries that expressions may name. */
  readonly types: ReadonlyMap<string, CelType>;
  readonly syntax: Syntax;
  /** Are durations, timestamps and patterns that are literals checked with the types, or only when the program is made? */
  readonly checksLiterals: boolean;
};

const minorOf = (version: string): number => Number(/^1\.(\d+)$/.exec(version)?.[1] ?? Number.NaN);

/** Comparisons of numbers of two types, known to the checker since 1.28. */
const CROSS_TYPE = /^(?:less|greater)(?:_equals)?_(?:u?int64|double)_(?:u?int64|double)$/;

const build = (version: string): Environment => {
  const minor = minorOf(version);
  const functions = new Map<string, readonly Overload[]>();
  const types = new Map<string, CelType>();
  for (const library of libraries) {
    if (minorOf(library.since) > minor) continue;
    for (const type of library.types ?? []) types.set(type.name, type);
    for (const { name, overloads } of library.functions) {
      const known = minor < 28 ? overloads.filter(({ id }) => !CROSS_TYPE.test(id)) : overloads;
      functions.set(name, [...(functions.get(name) ?? []), ...known]);
    }
  }
  const syntax = { optionals: minor >= 28, twoVariables: minor >= 32, sortBy: minor >= 34 };
  return { version, functions, types, syntax, checksLiterals: minor >= 29 };
};

const environments = new Map<string, Environment>();

/** The functions that expressions of a Kubernetes minor ("1.36") may use. */
export const environmentOf = (version: string): Environment => {
  const known = environments.get(version);
  if (known !== undefined) return known;
  const built = build(version);
  if (Number.isFinite(minorOf(version))) environments.set(version, built);
  return built;
};
