// SPDX-License-Identifier: Apache-2.0
// What a fault does to the body of an answer, as functions from each chunk to the bytes to pass on and what happens then.

/** `end`: the response ends in good order; `reset`: the connection breaks; `silence`: nothing more, ever. */
export type BodyStep = { readonly pass: Uint8Array; readonly next: 'continue' | 'end' | 'reset' | 'silence' };
export type BodyFault = (chunk: Uint8Array) => BodyStep;

const NEWLINE = 0x0a;

/** So many bytes, then that. */
export const afterBytes = (count: number, next: 'reset' | 'silence'): BodyFault => {
  let left = count;
  return (chunk) => {
    const pass = chunk.subarray(0, left);
    left -= pass.length;
    return { pass, next: left <= 0 ? next : 'continue' };
  };
};

/** Whole events (lines) pass; the one after them is held back until it is complete, then `last` answers in its place. */
const atEvent = (whole: number, last: (line: Uint8Array) => BodyStep): BodyFault => {
  let passed = 0;
  let held = Buffer.alloc(0);
  return (chunk) => {
    let start = 0;
    while (passed < whole) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline < 0) return { pass: chunk, next: 'continue' };
      passed += 1;
      start = newline + 1;
    }
    held = Buffer.concat([held, chunk.subarray(start)]);
    const before = chunk.subarray(0, start);
    const newline = held.indexOf(NEWLINE);
    if (newline < 0) return { pass: before, next: 'continue' };
    const step = last(held.subarray(0, newline));
    return { pass: Buffer.concat([before, step.pass]), next: step.next };
  };
};

/** Breaks inside event number `event`, never at its border. */
export const insideEvent = (options: { readonly event: number; readonly bytes: number; readonly how: 'reset' | 'end' }): BodyFault =>
  atEvent(Math.max(options.event, 1) - 1, (line) => ({
    pass: line.subarray(0, Math.max(1, Math.min(options.bytes, line.length - 1))),
    next: options.how,
  }));

/** Passes so many whole events and then the line, and ends. The line is due at once when no event is to be passed. */
export const afterEvents = (count: number, line: string): BodyFault => {
  let left = count;
  return (chunk) => {
    let start = 0;
    for (; left > 0; left -= 1) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline < 0) return { pass: chunk, next: 'continue' };
      start = newline + 1;
    }
    return { pass: Buffer.concat([chunk.subarray(0, start), Buffer.from(line)]), next: 'end' };
  };
};
