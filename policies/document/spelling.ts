// SPDX-License-Identifier: Apache-2.0
// Which of the words that would be right is the one that was meant.

/** Edits (insert, delete, replace, swap of neighbours) from one word to another; at most `limit` + 1 is told apart. */
const editDistance = (from: string, to: string, limit: number): number => {
  if (Math.abs(from.length - to.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      let edits = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) edits = Math.min(edits, (beforeLast[column - 2] ?? 0) + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? limit + 1;
};

const LONGEST_WORD = 64;

/** Candidates close enough to be what was meant, nearest first. */
export const nearest = (word: string, candidates: Iterable<string>): readonly string[] => {
  if (word.length > LONGEST_WORD) return [];
  const limit = Math.max(1, Math.floor(word.length / 3));
  const lower = word.toLowerCase();
  return [...candidates]
    .map((candidate) => ({ candidate, edits: editDistance(lower, candidate.toLowerCase(), limit) }))
    .filter(({ candidate, edits }) => edits <= limit && candidate !== word)
    .toSorted((a, b) => a.edits - b.edits || a.candidate.localeCompare(b.candidate, 'en'))
    .map(({ candidate }) => candidate);
};
