// SPDX-License-Identifier: Apache-2.0
// A panel of the dashboard, as far as ours differ.

type Unit = 'short' | 's' | 'percentunit' | 'reqps' | 'bool_on_off';
type Query = { readonly expr: string; readonly legend: string };

export type Panel = {
  readonly title: string;
  readonly unit: Unit;
  readonly kind?: 'stat' | 'timeseries';
  readonly queries: readonly Query[];
};
