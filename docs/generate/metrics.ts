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
    'Served on `/metrics` of the address that `--metrics-address` names. A label has a closed set of values or a bound, and a metric has at most 10,000 series unless its row says otherwise; what goes beyond is counted under `_other` (a gauge shows no more), and `writ_metrics_label_overflow_total` tells of it. OpenMetrics 1.0.0 is given to whoever asks for it by `Accept`. ' +
      'The names that prom-client gives to memory, CPU and event loop are there too.',
    ...exporters.flatMap(({ program, catalogue }) => [
      `## ${program}`,
      table(
        ['Metric', 'Kind', 'Labels', 'Meaning'],
        Object.values(catalogue)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
          .map(({ name, kind, help, labels, buckets, maxSeries }) => [
            code(name),
            kind,
            Object.entries(labels ?? {})
              .map(labelText)
              .join('; '),
            plain(help) +
              (buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}.`) +
              (maxSeries === undefined ? '' : ` At most ${maxSeries} series.`),
          ]),
      ),
    ]),
  ]);
