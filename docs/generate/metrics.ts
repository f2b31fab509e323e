// SPDX-License-Identifier: Apache-2.0
// The page of what each process exports on /metrics.
import type { LabelDefinition, MetricCatalogue } from '../../process/metrics.ts';
import { code, page, plain, table } from './markdown.ts';

export type Exporter = { readonly program: string; readonly origin: string; readonly catalogue: MetricCatalogue };

const isBound = (values: LabelDefinition): values is { readonly max: number } => 'max' in values;

const labelText = ([label, values]: readonly [string, LabelDefinition]): string =>
  isBound(values) ? `${code(label)} (at most ${values.max})` : `${code(label)} (${values.map((value) => code(value)).join(', ')})`;

export const metricsPage = (exporters: readonly Exporter[]): string =>
  page('Metrics', exporters.map(({ origin }) => `\`${origin}\``).join(' and '), [
    'Served on `/metrics` of the address that `--metrics-address` names. A label has a closed set of values or a bound; what goes beyond the bound is counted under `other`. ' +
      'The names that prom-client gives to memory, CPU and event loop are there too.',
    ...exporters.flatMap(({ program, catalogue }) => [
      `## ${program}`,
      table(
        ['Metric', 'Kind', 'Labels', 'Meaning'],
        Object.values(catalogue)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
          .map(({ name, kind, help, labels, buckets }) => [
            code(name),
            kind,
            Object.entries(labels ?? {})
              .map(labelText)
              .join('; '),
            plain(help) + (buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}.`),
          ]),
      ),
    ]),
  ]);
