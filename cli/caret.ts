// SPDX-License-Identifier: Apache-2.0
// A line of source with a caret under the character that matters.

/** Both lines, each behind `indent`; a tab stays a tab, so that the caret stands right in any terminal. */
export const caretUnder = (source: string, offset: number, indent: string): string => {
  const at = Math.min(Math.max(offset, 0), source.length);
  const start = source.lastIndexOf('\n', at - 1) + 1;
  const newline = source.indexOf('\n', at);
  const line = source.slice(start, newline < 0 ? source.length : newline);
  // Long lines are cut around the place; a caret that wraps says nothing.
  const from = Math.max(0, at - start - 100);
  const shown = line.slice(from, from + 140);
  const before = Array.from(line.slice(from, at - start), (character) => (character === '\t' ? '\t' : ' ')).join('');
  return `${indent}${shown}\n${indent}${before}^\n`;
};
