// SPDX-License-Identifier: Apache-2.0
// Which words name something, and which the language keeps for itself.

/** Identifiers by their letters, of which an expression may use none. */
export const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const KEYWORDS: ReadonlySet<string> = new Set(['true', 'false', 'null', 'in']);
const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

/** Can an expression read a variable of this name? */
export const isIdentifier = (name: string): boolean => IDENTIFIER.test(name) && !RESERVED.has(name) && !KEYWORDS.has(name);
