// SPDX-License-Identifier: Apache-2.0
// Whether history was rewritten. The mirror is one commit deep and cannot know; so the commits alone, without their trees,
// are fetched into a place of their own (in the mirror they would make git believe that it has trees which it has not).
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Git, GitRun } from './git.ts';
import type { CommitFacts } from './store.ts';
import type { SourceUrl } from './url.ts';

// Pushes of more commits than this are told as "unknown".
const DEPTH = 512;

export type HistoryQuestion = {
  readonly git: Git;
  /** A folder that does not exist yet. */
  readonly dir: string;
  readonly home: string;
  readonly url: SourceUrl;
  readonly known: string | undefined;
  readonly commit: string;
  readonly facts: CommitFacts;
  /** Where the new commit can be had from: a ref name, or its id. */
  readonly from: string;
  readonly canFilter: boolean;
  readonly signal: AbortSignal;
};

/** True: `commit` does not descend from `known`. Undefined: it cannot be told. */
export const wasRewritten = async (question: HistoryQuestion): Promise<boolean | undefined> => {
  const { known, commit, facts } = question;
  if (known === undefined || known.length !== commit.length) return undefined;
  if (known === commit || facts.parents.includes(known)) return false;
  if (facts.parents.length === 0) return true;
  if (!question.canFilter) return undefined;
  try {
    await mkdir(question.dir, { recursive: true, mode: 0o700 });
    return await askHistory(question, known);
  } finally {
    await rm(question.dir, { recursive: true, force: true });
  }
};

const askHistory = async (question: HistoryQuestion, known: string): Promise<boolean | undefined> => {
  const run = (args: readonly string[], protocol: SourceUrl['scheme'] | 'none'): Promise<GitRun> =>
    question.git({ args, cwd: question.dir, home: question.home, protocol, outputBytes: 1_048_576, signal: question.signal });
  const format = question.commit.length === 64 ? 'sha256' : 'sha1';
  if ((await run(['init', '--bare', '--quiet', `--object-format=${format}`], 'none')).exitCode !== 0) return undefined;
  const refspec = `+${question.from}:refs/writ/new`;
  const fetched = await run(
    [
      'fetch',
      `--depth=${DEPTH}`,
      '--no-tags',
      '--no-write-fetch-head',
      '--no-auto-gc',
      '--filter=tree:0',
      '--',
      question.url.href,
      refspec,
    ],
    question.url.scheme,
  );
  if (fetched.exitCode !== 0) return undefined;
  const ancestry = await run(['merge-base', '--is-ancestor', known, question.commit], 'none');
  if (ancestry.exitCode === 0) return false;
  // With a shallow boundary the known commit may lie behind it.
  const cutOff = await stat(join(question.dir, 'shallow')).then(
    (file) => file.size > 0,
    () => false,
  );
  return cutOff ? undefined : true;
};
