// SPDX-License-Identifier: Apache-2.0
// Metrics from a table. Each process has one catalogue (name, help, labels, buckets), from which the registry and the reference
// page are made. Labels are bounded by construction: a closed set of values, or a most number of different ones; and so is the
// number of series of a metric. What goes beyond is counted as `_other`, which no name in Kubernetes is, so that no user input can
// fill the memory of ours or of whoever scrapes. A scrape is written metric by metric, and between them requests get their answers.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import manifest from '../package.json' with { type: 'json' };

/** All the values there are, or how many different ones are told apart. */
export type LabelDefinition = readonly string[] | { readonly max: number };

export type MetricDefinition = {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labels?: { readonly [label: string]: LabelDefinition };
  /** Upper bounds, ascending; of a histogram only. */
  readonly buckets?: readonly number[];
  /** How many series there may be, 10,000 unless given; a gauge shows no others, and all else counts them under `_other`. */
  readonly maxSeries?: number;
};

const MAX_SERIES = 10_000;

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

/** One exposition of all metrics. */
export type MetricsText = { readonly contentType: string; metrics(): Promise<string> };

export type MetricsRegistry = MetricsText & { readonly openMetrics: MetricsText };

export type Metrics<C extends MetricCatalogue> = { readonly [K in keyof C]: MetricOf<C[K]> } & { readonly registry: MetricsRegistry };

/** No legal name of a tenant, or of anything else in Kubernetes: nobody's own series is that of all the others. */
const OVERFLOW_LABEL = '_other';
const DEFAULT_BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Part of the catalogue of every process: what runs, and whether the bound of some metric was met. */
export const processMetrics = {
  buildInfo: {
    kind: 'gauge',
    name: 'writ_build_info',
    help: 'Always 1; the labels say what runs.',
    labels: { version: { max: 1 }, node: { max: 1 } },
  },
  labelOverflow: {
    kind: 'counter',
    name: 'writ_metrics_label_overflow_total',
    help: 'Observations counted under the label value _other or not shown, because a metric has as many different ones as it may; by metric.',
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
  const pending = createPending();
  if (options.process === true) collectDefaultMetrics({ register: registry });
  let overflown: (metric: string) => void = () => undefined;
  const metrics: Record<string, unknown> = {};
  const made = Object.entries(catalogue).map(([key, definition]) => {
    const metric = createMetric(definition, { registry, pending, onOverflow: () => overflown(definition.name) });
    metrics[key] = metric;
    return [key, metric] as const;
  });
  const counter = made.find(([key]) => key === 'labelOverflow')?.[1];
  if (counter !== undefined && 'inc' in counter) overflown = (metric) => counter.inc({ metric });
  const build = made.find(([key]) => key === 'buildInfo')?.[1];
  if (build !== undefined && 'set' in build) build.set({ version: manifest.version, node: process.versions.node }, 1);
  metrics['registry'] = expositions(registry, pending);
  if (!isMade(catalogue, metrics)) throw new TypeError('the catalogue has a metric of an unknown kind');
  return metrics;
};

type Observation = { readonly apply: (labels: Labels, value: number) => void; readonly labels: Labels; readonly value: number };

/**
 * What counters and histograms were told since somebody last looked. Each by itself would be counted slowly, many in a row are not.
 * `add` neither counts nor throws, since a request waits for it; `settle` throws the first thing that could not be counted.
 */
type Pending = { add(observation: Observation): void; settle(): void };

const MOST_PENDING = 512;
/** Reached only where so much is told in one turn of the event loop: then memory comes before whoever waits. */
const PENDING_LIMIT = 4 * MOST_PENDING;

const createPending = (): Pending => {
  let held: Observation[] = [];
  let isDue = false;
  let failed: { readonly error: unknown } | undefined;
  const count = (): void => {
    isDue = false;
    // What is counted may be too much for a metric, which is counted in its turn.
    while (held.length > 0) {
      const now = held;
      held = [];
      for (const { apply, labels, value } of now) {
        try {
          apply(labels, value);
        } catch (error) {
          failed ??= { error };
        }
      }
    }
  };
  return {
    add: (observation) => {
      held.push(observation);
      if (held.length >= PENDING_LIMIT) return count();
      if (held.length < MOST_PENDING || isDue) return;
      isDue = true;
      setImmediate(count);
    },
    settle: () => {
      count();
      const first = failed;
      failed = undefined;
      if (first !== undefined) throw first.error;
    },
  };
};

const LAST_OF_OPENMETRICS = '# EOF\n';

/** Each metric by itself, since prom-client writes a registry in one turn of the event loop, however many series it has. */
const expositionOf = (
  registry: Registry,
  pending: Pending,
  make: () => Pick<Registry, 'registerMetric' | 'metrics'>,
): MetricsText['metrics'] => {
  const each = registry.getMetricsAsArray().flatMap(({ name }) => {
    const metric = registry.getSingleMetric(name);
    if (metric === undefined) return [];
    const alone = make();
    alone.registerMetric(metric);
    return [alone];
  });
  return async () => {
    pending.settle();
    const texts: string[] = [];
    let last = '';
    for (const alone of each) {
      const text = await alone.metrics();
      last = text.endsWith(LAST_OF_OPENMETRICS) ? LAST_OF_OPENMETRICS : '';
      texts.push(text.slice(0, text.length - last.length));
      await nextTurn();
    }
    return texts.join(last === '' ? '\n' : '') + last;
  };
};

/** The same metrics in both formats that Prometheus reads. */
const expositions = (registry: Registry, pending: Pending): MetricsRegistry => {
  const makeOpen = (): Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE> => {
    const open = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    return open;
  };
  return {
    contentType: registry.contentType,
    metrics: expositionOf(registry, pending, () => new Registry()),
    openMetrics: { contentType: Registry.OPENMETRICS_CONTENT_TYPE, metrics: expositionOf(registry, pending, makeOpen) },
  };
};

const isMade = <C extends MetricCatalogue>(catalogue: C, metrics: Readonly<Record<string, unknown>>): metrics is Metrics<C> =>
  Object.keys(catalogue).every((key) => metrics[key] !== undefined);

type Labels = Readonly<Record<string, string>>;

const createMetric = (
  definition: MetricDefinition,
  { registry, pending, onOverflow }: { readonly registry: Registry; readonly pending: Pending; readonly onOverflow: () => void },
): CounterMetric<Labels> | GaugeMetric<Labels> | HistogramMetric<Labels> => {
  const { name, help, labels = {} } = definition;
  const bound = createBound(definition, onOverflow);
  const settings = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  switch (definition.kind) {
    case 'counter': {
      const counter = new Counter(settings);
      for (const combination of closedCombinations(labels)) counter.inc(combination, 0);
      const apply = (values: Labels, by: number): void => counter.inc(bound.labels(values), by);
      // A series that begins with nothing is there at once: that is told while somebody looks.
      return { inc: (values, by = 1) => (by === 0 ? apply(values, by) : pending.add({ apply, labels: values, value: by })) };
    }
    case 'histogram': {
      const histogram = new Histogram({ ...settings, buckets: [...(definition.buckets ?? DEFAULT_BUCKETS)] });
      const apply = (values: Labels, value: number): void => histogram.observe(bound.labels(values), value);
      return { observe: (values, value) => pending.add({ apply, labels: values, value }) };
    }
    case 'gauge':
    default: {
      const refreshes: (() => void)[] = [];
      const gauge = new Gauge({ ...settings, collect: () => refreshes.forEach((refresh) => refresh()) });
      return {
        set: (values, value) => {
          // The last value of several would be that of none of them.
          if (bound.hasRoom(values)) gauge.set(bound.labels(values), value);
        },
        remove: (values) => {
          gauge.remove(bound.labels(values));
          bound.forget(values);
        },
        clear: () => {
          gauge.reset();
          bound.forget();
        },
        onCollect: (refresh) => void refreshes.push(refresh),
      };
    }
  }
};

type Bound = {
  /** Values within what the labels and the number of series allow. */
  labels(values: Labels): Record<string, string>;
  /** Whether these have a series or may have one; tells of the overflow where not. */
  hasRoom(values: Labels): boolean;
  /** These have no series any more; none has, where nothing is given. */
  forget(values?: Labels): void;
};

const createBound = ({ labels = {}, maxSeries = MAX_SERIES }: MetricDefinition, onOverflow: () => void): Bound => {
  const definitions = Object.entries(labels);
  // Where all combinations fit there is nothing to remember; `_other` is one value more.
  const isOpen = definitions.reduce((all, [, one]) => all * (('max' in one ? one.max : one.length) + 1), 1) > maxSeries;
  const seen = new Map<string, Set<string>>();
  const series = new Set<string>();
  const allowed = (label: string, definition: LabelDefinition, value: string): string => {
    if (!('max' in definition)) return definition.includes(value) ? value : OVERFLOW_LABEL;
    const known = seen.get(label) ?? new Set();
    seen.set(label, known);
    if (known.has(value)) return value;
    if (known.size >= definition.max) {
      onOverflow();
      return OVERFLOW_LABEL;
    }
    known.add(value);
    return value;
  };
  const within = (values: Labels): Record<string, string> =>
    Object.fromEntries(definitions.map(([label, definition]) => [label, allowed(label, definition, values[label] ?? '')]));
  const takes = (key: string): boolean => {
    if (series.has(key)) return true;
    if (series.size >= maxSeries) return false;
    series.add(key);
    return true;
  };
  return {
    labels: (values) => {
      const found = within(values);
      if (!isOpen || takes(keyOf(found))) return found;
      onOverflow();
      return Object.fromEntries(definitions.map(([label, one]) => [label, 'max' in one ? OVERFLOW_LABEL : (found[label] ?? '')]));
    },
    hasRoom: (values) => {
      const found = within(values);
      // Told of already.
      if (definitions.some(([label, one]) => 'max' in one && found[label] !== (values[label] ?? ''))) return false;
      const hasRoom = !isOpen || takes(keyOf(found));
      if (!hasRoom) onOverflow();
      return hasRoom;
    },
    forget: (values) => {
      if (values !== undefined) return void series.delete(keyOf(within(values)));
      seen.clear();
      series.clear();
    },
  };
};

const keyOf = (labels: Labels): string => Object.values(labels).join('\n');

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
