// SPDX-License-Identifier: Apache-2.0
// The CEL engines that are measured side by side. Each gets its data in the form in which it is fastest: ours as its JSON reader
// makes it, `@marcbachmann/cel-js` plain objects, `@bufbuild/cel` nested Maps. What any request would pay for that is not counted.
import { celEnv, parse, plan } from '@bufbuild/cel';
import type { CelInput } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { Environment } from '@marcbachmann/cel-js';
import { compile, parseJson } from '../../policies/cel/index.ts';
import type { Bindings } from '../../policies/cel/index.ts';
import { deployment, params, request } from './cel-corpus.ts';
import type { CorpusRow } from './cel-corpus.ts';

export type Engine = {
  readonly name: string;
  /** Source to a function that evaluates it over the corpus' object; undefined where the engine lacks what the row uses. */
  readonly compile: (row: CorpusRow) => (() => unknown) | undefined;
};

const input = { object: deployment, params, request };

const ours = (): Engine => {
  const bindings: Bindings = {
    object: parseJson(JSON.stringify(deployment)),
    params: parseJson(JSON.stringify(params)),
    request: parseJson(JSON.stringify(request)),
  };
  const variables = Object.keys(bindings);
  return {
    name: 'writ',
    compile: ({ expression }) => {
      const compiled = compile(expression, { variables });
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues));
      const { program } = compiled;
      return () => program.evaluate(bindings, { remaining: 1_000_000 });
    },
  };
};

const toMaps = (data: unknown): CelInput => {
  if (typeof data === 'number') return BigInt(data);
  if (typeof data === 'string' || typeof data === 'boolean') return data;
  if (Array.isArray(data)) return data.map(toMaps);
  if (typeof data !== 'object' || data === null) return null;
  return new Map(Object.entries(data).map(([key, value]) => [key, toMaps(value)]));
};

const bufbuild = (): Engine => {
  const env = celEnv({ funcs: [...strings] });
  const bindings = { object: toMaps(deployment), params: toMaps(params), request: toMaps(request) };
  return {
    name: 'bufbuild',
    compile: ({ expression, withoutOptionals, kubernetesOnly }) => {
      if (kubernetesOnly === true) return undefined;
      const program = plan(env, parse(withoutOptionals ?? expression));
      return () => program(bindings);
    },
  };
};

const marcbachmann = (): Engine => {
  const env = new Environment({ enableOptionalTypes: true });
  for (const name of Object.keys(input)) env.registerVariable(name, 'dyn');
  return {
    name: 'marcbachmann',
    compile: ({ expression, kubernetesOnly }) => {
      if (kubernetesOnly === true) return undefined;
      const program = env.parse(expression);
      const checked = program.check();
      if (!checked.valid) throw new Error(String(checked.error));
      return () => program(input);
    },
  };
};

const byHand = (): Engine => ({ name: 'by-hand', compile: (row) => () => row.byHand(input) });

/** Ours first. */
export const createEngines = (): readonly Engine[] => [ours(), byHand(), marcbachmann(), bufbuild()];
