// SPDX-License-Identifier: Apache-2.0
// How the demo speaks: what was done, what the API server answered, how long it took.
import type { Terminal } from '../output.ts';

export type Stage = {
  /** A heading, numbered. */
  chapter(title: string, why: string): void;
  /** What is being done, in words or as a command that one could type. */
  does(what: string): void;
  /** What came back, shortened to what a person reads. */
  answers(text: string, durationMs?: number): void;
  /** Columns: lines are cut, never folded. */
  table(text: string): void;
  note(text: string): void;
  /** To be copied: lines are neither folded nor cut. */
  commands(text: string): void;
};

const WIDTH = 112;
const TABLE_WIDTH = 160;

const isTerminal = process.stdout.isTTY;
const paint = (code: number, text: string): string => (isTerminal ? `\u001B[${code}m${text}\u001B[0m` : text);

const milliseconds = (durationMs: number): string =>
  durationMs < 10_000 ? `${durationMs < 10 ? durationMs.toFixed(1) : Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;

const wrap = (text: string, indent: string): string =>
  text
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const lines: string[] = [];
      let rest = line.trimEnd();
      while (rest.length > WIDTH) {
        const space = rest.lastIndexOf(' ', WIDTH);
        const cut = space > WIDTH / 2 ? space : WIDTH;
        lines.push(rest.slice(0, cut));
        rest = `  ${rest.slice(cut).trimStart()}`;
      }
      return [...lines, rest];
    })
    .map((line) => `${indent}${line}`)
    .join('\n');

export const createStage = (terminal: Terminal): Stage => {
  let number = 0;
  return {
    chapter: (title, why) => {
      number += 1;
      terminal.out(`\n${paint(1, `${number}. ${title}`)}\n${wrap(why, '   ')}\n`);
    },
    does: (what) => terminal.out(`\n   ${paint(36, `> ${what}`)}\n`),
    answers: (text, durationMs) =>
      terminal.out(`${wrap(text, '     ')}${durationMs === undefined ? '' : paint(2, `   [${milliseconds(durationMs)}]`)}\n`),
    table: (text) =>
      terminal.out(
        text
          .trimEnd()
          .split('\n')
          .map((line) => `     ${line.length > TABLE_WIDTH ? `${line.slice(0, TABLE_WIDTH - 1)}…` : line}\n`)
          .join(''),
      ),
    note: (text) => terminal.out(`${wrap(text, '   ')}\n`),
    commands: (text) => terminal.out(`${text.replaceAll(/^/gm, '     ')}\n`),
  };
};
