// SPDX-License-Identifier: Apache-2.0
// The members of a ruleset as they lie on disk. In the layout of a repository (`NAME/ruleset.yaml`) these are all documents
// below its folder, so that one which it does not name is told; beside a file of another name, those that it names.
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Ruleset } from '../crds/generated/objects.ts';
import { placeOf, rulesetPath } from '../operator/manifest/layout.ts';
import type { MemberFile } from '../policies/ruleset/index.ts';
import { readBytes } from './files.ts';
import { entriesIn } from './find-files.ts';

const LAYOUT = rulesetPath('x');

/** Whether the operator would take a file below a ruleset's folder for a member. */
const isMember = (path: string): boolean => placeOf(`${dirname(LAYOUT)}/${path}`).is === 'member';

export const membersBeside = (file: string, { spec }: Ruleset): readonly MemberFile[] => {
  const folder = dirname(file);
  const named = (spec.policies ?? []).map(({ path }) => path).filter((path) => existsSync(join(folder, path)));
  const found =
    basename(file) === basename(LAYOUT)
      ? entriesIn(folder).flatMap(({ path, isFile }) => (isFile ? [relative(folder, path).split(sep).join('/')] : []))
      : [];
  const paths = new Set([...found.filter(isMember), ...named]);
  return [...paths].toSorted().map((path) => ({ path, bytes: readBytes(join(folder, path)) }));
};
