// SPDX-License-Identifier: Apache-2.0
// One number out of the text of /metrics.

/** The sum of the samples of this name that carry all of these labels; 0 where there is none. */
export const sampleOf = (text: string, name: string, labels: Readonly<Record<string, string>> = {}): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
