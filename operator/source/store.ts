// SPDX-License-Identifier: Apache-2.0
// Reading objects of a mirror. Reads go through an empty repository of ours that borrows the mirror's objects: a mirror
// that was filled by a filtered fetch counts as a partial clone, and git would go and download each missing blob that is
// merely asked about. Through the reader a missing blob is just missing.
import { failure, failureOf } from './failure.ts';
import type { Failure } from './failure.ts';
import type { Git, GitRun } from './git.ts';

export type StoreCommand = {
  readonly args: readonly string[];
  readonly input?: string;
  readonly outputBytes: number;
  readonly signal: AbortSignal;
};

export type ObjectStore = { readonly run: (command: StoreCommand) => Promise<GitRun> };

export const createStore = (options: {
  readonly git: Git;
  readonly readerDir: string;
  readonly home: string;
  readonly objectsDir: string;
}): ObjectStore => ({
  run: (command) =>
    options.git({ ...command, cwd: options.readerDir, home: options.home, protocol: 'none', objectsDir: options.objectsDir }),
});

export type GitObject = { readonly type: string; readonly bytes: Buffer };

const LF = 10;

// `OID SP type SP size LF content LF`, or `OID SP missing LF`, one after the other in the order asked.
const parseBatch = (output: Buffer, oids: readonly string[]): ReadonlyMap<string, GitObject> => {
  const objects = new Map<string, GitObject>();
  let offset = 0;
  for (const oid of oids) {
    const end = output.indexOf(LF, offset);
    if (end < 0) break;
    const [, type = '', size] = output.subarray(offset, end).toString('latin1').split(' ');
    offset = end + 1;
    if (size === undefined) continue;
    const length = Number(size);
    if (offset + length > output.length) break;
    objects.set(oid, { type, bytes: output.subarray(offset, offset + length) });
    offset += length + 1;
  }
  return objects;
};

/** The objects by one process. What the mirror lacks is missing in the answer. */
export const readObjects = async (
  store: ObjectStore,
  request: { readonly oids: readonly string[]; readonly outputBytes: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, GitObject> | Failure> => {
  if (request.oids.length === 0) return new Map();
  const run = await store.run({
    args: ['cat-file', '--batch'],
    input: `${request.oids.join('\n')}\n`,
    outputBytes: request.outputBytes + request.oids.length * 128,
    signal: request.signal,
  });
  if (run.stopped === 'overflow') return failure('SOURCE_TOO_LARGE', `the documents are together larger than ${request.outputBytes} bytes`);
  return run.exitCode === 0 ? parseBatch(run.stdout, request.oids) : failureOf(run, { doing: 'reading files of the commit', secrets: [] });
};

export type CommitFacts = {
  /** Epoch milliseconds. */
  readonly committedAt: number;
  /** Full commit ids. */
  readonly parents: readonly string[];
};

/** What the header of a commit says; undefined where the mirror does not have it. */
export const readCommit = async (store: ObjectStore, commit: string, signal: AbortSignal): Promise<CommitFacts | undefined | Failure> => {
  const objects = await readObjects(store, { oids: [commit], outputBytes: 1024 * 1024, signal });
  if ('kind' in objects) return objects;
  const object = objects.get(commit);
  if (object?.type !== 'commit') return undefined;
  const header = object.bytes.toString('utf8').split('\n\n', 1)[0] ?? '';
  const seconds = /^committer .* (\d{1,12}) [+-]\d{4}$/m.exec(header)?.[1];
  const parents = [...header.matchAll(/^parent ([0-9a-f]{40}|[0-9a-f]{64})$/gm)].map((match) => match[1] ?? '');
  return { committedAt: Number(seconds ?? 0) * 1000, parents };
};
