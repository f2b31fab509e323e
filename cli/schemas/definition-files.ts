// SPDX-License-Identifier: Apache-2.0
// Files and folders → the CustomResourceDefinitions in them.
import type { JsonObject } from '../../policies/document/json.ts';
import { readText } from '../files.ts';
import { findFiles } from '../find-files.ts';
import { isDefinition, readManifests } from '../manifest.ts';
import { UserError } from '../output.ts';

export const readDefinitions = (paths: readonly string[]): readonly JsonObject[] =>
  findFiles(paths, (name) => /\.(?:ya?ml|json)$/.test(name)).flatMap(({ path, named }) => {
    const text = readText(path);
    if (!named && !text.includes('CustomResourceDefinition')) return [];
    const { documents, problems } = readManifests(text, path);
    if (problems.length > 0) throw new UserError(problems);
    return documents.flatMap(({ value }) => (isDefinition(value) ? [value] : []));
  });
