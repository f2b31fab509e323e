// SPDX-License-Identifier: Apache-2.0
// Paths → documents of ours, parsed, validated and compiled, with every problem at its exact place. Seals are not asked for.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Tenant } from '../crds/generated/types.ts';
import { compilePolicies } from '../policies/compile/index.ts';
import type { CompileInput, PolicySet } from '../policies/compile/index.ts';
import { parseDocument } from '../policies/document/index.ts';
import type { JsonPath, ParsedDocument } from '../policies/document/index.ts';
import { own, valueAt } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { validateDocument } from '../policies/document/validate.ts';
import type { Problem, SourcePosition } from '../policies/problem.ts';
import { fileError, readBytes } from './files.ts';
import { UserError } from './output.ts';

export type PolicyFiles = {
  /** Files that were read as documents of ours. */
  readonly files: readonly string[];
  readonly set: PolicySet;
  readonly tenants: readonly Tenant[];
  readonly namespaces: readonly JsonObject[];
  /** In the order of files and lines. */
  readonly problems: readonly Problem[];
};

const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '.git']);
const isYaml = (name: string): boolean => /\.ya?ml$/.test(name) && !name.endsWith('.cases.yaml');

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : filesIn(path);
      return entry.isFile() && isYaml(entry.name) ? [path] : [];
    });

/** A file that is named is ours by that; one that is found in a folder only if it speaks of our group. */
const mentionsOurs = (path: string): boolean => new TextDecoder().decode(readBytes(path)).includes('writ.dev/v');

const collect = (paths: readonly string[]): readonly string[] => {
  const found = paths.flatMap((path) => {
    try {
      return statSync(path).isDirectory() ? filesIn(path).filter(mentionsOurs) : [path];
    } catch (error) {
      throw error instanceof UserError ? error : fileError(path, error);
    }
  });
  if (found.length === 0) throw new UserError([{ code: 'FILE_NONE', message: `no document in ${paths.join(', ')}` }]);
  return [...new Set(found)];
};

/**
 * The compiler tells a place within an expression as `line:column: …`; this finds that place in the file. The paths for
 * which it asked positions are remembered beside the positions it was given.
 */
const exactPlaces = (
  document: ParsedDocument,
): { positionOf: (path: JsonPath) => SourcePosition; refine: (problem: Problem) => Problem } => {
  const asked = new Map<SourcePosition, JsonPath>();
  const offsetIn = (text: string, line: number, column: number): number => {
    const lines = text.split('\n');
    const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    return (
      before +
      Array.from(lines[line - 1] ?? '')
        .slice(0, column - 1)
        .join('').length
    );
  };
  return {
    positionOf: (path) => {
      const position = document.positionOf(path);
      asked.set(position, path);
      return position;
    },
    refine: (problem) => {
      const path = problem.at === undefined ? undefined : asked.get(problem.at);
      const [, line, column, message] = /^(\d+):(\d+): ([\s\S]*)$/.exec(problem.message) ?? [];
      const text = path === undefined ? undefined : valueAt(document.value, path);
      if (path === undefined || message === undefined || typeof text !== 'string') return problem;
      return { ...problem, message, at: document.positionIn(path, offsetIn(text, Number(line), Number(column))) };
    },
  };
};

type Loaded = {
  inputs: CompileInput[];
  refiners: Map<string, (problem: Problem) => Problem>;
  tenants: Tenant[];
  namespaces: JsonObject[];
  problems: Problem[];
};

const loadFile = (file: string, loaded: Loaded): void => {
  const parsed = parseDocument(readBytes(file), file);
  if (!parsed.ok) {
    loaded.problems.push(...parsed.problems);
    return;
  }
  const { document } = parsed;
  if (own(document.value, 'apiVersion') === 'v1' && own(document.value, 'kind') === 'Namespace') {
    loaded.namespaces.push(document.value);
    return;
  }
  const outcome = validateDocument(document);
  if (!outcome.ok) loaded.problems.push(...outcome.problems);
  else if (outcome.kind === 'Tenant') loaded.tenants.push(outcome.object);
  else if (outcome.kind === 'Policy') {
    const places = exactPlaces(document);
    loaded.refiners.set(file, places.refine);
    loaded.inputs.push({ policy: outcome.object, digest: document.digest, file, positionOf: places.positionOf });
  }
};

export const loadPolicyFiles = (paths: readonly string[]): PolicyFiles => {
  const files = collect(paths);
  const loaded: Loaded = { inputs: [], refiners: new Map(), tenants: [], namespaces: [], problems: [] };
  for (const file of files) loadFile(file, loaded);
  const { set, refused } = compilePolicies(loaded.inputs);
  const compileProblems = refused
    .flatMap(({ problems }) => problems)
    .map((problem) => (problem.at === undefined ? problem : (loaded.refiners.get(problem.at.file)?.(problem) ?? problem)));
  const order = new Map(files.map((file, index) => [file, index]));
  const problems = [...loaded.problems, ...compileProblems].toSorted(
    (a, b) =>
      (order.get(a.at?.file ?? '') ?? 0) - (order.get(b.at?.file ?? '') ?? 0) ||
      (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
      (a.at?.column ?? 0) - (b.at?.column ?? 0),
  );
  return { files, set, tenants: loaded.tenants, namespaces: loaded.namespaces, problems };
};
