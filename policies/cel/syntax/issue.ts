// SPDX-License-Identifier: Apache-2.0

/** Why an expression is refused, and where. Line and column count from 1, columns in code points; the offset is in UTF-16 units. */
export type Issue = { readonly message: string; readonly line: number; readonly column: number; readonly offset: number };

/** The place of an offset as an Issue tells it. */
export const issueAt = (source: string, offset: number, message: string): Issue => {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let at = before.indexOf('\n'); at !== -1; at = before.indexOf('\n', at + 1)) line++;
  return { message, line, column: [...before.slice(lineStart)].length + 1, offset };
};
