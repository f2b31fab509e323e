// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType } from './boxed.ts';

export const FORMAT = new CelType('kubernetes.NamedFormat');

/** `problems`: what is wrong with a text, in Kubernetes' words; `patternSize`: the length of the pattern that its cost is taken from. */
export type FormatRule = {
  readonly name: string;
  readonly patternSize: number;
  readonly problems: (text: string) => readonly string[];
};

/** A format that texts can be checked against. */
export class NamedFormat extends Boxed {
  readonly #rule: FormatRule;

  constructor(rule: FormatRule) {
    super();
    this.#rule = rule;
  }

  get rule(): FormatRule {
    return this.#rule;
  }

  override get type(): CelType {
    return FORMAT;
  }

  override sameAs(other: unknown): boolean | undefined {
    return other instanceof NamedFormat ? this.#rule.name === other.#rule.name : undefined;
  }
}
