// SPDX-License-Identifier: Apache-2.0
// Paths that a person gives → files: folders are searched, a file that is named is taken as it is.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from './files.ts';
import { UserError } from './output.ts';

const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '.git']);

type Entry = { readonly path: string; readonly name: string; /** A link or a device is none. */ readonly isFile: boolean };

export const entriesIn = (folder: string): readonly Entry[] =>
  readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : entriesIn(path);
      return [{ path, name: entry.name, isFile: entry.isFile() }];
    });

const filesIn = (folder: string, wanted: (name: string) => boolean): readonly string[] =>
  entriesIn(folder).flatMap(({ path, name, isFile }) => (isFile && wanted(name) ? [path] : []));

export const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

export type FoundFile = { readonly path: string; readonly named: boolean };

/** `policies/*.yaml` names cases too, which are no documents: they are neither sealed nor applied. */
export const documentsOf = (paths: readonly string[]): readonly string[] => {
  const folder = paths.find(isFolder);
  if (folder !== undefined) {
    const hint = `name the documents themselves: ${join(folder, '*.yaml')}`;
    throw new UserError([{ code: 'FILE_UNREADABLE', message: `${folder}: it is a folder`, hint }]);
  }
  const documents = paths.filter((path) => !isCasesFile(path));
  if (documents.length > 0) return documents;
  throw new UserError([{ code: 'FILE_NONE', message: `${paths.join(', ')}: cases only, no document` }]);
};

export const findFiles = (paths: readonly string[], wanted: (name: string) => boolean): readonly FoundFile[] => {
  const found = new Map<string, FoundFile>();
  for (const path of paths) {
    try {
      // `-` is standard input.
      if (path === '-' || !statSync(path).isDirectory()) found.set(path, { path, named: true });
      else for (const inside of filesIn(path, wanted)) if (!found.has(inside)) found.set(inside, { path: inside, named: false });
    } catch (error) {
      throw error instanceof UserError ? error : fileError(path, error);
    }
  }
  return [...found.values()];
};

export const isCasesFile = (name: string): boolean => /\.cases\.ya?ml$/.test(name);
export const isManifest = (name: string): boolean => /\.ya?ml$/.test(name) && !isCasesFile(name);
