// SPDX-License-Identifier: Apache-2.0
import type { Bindings } from './bindings.ts';
import { Evaluation } from './evaluation.ts';
import { Findings } from './findings.ts';

/** What callers hand to evaluations of the same variables: what was found out of these, and an evaluation that runs by turns for all. */
export class Memo {
  readonly #findings = new Findings();
  /** Set aside between two evaluations. */
  #spare: Evaluation | undefined = undefined;

  /** Ready to run; another that is asked for before it is given back is another object. */
  take(bindings: Bindings, steps: number, effort: number): Evaluation {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare === undefined ? new Evaluation(bindings, steps, effort, this.#findings) : spare.restart(bindings, steps, effort);
  }

  giveBack(evaluation: Evaluation): void {
    this.#spare = evaluation;
  }
}
