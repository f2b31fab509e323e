// SPDX-License-Identifier: Apache-2.0
// The seals that lie beside a file: FILE.sigstore.json, and FILE.WHO.sigstore.json for each further signer.
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileError, readText } from './files.ts';

const ENDING = '.sigstore.json';
/** One statement over many files, at the root of the repository. */
export const REPOSITORY_SEAL = 'seal.sigstore.json';
const WHO = /^[A-Za-z0-9_-]+$/;

export const isSignerName = (name: string): boolean => WHO.test(name);

/** Another signer's set lies beside it: `seal.WHO.sigstore.json`. */
export const repositorySeal = (signer: string | undefined): string => sealPath('seal', signer);

export const sealPath = (file: string, signer: string | undefined): string => `${file}${signer === undefined ? '' : `.${signer}`}${ENDING}`;

/** Paths, the one without a signer's name first. */
export const sealPathsOf = (file: string): readonly string[] => {
  const folder = dirname(file);
  const name = basename(file);
  try {
    return readdirSync(folder)
      .filter((entry) => {
        if (!entry.startsWith(`${name}.`) || !entry.endsWith(ENDING)) return false;
        return entry === `${name}${ENDING}` || WHO.test(entry.slice(name.length + 1, -ENDING.length));
      })
      .toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
      .map((entry) => join(folder, entry));
  } catch (error) {
    throw fileError(folder, error);
  }
};

export const readSeals = (file: string): readonly string[] => sealPathsOf(file).map(readText);

/** The folders of the nearest trust.yaml above each of these files, else the current one. */
export const repositoriesOf = (files: readonly string[]): readonly string[] => {
  const above = (folder: string): string => {
    if (existsSync(join(folder, 'trust.yaml'))) return folder;
    return dirname(folder) === folder ? resolve('.') : above(dirname(folder));
  };
  return [...new Set(files.map((file) => above(dirname(resolve(file)))))];
};

/** The name of a file in a statement: its path in the repository, by slashes. */
export const nameIn = (folder: string, file: string): string => relative(resolve(folder), resolve(file)).split(sep).join('/');
