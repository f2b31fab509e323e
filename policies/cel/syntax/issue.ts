// SPDX-License-Identifier: Apache-2.0

/** Why an expression is refused, and where. Line and column count from 1, columns in code points; the offset is in UTF-16 units. */
export type Issue = { readonly message: string; readonly line: number; readonly column: number; readonly offset: number };

/** Number of code points, counting a lone surrogate as one. */
export const countCodePoints = (text: string): number => {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) ?? 0;
    if (code > 0xffff) at++;
    count++;
  }
  return count;
};

/** The place of an offset as an Issue tells it. */
export const issueAt = (source: string, offset: number, message: string): Issue => {
  const before = source.slice(0, offset);
  let line = 1;
  for (let at = before.indexOf('\n'); at !== -1; at = before.indexOf('\n', at + 1)) line++;
  return { message, line, column: countCodePoints(before.slice(before.lastIndexOf('\n') + 1)) + 1, offset };
};

/** Thrown inside the parser only and caught by its entry point: unwinding a recursive descent by hand would hide the grammar. */
export class SyntaxFault {
  readonly message: string;
  readonly offset: number;

  constructor(message: string, offset: number) {
    this.message = message;
    this.offset = offset;
  }
}
