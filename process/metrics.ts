// SPDX-License-Identifier: Apache-2.0
// Metrics from a table. Each process has one catalogue (name, help, labels, buckets), from which the registry and the reference
// page are made. Labels are bounded by construction: a closed set of values, or a most number of different ones; what goes
// beyond is counted as `other`, so that no user input can fill the memory of ours or of whoever scrapes.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** All the values there are, or how many different ones are told apart. */
export type LabelDefinition = readonly string[] | { readonly max: number };

export type MetricDefinition = {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labels?: { readonly [label: string]: LabelDefinition };
  /** Upper bounds, ascending; of a histogram only. */
  readonly buckets?: readonly number[];
};

export type MetricCatalogue = { readonly [key: string]: MetricDefinition };

type LabelsOf<D extends MetricDefinition> = D extends { readonly labels: infer L }
  ? { readonly [K in keyof L]: string }
  : Readonly<Record<string, never>>;

export type CounterMetric<L> = { inc(labels: L, by?: number): void };
export type GaugeMetric<L> = {
  set(labels: L, value: number): void;
  /** The series is gone, not zero. */
  remove(labels: L): void;
  /** Drops all series, to be set anew. */
  clear(): void;
  /** Called before each scrape, to set what is cheaper to ask than to follow. */
  onCollect(refresh: () => void): void;
};
export type HistogramMetric<L> = { observe(labels: L, value: number): void };

type MetricOf<D extends MetricDefinition> = D['kind'] extends 'counter'
  ? CounterMetric<LabelsOf<D>>
  : D['kind'] extends 'gauge'
    ? GaugeMetric<LabelsOf<D>>
    : HistogramMetric<LabelsOf<D>>;

export type MetricsRegistry = { readonly contentType: string; metrics(): Promise<string> };

export type Metrics<C extends MetricCatalogue> = { readonly [K in keyof C]: MetricOf<C[K]> } & { readonly registry: MetricsRegistry };

export const OVERFLOW_LABEL = 'other';
const DEFAULT_BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** To be part of every catalogue with labels that are bounded by a number: it tells that the bound was met. */
export const overflowMetric = {
  labelOverflow: {
    kind: 'counter',
    name: 'writ_metrics_label_overflow_total',
    help: 'Observations counted under the label value other, because a metric has as many different ones as it may; by metric.',
    labels: { metric: { max: 200 } },
  },
} as const;

/** Keeps the literal types of a catalogue. */
export const defineMetrics = <const C extends MetricCatalogue>(catalogue: C): C => catalogue;

export const createMetrics = <C extends MetricCatalogue>(
  catalogue: C,
  /** `process`: also the memory, CPU and event loop of this process, as prom-client names them. */
  options: { readonly process?: boolean } = {},
): Metrics<C> => {
  const registry = new Registry();
  if (options.process === true) collectDefaultMetrics({ register: registry });
  const metrics: Record<string, unknown> = { registry };
  let overflown: (metric: string) => void = () => undefined;
  const made = Object.entries(catalogue).map(([key, definition]) => {
    const metric = createMetric(definition, { registry, onOverflow: () => overflown(definition.name) });
    metrics[key] = metric;
    return [key, metric] as const;
  });
  const counter = made.find(([key]) => key === 'labelOverflow')?.[1];
  if (counter !== undefined && 'inc' in counter) overflown = (metric) => counter.inc({ metric });
  if (!isMade(catalogue, metrics)) throw new TypeError('the catalogue has a metric of an unknown kind');
  return metrics;
};

const isMade = <C extends MetricCatalogue>(catalogue: C, metrics: Readonly<Record<string, unknown>>): metrics is Metrics<C> =>
  Object.keys(catalogue).every((key) => metrics[key] !== undefined);

type Labels = Readonly<Record<string, string>>;

const createMetric = (
  definition: MetricDefinition,
  { registry, onOverflow }: { readonly registry: Registry; readonly onOverflow: () => void },
): CounterMetric<Labels> | GaugeMetric<Labels> | HistogramMetric<Labels> => {
  const { name, help, labels = {} } = definition;
  const bound = createBound(labels, onOverflow);
  const settings = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  switch (definition.kind) {
    case 'counter': {
      const counter = new Counter(settings);
      for (const combination of closedCombinations(labels)) counter.inc(combination, 0);
      return { inc: (values, by = 1) => counter.inc(bound(values), by) };
    }
    case 'histogram': {
      const histogram = new Histogram({ ...settings, buckets: [...(definition.buckets ?? DEFAULT_BUCKETS)] });
      return { observe: (values, value) => histogram.observe(bound(values), value) };
    }
    case 'gauge':
    default: {
      const refreshes: (() => void)[] = [];
      const gauge = new Gauge({ ...settings, collect: () => refreshes.forEach((refresh) => refresh()) });
      return {
        set: (values, value) => gauge.set(bound(values), value),
        remove: (values) => gauge.remove(bound(values)),
        clear: () => gauge.reset(),
        onCollect: (refresh) => void refreshes.push(refresh),
      };
    }
  }
};

/** Values within what the labels allow. */
const createBound = (
  labels: Readonly<Record<string, LabelDefinition>>,
  onOverflow: () => void,
): ((values: Labels) => Record<string, string>) => {
  const seen = new Map<string, Set<string>>();
  const allowed = (label: string, definition: LabelDefinition, value: string): string => {
    if ('max' in definition) {
      const known = seen.get(label) ?? new Set();
      seen.set(label, known);
      if (known.has(value)) return value;
      if (known.size >= definition.max) {
        onOverflow();
        return OVERFLOW_LABEL;
      }
      known.add(value);
      return value;
    }
    return definition.includes(value) ? value : OVERFLOW_LABEL;
  };
  return (values) =>
    Object.fromEntries(Object.entries(labels).map(([label, definition]) => [label, allowed(label, definition, values[label] ?? '')]));
};

const MOST_PRESET_SERIES = 64;

/** Counters begin at 0 where all series are known: a series that appears with its first increment hides that increment from rate(). */
const closedCombinations = (labels: Readonly<Record<string, LabelDefinition>>): Labels[] => {
  let combinations: Labels[] = [{}];
  for (const [label, definition] of Object.entries(labels)) {
    if ('max' in definition) return [];
    combinations = combinations.flatMap((combination) => definition.map((value) => ({ ...combination, [label]: value })));
    if (combinations.length > MOST_PRESET_SERIES) return [];
  }
  return combinations;
};
