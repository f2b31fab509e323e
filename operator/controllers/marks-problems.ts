// SPDX-License-Identifier: Apache-2.0
// What can be wrong with the marks; the metric's label too.

/** What is wrong with the object, or with what it names. */
export const marksProblems = ['deleting', 'unreadable', 'held', 'unmet', 'full'] as const;
export type MarksProblem = (typeof marksProblems)[number];
