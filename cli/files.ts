// SPDX-License-Identifier: Apache-2.0
// Reading and writing files on behalf of a person: every failure is told with the path and what to do.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
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

export const readBytes = (path: string): Uint8Array => {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError(path, error);
  }
};

export const readText = (path: string): string => new TextDecoder().decode(readBytes(path));

/** Writes a file that must not be there yet. */
export const writeNew = (path: string, text: string, mode: number): void => {
  try {
    mkdirSync(dirname(path), { recursive: true });
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
