// SPDX-License-Identifier: Apache-2.0
/**
 * The CEL engine beside the others of JavaScript and beside JavaScript written by hand: nanoseconds an evaluation for each
 * expression of the corpus, time to compile, heap kept for a compiled expression.
 *
 * In: how many rounds. Out: rows `cel/…`. The engines take turns on each expression within a round, so that whatever else the
 * machine does strikes all; the figures of a busy machine are good for ratios only.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { corpus, deployment } from './cel-corpus.ts';
import { createEngines } from './cel-engines.ts';
import type { Engine } from './cel-engines.ts';

type Evaluated = { readonly engine: string; readonly row: string; readonly run: () => unknown; readonly timesNs: number[] };

/** Rounds that are not counted. */
const WARM_UP = 2;

const timed = (times: number, work: () => unknown): number => {
  const startedMs = performance.now();
  for (let at = 0; at < times; at += 1) work();
  return ((performance.now() - startedMs) * 1e6) / times;
};

const compileAll = (engines: readonly Engine[]): readonly Evaluated[] =>
  corpus.flatMap((row) =>
    engines.flatMap((engine) => {
      const run = engine.compile(row);
      if (run === undefined) return [];
      const value = run();
      if (value !== true) throw new Error(`${engine.name}: ${row.name} gives ${JSON.stringify(value)}`);
      return [{ engine: engine.name, row: row.name, run, timesNs: [] }];
    }),
  );

const geomean = (values: readonly number[]): number => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

const evaluationRows = (evaluated: readonly Evaluated[], how: string): readonly BenchRow[] => {
  const medians = new Map(evaluated.map(({ engine, row, timesNs }) => [`${engine} ${row}`, median(timesNs)]));
  const rows = evaluated.map(({ engine, row }): BenchRow => ({
    name: `cel/${row}/${engine}`,
    unit: 'ns',
    value: rounded(medians.get(`${engine} ${row}`) ?? Number.NaN),
    how,
  }));
  const engines = [...new Set(evaluated.map(({ engine }) => engine))];
  const shared = corpus.filter(({ kubernetesOnly }) => kubernetesOnly === undefined).map(({ name }) => name);
  const over = (engine: string, row: string): number =>
    (medians.get(`${engine} ${row}`) ?? Number.NaN) / (medians.get(`writ ${row}`) ?? Number.NaN);
  return [
    ...rows,
    ...engines.map((engine): BenchRow => ({
      name: `cel/geomean/${engine}`,
      unit: 'ns',
      value: rounded(geomean(shared.map((row) => medians.get(`${engine} ${row}`) ?? Number.NaN))),
      how: `of the ${shared.length} expressions that every engine has; ${how}`,
    })),
    ...engines.slice(1).flatMap((engine): BenchRow[] => {
      const ratios = shared.map((row) => over(engine, row));
      return [
        {
          name: `cel/times-writ/${engine}`,
          unit: '×',
          value: rounded(geomean(ratios)),
          how: `geometric mean of the ratios of the ${shared.length}; ${how}`,
        },
        {
          name: `cel/times-writ/${engine}/least`,
          unit: '×',
          value: rounded(Math.min(...ratios)),
          how: `the row on which it does best; ${how}`,
        },
      ];
    }),
  ];
};

const COMPILATIONS = 40;

const compileRows = (engines: readonly Engine[]): readonly BenchRow[] => {
  const shared = corpus.filter(({ kubernetesOnly }) => kubernetesOnly === undefined);
  return engines
    .filter(({ name }) => name !== 'by-hand')
    .flatMap((engine): BenchRow[] => {
      // No two sources are the same: what an engine remembers of a source does not help it.
      let made = 0;
      const fresh = (): readonly (() => unknown)[] =>
        shared.flatMap((row) => {
          made += 1;
          const distinct = (source: string): string => `(${source}) || object.metadata.name == 'other-${made}'`;
          const expression = distinct(row.expression);
          const without = row.withoutOptionals === undefined ? {} : { withoutOptionals: distinct(row.withoutOptionals) };
          return engine.compile({ ...row, expression, ...without }) ?? [];
        });
      fresh();
      const timesUs: number[] = [];
      const kept: unknown[] = [];
      const before = heapBytes();
      for (let at = 0; at < COMPILATIONS; at += 1) timesUs.push(timed(1, () => kept.push(fresh())) / 1000 / shared.length);
      const bytes = (heapBytes() - before) / (kept.length * shared.length);
      const how = `median of ${COMPILATIONS} times the ${shared.length}, no source twice`;
      return [
        { name: `cel/compile/${engine.name}`, unit: 'µs', value: rounded(median(timesUs)), how: `from source to program; ${how}` },
        { name: `cel/heap/${engine.name}`, unit: 'KB', value: rounded(bytes / 1000), how: `kept for a compiled expression; ${how}` },
      ];
    });
};

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

const heapBytes = (): number => {
  if (typeof collectGarbage === 'function') collectGarbage();
  return process.memoryUsage().heapUsed;
};

export const measureExpressions = (options: { readonly rounds: number; readonly evaluations: number }): readonly BenchRow[] => {
  const { rounds, evaluations } = options;
  const engines = createEngines();
  const evaluated = compileAll(engines);
  for (let round = -WARM_UP; round < rounds; round += 1) {
    for (const { run, timesNs } of evaluated) {
      const ns = timed(evaluations, run);
      if (round >= 0) timesNs.push(ns);
    }
  }
  const bytes = JSON.stringify(deployment).length;
  const how = `median of ${rounds} interleaved rounds of ${evaluations} evaluations, object of ${bytes} bytes that passes`;
  return [...evaluationRows(evaluated, how), ...compileRows(engines)];
};
