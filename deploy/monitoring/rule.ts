// SPDX-License-Identifier: Apache-2.0
// Rules of Prometheus, as its rule files have them.

export type Recording = { readonly record: string; readonly expr: string };

export type Alert = {
  readonly alert: string;
  readonly expr: string;
  /** How long it has to hold before it is told. */
  readonly for?: string;
  readonly labels: { readonly severity: 'page' | 'ticket' } & Readonly<Record<string, string>>;
  readonly annotations: { readonly summary: string; readonly description: string };
};

export type RuleGroup = { readonly name: string; readonly interval?: string; readonly rules: readonly (Recording | Alert)[] };

/** One that stands by itself. */
export type AlertRow = {
  readonly name: string;
  readonly severity: 'page' | 'ticket';
  readonly expr: string;
  readonly for?: string;
  readonly summary: string;
  readonly description: string;
};

export const alertsOf = (rows: readonly AlertRow[]): readonly Alert[] =>
  rows.map(({ name, severity, expr, for: lasts, summary, description }) => ({
    alert: name,
    expr,
    ...(lasts === undefined ? {} : { for: lasts }),
    labels: { severity },
    annotations: { summary, description },
  }));
