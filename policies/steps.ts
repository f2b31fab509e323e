// SPDX-License-Identifier: Apache-2.0
// Work in steps, for whoever shares a thread with others. The expression engine takes it along, so it imports nothing.

/** May be put aside wherever it yields. */
export type Steps<T> = Generator<undefined, T>;

/** All of it at once. */
export const finish = <T>(steps: Steps<T>): T => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

export const atOnce =
  <Given extends readonly unknown[], T>(work: (...given: Given) => Steps<T>): ((...given: Given) => T) =>
  (...given) =>
    finish(work(...given));
