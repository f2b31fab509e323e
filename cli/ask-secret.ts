// SPDX-License-Identifier: Apache-2.0
// Asks a person for a password, without showing it.
import type { ReadStream } from 'node:tty';

const CONTROL_C = '\u0003';
const CONTROL_D = '\u0004';
const BACKSPACE = new Set(['\u007f', '\b']);

/** `undefined`: the person gave up. */
export const askSecret = (question: string, input: ReadStream, show: (text: string) => void): Promise<string | undefined> =>
  new Promise((resolve) => {
    let secret = '';
    const end = (answer: string | undefined): void => {
      input.off('data', onData).setRawMode(false).pause();
      show('\n');
      resolve(answer);
    };
    const onData = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n') return end(secret);
        if (character === CONTROL_C || character === CONTROL_D) return end(undefined);
        secret = BACKSPACE.has(character) ? secret.slice(0, -1) : secret + character;
      }
    };
    show(question);
    input.setRawMode(true).setEncoding('utf8').on('data', onData).resume();
  });
