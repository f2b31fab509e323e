// SPDX-License-Identifier: Apache-2.0
// What a comparison found, for people to read.
import type { Found, Tally } from './differences.ts';

export const findingText = ({ kind, expression, ours, theirs }: Found): string =>
  `[${kind}] ${expression}\n    ours   ${ours}\n    theirs ${theirs}`;

export const tallyText = (title: string, { expressions, evaluations, errors, refused, known, found }: Tally): string =>
  [
    `${title}: ${expressions} expressions, ${evaluations} evaluations (${errors} errors), ${refused} refused by both, ${found.length} differences`,
    ...Object.entries(known).map(([name, count]) => `  known: ${name}: ${count}`),
    ...found.map(findingText),
  ].join('\n');
