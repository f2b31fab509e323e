// SPDX-License-Identifier: Apache-2.0
// Reading and writing files on behalf of a person: every failure is told with the path and what to do.
import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from './make-folder.ts';
import { UserError } from './output.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read or written',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  EEXIST: 'it exists already',
  ENOSPC: 'the disk is full',
};

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

export const fileError = (path: string, error: unknown): UserError => {
  const code = codeOf(error);
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code] : error instanceof Error ? error.message : 'unknown reason';
  return new UserError([{ code: code === 'EEXIST' ? 'FILE_EXISTS' : 'FILE_UNREADABLE', message: `${path}: ${reason}` }]);
};

/** Far more than any manifest or list of cases has; a device or a pipe without end stops here too. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

const STANDARD_INPUT = 0;
const CHUNK = 64 * 1024;

const tooLarge = (path: string): UserError =>
  new UserError([
    {
      code: 'FILE_UNREADABLE',
      message: `${path}: it is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`,
      hint: 'give it in smaller files',
    },
  ]);

/** Of what has no size, such as a pipe. */
const readAll = (file: number, path: string): Uint8Array => {
  const chunks: Uint8Array[] = [];
  for (let total = 0; ;) {
    const chunk = new Uint8Array(CHUNK);
    const length = readSync(file, chunk, 0, CHUNK, null);
    if (length === 0) return Buffer.concat(chunks);
    total += length;
    if (total > MAX_FILE_BYTES) throw tooLarge(path);
    chunks.push(chunk.subarray(0, length));
  }
};

/** `-` is standard input. */
export const readBytes = (path: string): Uint8Array => {
  let file: number | undefined;
  try {
    file = path === '-' ? STANDARD_INPUT : openSync(path, 'r');
    const stat = fstatSync(file);
    if (!stat.isFile()) return readAll(file, path);
    if (stat.size > MAX_FILE_BYTES) throw tooLarge(path);
    return readFileSync(file);
  } catch (error) {
    throw error instanceof UserError ? error : fileError(path, error);
  } finally {
    if (file !== undefined && file !== STANDARD_INPUT) closeSync(file);
  }
};

/** The bytes of what may be of any size, piece by piece; each is good until the next is asked for. `-` is standard input. */
export const eachChunk = function* (path: string): Generator<Uint8Array> {
  let file: number | undefined;
  try {
    file = path === '-' ? STANDARD_INPUT : openSync(path, 'r');
    const chunk = new Uint8Array(CHUNK);
    for (;;) {
      const length = readSync(file, chunk, 0, CHUNK, null);
      if (length === 0) return;
      yield chunk.subarray(0, length);
    }
  } catch (error) {
    throw error instanceof UserError ? error : fileError(path, error);
  } finally {
    if (file !== undefined && file !== STANDARD_INPUT) closeSync(file);
  }
};

/** Undefined where it is one. */
export const whyNoFolder = (path: string): string | undefined => {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 'there is no such folder';
  return stat.isDirectory() ? undefined : 'it is no folder';
};

/** Not a folder, and there. */
export const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;

export const readText = (path: string): string => {
  const bytes = readBytes(path);
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  throw new UserError([{ code: 'DOCUMENT_ENCODING', message: `${path}: it is not UTF-8 text` }]);
};

/** Writes a file that must not be there yet. */
export const writeNew = (path: string, text: string, mode: number): void => {
  try {
    makeFolder(dirname(path));
    writeFileSync(path, text, { flag: 'wx', mode });
  } catch (error) {
    throw fileError(path, error);
  }
};

/** Writes a file whole or not at all. */
export const replaceFile = (path: string, text: string): void => {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileError(path, error);
  }
};
