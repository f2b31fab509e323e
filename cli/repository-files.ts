// SPDX-License-Identifier: Apache-2.0
/**
 * A folder that is laid out as a policy repository → what the operator would refuse in it, seals apart.
 *
 * In: a folder. Out: undefined where it is no repository, else the files that the operator would read and their problems:
 * those of names (operator/manifest), and of documents that are none, of the wrong kind or under another name. Whether the
 * policies compile is for `policy-files.ts`. `lint.ts` alone imports this.
 */
import { existsSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { atFile, readManifest, wantedPaths } from '../operator/manifest/index.ts';
import type { ManifestDocument } from '../operator/manifest/index.ts';
import { KINDS } from '../operator/manifest/layout.ts';
import { digestOf } from '../policies/document/digest.ts';
import { parseDocument } from '../policies/document/index.ts';
import { validateDocument } from '../policies/document/validate.ts';
import type { Problem } from '../policies/problem.ts';
import { sealProblems } from '../policies/ruleset/index.ts';
import { loadTrust } from '../policies/trust/index.ts';
import { readBytes } from './files.ts';
import { entriesIn } from './find-files.ts';

export type RepositoryFiles = { readonly files: readonly string[]; readonly problems: readonly Problem[] };

const TRUST_FILE = 'trust.yaml';
const FOLDERS: readonly string[] = ['policies', 'tenants', 'rulesets', 'licenses'];
const ADMISSION_POLICY = /^apiVersion:[ \t]*["']?admissionregistration\.k8s\.io\//m;

const documentProblems = (
  { path: file, bytes, kindHint, name, members }: ManifestDocument,
  root: Uint8Array | undefined,
): readonly Problem[] => {
  if (kindHint === 'trust') {
    const outcome = loadTrust(bytes, { pinnedDigest: digestOf(bytes), file, trustedRoot: root });
    return outcome.ok ? [] : outcome.problems;
  }
  const parsed = parseDocument(bytes, file);
  if (!parsed.ok) return parsed.problems;
  const { document } = parsed;
  const valid = validateDocument(document);
  if (!valid.ok) return valid.problems;
  if (valid.kind !== KINDS[kindHint]) {
    const message = `this folder holds documents of kind ${KINDS[kindHint]}, and this is a ${valid.kind}`;
    return [{ code: 'MANIFEST_KIND', message, at: document.positionOf(['kind']), path: 'kind' }];
  }
  const ofMembers = valid.kind === 'Ruleset' ? sealProblems({ ruleset: valid.object, parsed: document }, members) : [];
  const given = valid.object.metadata.name;
  if (given === name) return ofMembers;
  const message = `the object is named ${given}, its ${kindHint === 'ruleset' ? 'folder' : 'file'} ${name}`;
  return [{ code: 'MANIFEST_NAME', message, at: document.positionOf(['metadata', 'name']), path: 'metadata.name' }, ...ofMembers];
};

/** What stands before a path of the folder in its repository: something for its `policies`, `tenants`, `rulesets` or `licenses` itself. */
const prefixOf = (folder: string): string => {
  const name = basename(resolve(folder));
  return FOLDERS.includes(name) && existsSync(join(folder, '..', TRUST_FILE)) ? `${name}/` : '';
};

export const readRepository = (folder: string): RepositoryFiles | undefined => {
  const prefix = prefixOf(folder);
  const entries = entriesIn(folder).map(({ path, isFile }) => ({
    file: path,
    isFile,
    path: `${prefix}${relative(folder, path).split(sep).join('/')}`,
  }));
  const wanted = new Set(wantedPaths(entries.map(({ path }) => path)));
  const found = entries.filter(({ path }) => wanted.has(path));
  const files = found.flatMap(({ path, file, isFile }) => (isFile ? [{ path, bytes: readBytes(file) }] : []));
  const inFolder = ({ path }: { readonly path: string }): boolean => FOLDERS.some((name) => path.startsWith(`${name}/`));
  const hasTrust = prefix !== '' || files.some(({ path }) => path === TRUST_FILE);
  if (!hasTrust) {
    // Others keep ValidatingAdmissionPolicies in a folder of this name; a repository of ours may not hold any.
    const isTheirs = files.some((file) => inFolder(file) && ADMISSION_POLICY.test(Buffer.from(file.bytes).toString('utf8')));
    if (isTheirs || !found.some(inFolder)) return undefined;
  }
  const manifest = readManifest(files);
  const links = found.flatMap(({ path, isFile }) => (isFile ? [] : [atFile('SOURCE_SYMLINK', path, 'this is no plain file')]));
  const problems = [...links, ...manifest.problems, ...manifest.documents.flatMap((one) => documentProblems(one, manifest.trustedRoot))];
  const onDisk = new Map(found.map(({ path, file }) => [path, file]));
  return {
    files: found.map(({ file }) => file),
    problems: problems.map((problem) =>
      problem.at === undefined ? problem : { ...problem, at: { ...problem.at, file: onDisk.get(problem.at.file) ?? problem.at.file } },
    ),
  };
};
