// SPDX-License-Identifier: Apache-2.0
/**
 * Cases files → one row a case.
 *
 * In: paths. Out: what each case expected and what the policies said, what no case reached, and every file that was read
 * (to be watched). A policy file that several cases files name is compiled once.
 */
import { dirname, join, normalize } from 'node:path';
import { coveredSet } from '../policies/cases/coverage.ts';
import type { ExpressionCoverage } from '../policies/cases/coverage.ts';
import { isBroken, readCases } from '../policies/cases/index.ts';
import type { BrokenCase, Case, CasesFile } from '../policies/cases/index.ts';
import { runCase } from '../policies/cases/run.ts';
import type { CaseOutcome, World } from '../policies/cases/run.ts';
import { isJsonObject } from '../policies/document/json.ts';
import type { JsonObject, JsonValue } from '../policies/document/json.ts';
import type { Verdict } from '../policies/decide/index.ts';
import { formatProblem } from '../policies/problem.ts';
import type { Problem, SourcePosition } from '../policies/problem.ts';
import { readText } from './files.ts';
import { findFiles, isCasesFile } from './find-files.ts';
import { readManifests } from './manifest.ts';
import type { Manifests } from './manifest.ts';
import { UserError } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { PolicyFiles } from './policy-files.ts';

export type CaseRow = {
  readonly file: string;
  readonly at: SourcePosition;
  readonly case: string;
  readonly expect: JsonValue;
  readonly verdict: Verdict | undefined;
  readonly policy: string | undefined;
  readonly message: string | undefined;
  readonly reason: string | undefined;
  readonly held: boolean;
  readonly because: string | undefined;
  readonly source: string | undefined;
};

export type CoveredExpression = ExpressionCoverage & { readonly at: SourcePosition };

export type CasesRun = {
  readonly rows: readonly CaseRow[];
  readonly files: readonly string[];
  /** Of policies and of files as a whole; each has failed the cases that it touches. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly coverage: readonly CoveredExpression[];
  /** Everything that was read. */
  readonly read: ReadonlySet<string>;
};

type Loaded =
  | { readonly ok: true; readonly files: PolicyFiles; readonly world: Omit<World, 'readObject'> }
  | { readonly ok: false; readonly problems: readonly Problem[] };

type Session = {
  readonly coverage: boolean;
  readonly loaded: Map<string, Loaded>;
  readonly objects: Map<string, ReturnType<World['readObject']>>;
  readonly covered: CoveredExpression[];
  readonly problems: Problem[];
  readonly warnings: Problem[];
  readonly read: Set<string>;
};

const byName = (objects: readonly unknown[]): ReadonlyMap<string, JsonObject> =>
  new Map(
    objects.filter(isJsonObject).flatMap((object): readonly (readonly [string, JsonObject])[] => {
      const { metadata } = object;
      const name = isJsonObject(metadata) ? metadata['name'] : undefined;
      return typeof name === 'string' ? [[name, object]] : [];
    }),
  );

const problemsOf = (error: unknown): readonly Problem[] => {
  if (error instanceof UserError) return error.problems;
  throw error;
};

const load = (paths: readonly string[], session: Session): Loaded => {
  for (const path of paths) session.read.add(path);
  try {
    const files = loadPolicyFiles(paths);
    for (const file of files.files) session.read.add(file);
    if (files.problems.length > 0) return { ok: false, problems: files.problems };
    session.warnings.push(...files.warnings);
    const covered = session.coverage ? coveredSet(files.set) : { set: files.set, expressions: [] };
    for (const expression of covered.expressions) {
      const document = files.policies.find(({ name, digest }) => name === expression.policy && digest === expression.digest)?.document;
      if (document !== undefined) session.covered.push({ ...expression, at: document.positionOf(expression.path) });
    }
    const { namespaces, tenants, kinds } = files;
    return { ok: true, files, world: { set: covered.set, kinds, namespaces: byName(namespaces), tenants: byName(tenants) } };
  } catch (error) {
    return { ok: false, problems: problemsOf(error) };
  }
};

const loadOnce = (paths: readonly string[], session: Session): Loaded => {
  const key = paths.join('\n');
  const known = session.loaded.get(key);
  if (known !== undefined) return known;
  const made = load(paths, session);
  if (!made.ok) session.problems.push(...made.problems);
  session.loaded.set(key, made);
  return made;
};

const readObject = (path: string, session: Session): ReturnType<World['readObject']> => {
  const known = session.objects.get(path);
  if (known !== undefined) return known;
  session.read.add(path);
  const read = (): ReturnType<World['readObject']> => {
    try {
      const { documents, problems } = readManifests(readText(path), path);
      const [problem] = problems;
      if (problem !== undefined) return { message: formatProblem(problem) };
      const [first] = documents;
      return first === undefined || documents.length > 1
        ? { message: `${path} holds ${documents.length} objects, not one` }
        : { object: first.value };
    } catch (error) {
      return { message: problemsOf(error).map(formatProblem).join('; ') };
    }
  };
  const made = read();
  session.objects.set(path, made);
  return made;
};

const rowOf = (file: string, one: Case | BrokenCase, outcome: CaseOutcome): CaseRow => ({
  file,
  at: one.at,
  case: one.name,
  expect: one.expected,
  verdict: outcome.verdict,
  policy: outcome.policy,
  message: outcome.message,
  reason: outcome.reason,
  held: outcome.held,
  because: outcome.because,
  source: isBroken(one) ? undefined : one.source,
});

const notJudged = (because: string): CaseOutcome => ({
  held: false,
  verdict: undefined,
  policy: undefined,
  message: because,
  reason: undefined,
  because,
});

const runFile = (cases: CasesFile, session: Session): readonly CaseRow[] => {
  const folder = dirname(cases.file);
  const [fileProblem] = cases.problems;
  session.problems.push(...cases.problems);
  const loaded: Loaded =
    cases.policies.length === 0
      ? { ok: false, problems: [] }
      : loadOnce(
          cases.policies.map((path) => join(folder, path)),
          session,
        );
  return cases.cases.map((one) => {
    if (isBroken(one)) return rowOf(cases.file, one, notJudged(formatProblem(one.problem)));
    if (fileProblem !== undefined) return rowOf(cases.file, one, notJudged(formatProblem(fileProblem)));
    if (!loaded.ok) {
      const [problem] = loaded.problems;
      return rowOf(cases.file, one, notJudged(problem === undefined ? 'there are no policies' : formatProblem(problem)));
    }
    const world = { ...loaded.world, readObject: (path: string) => readObject(join(folder, path), session) };
    return rowOf(cases.file, one, runCase(one, world));
  });
};

/** One file that can not be read fails its own cases, not all others. */
const readOrTell = (path: string): Manifests => {
  try {
    return readManifests(readText(path), path);
  } catch (error) {
    return { documents: [], problems: problemsOf(error) };
  }
};

const readCasesFile = (path: string, session: Session): CasesFile | undefined => {
  session.read.add(path);
  const { documents, problems } = readOrTell(path);
  const [first, second] = documents;
  session.problems.push(...problems);
  if (problems.length > 0) return undefined;
  if (first === undefined || second !== undefined) {
    const message = `${documents.length} documents; a cases file is one`;
    session.problems.push({ code: 'CASES_INVALID', message, at: second?.positionOf([]) ?? { file: path, line: 1, column: 1 } });
    return undefined;
  }
  return readCases(first);
};

export const runCases = (paths: readonly string[], options: { readonly coverage: boolean }): CasesRun => {
  const session: Session = {
    coverage: options.coverage,
    loaded: new Map(),
    objects: new Map(),
    covered: [],
    problems: [],
    warnings: [],
    read: new Set(),
  };
  const found = findFiles(paths, isCasesFile).map(({ path }) => normalize(path));
  if (found.length === 0)
    throw new UserError([
      { code: 'FILE_NONE', message: `no cases in ${paths.join(', ')}`, hint: 'name a *.cases.yaml, or a folder that has some' },
    ]);
  const rows = found.flatMap((path) => {
    const cases = readCasesFile(path, session);
    return cases === undefined ? [] : runFile(cases, session);
  });
  return {
    rows,
    files: found,
    problems: session.problems,
    warnings: session.warnings,
    coverage: summed(session.covered),
    read: session.read,
  };
};

/** A policy that several cases files name is covered by all of them together. */
const summed = (covered: readonly CoveredExpression[]): readonly CoveredExpression[] => {
  const together = Map.groupBy(covered, ({ digest, path, at }) => JSON.stringify([digest, at.file, path]));
  return [...together.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const sum = (name: keyof ExpressionCoverage['counts']): number => same.reduce((total, { counts }) => total + counts[name], 0);
    return [{ ...first, counts: { true: sum('true'), false: sum('false'), error: sum('error'), value: sum('value') } }];
  });
};
