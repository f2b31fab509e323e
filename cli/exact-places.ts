// SPDX-License-Identifier: Apache-2.0
// The compiler tells a place within an expression as `line:column: …`; this finds that place in the file.
import type { JsonPath, ParsedDocument } from '../policies/document/index.ts';
import { valueAt } from '../policies/document/json.ts';
import type { Problem, SourcePosition } from '../policies/problem.ts';

export type ExactPlaces = {
  /** The document, with every position that it gives remembered beside its path. */
  readonly watch: (document: ParsedDocument) => ParsedDocument;
  readonly refine: (problem: Problem) => Problem;
};

const offsetIn = (text: string, line: number, column: number): number => {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const characters = Array.from(lines[line - 1] ?? '').slice(0, column - 1);
  return before + characters.join('').length;
};

export const exactPlaces = (): ExactPlaces => {
  const asked = new Map<SourcePosition, { readonly document: ParsedDocument; readonly path: JsonPath }>();
  return {
    watch: (document) => ({
      ...document,
      positionOf: (path) => {
        const position = document.positionOf(path);
        asked.set(position, { document, path });
        return position;
      },
    }),
    refine: (problem) => {
      const known = problem.at === undefined ? undefined : asked.get(problem.at);
      const [, line, column, message] = /^(\d+):(\d+): ([\s\S]*)$/.exec(problem.message) ?? [];
      const text = known === undefined ? undefined : valueAt(known.document.value, known.path);
      if (known === undefined || message === undefined || typeof text !== 'string') return problem;
      return { ...problem, message, at: known.document.positionIn(known.path, offsetIn(text, Number(line), Number(column))) };
    },
  };
};
