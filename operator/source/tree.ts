// SPDX-License-Identifier: Apache-2.0
// The names in one commit, checked before anything is read. A tree is data from outside: git itself accepts names such as
// `..` in objects that a server sends.
import { isUtf8 } from 'node:buffer';
import { failure, failureOf } from './failure.ts';
import type { Failure } from './failure.ts';
import type { SourceLimits } from './limits.ts';
import type { ObjectStore } from './store.ts';
import { shown } from './shown.ts';
import type { SourceFile } from './snapshot.ts';

export type TreeRequest = {
  readonly commit: string;
  /** From the root, without slashes at its ends; empty for the root. */
  readonly folder: string;
  readonly ignored: (path: string) => boolean;
  readonly limits: SourceLimits;
  readonly signal: AbortSignal;
};

type Entry = { readonly mode: string; readonly oid: string; readonly size: number | undefined; readonly name: Buffer };

const parseEntry = (record: Buffer): Entry => {
  const tab = record.indexOf(9);
  const [mode = '', , oid = '', size = ''] = record.subarray(0, tab).toString('latin1').split(/ +/);
  // `BAD` stands for a blob that was not downloaded, `-` for a submodule.
  return { mode, oid, size: /^\d+$/.test(size) ? Number(size) : undefined, name: record.subarray(tab + 1) };
};

const splitRecords = function* (output: Buffer): Generator<Buffer> {
  for (let start = 0, end = output.indexOf(0); end >= 0; start = end + 1, end = output.indexOf(0, start)) yield output.subarray(start, end);
};

const hostility = (name: Buffer, limits: SourceLimits): string | undefined => {
  if (name.length > limits.pathBytes) return `is longer than ${limits.pathBytes} bytes`;
  if (!isUtf8(name)) return 'is not UTF-8';
  const parts = name.toString('utf8').split('/');
  if (parts.length > limits.pathDepth) return `lies more than ${limits.pathDepth} folders deep`;
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git'))
    return 'holds a part that leads elsewhere';
  // Control and formatting characters can make one name look like another in a terminal or a condition.
  return parts.some((part) => /[\p{Cc}\p{Cf}\\]/u.test(part)) ? 'holds a control character or a backslash' : undefined;
};

const specialCode = (mode: string): 'SOURCE_SYMLINK' | 'SOURCE_SUBMODULE' | undefined =>
  mode === '120000' ? 'SOURCE_SYMLINK' : mode === '160000' ? 'SOURCE_SUBMODULE' : undefined;

const collect = (output: Buffer, request: TreeRequest): readonly SourceFile[] | Failure => {
  const files: SourceFile[] = [];
  for (const record of splitRecords(output)) {
    const entry = parseEntry(record);
    const hostile = hostility(entry.name, request.limits);
    if (hostile !== undefined) return failure('SOURCE_PATH_HOSTILE', `the name ${shown(entry.name.toString('utf8'))} ${hostile}`);
    const path = entry.name.toString('utf8');
    if (request.ignored(path)) continue;
    const special = specialCode(entry.mode);
    if (special !== undefined)
      return failure(special, `${shown(path)} is a ${special === 'SOURCE_SYMLINK' ? 'symbolic link' : 'submodule'}`);
    if (files.length === request.limits.files)
      return failure('SOURCE_TOO_MANY_FILES', `there are more than ${request.limits.files} files under ${shown(`${request.folder}/`)}`);
    files.push({ path, oid: entry.oid, size: entry.size, mode: entry.mode });
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
};

/** The files under the folder that are not ignored, or the first thing that forbids to go on. */
export const listTree = async (store: ObjectStore, request: TreeRequest): Promise<readonly SourceFile[] | Failure> => {
  const run = await store.run({
    args: ['ls-tree', '-r', '-l', '-z', '--full-tree', request.folder === '' ? request.commit : `${request.commit}:${request.folder}`],
    outputBytes: request.limits.listingBytes,
    signal: request.signal,
  });
  if (run.exitCode === 0) return collect(run.stdout, request);
  if (run.stopped === 'overflow')
    return failure(
      'SOURCE_TOO_MANY_FILES',
      `the list of files under ${shown(`${request.folder}/`)} is longer than ${request.limits.listingBytes} bytes`,
    );
  if (request.folder !== '' && /Not a valid object name|not a tree object/.test(run.stderr)) {
    return failure('SOURCE_PATH_NOT_FOUND', `the commit has no folder ${shown(request.folder)}`, { path: 'spec.path' });
  }
  return failureOf(run, { doing: 'reading the tree', secrets: [] });
};
