// SPDX-License-Identifier: Apache-2.0
/**
 * A folder that is laid out as a policy repository → what the operator would refuse in it, seals apart.
 *
 * In: a folder, the time. Out: undefined where it is no repository, else the files that the operator would read and their
 * problems: those of names (operator/manifest), of documents that are none, of the wrong kind or under another name, and of the
 * trust policy with the versions before it, seals included. Whether the policies compile is for `policy-files.ts`. `lint.ts`
 * alone imports this.
 */
import { existsSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { atFile, readManifest, wantedPaths } from '../operator/manifest/index.ts';
import type { Manifest, ManifestDocument } from '../operator/manifest/index.ts';
import { KINDS } from '../operator/manifest/layout.ts';
import { digestOf } from '../policies/document/digest.ts';
import { parseDocument } from '../policies/document/index.ts';
import { validateDocument } from '../policies/document/validate.ts';
import type { Problem } from '../policies/problem.ts';
import { sealProblems } from '../policies/ruleset/index.ts';
import { loadTrust } from '../policies/trust/index.ts';
import { readTrustPolicy } from '../policies/trust/read-policy.ts';
import { readBytes } from './files.ts';
import { entriesIn } from './find-files.ts';

export type RepositoryFiles = {
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
  /** What is still to be done before the operator would take it. */
  readonly warnings: readonly Problem[];
};

const TRUST_FILE = 'trust.yaml';
const FOLDERS: readonly string[] = ['policies', 'tenants', 'rulesets', 'licenses'];
const ADMISSION_POLICY = /^apiVersion:[ \t]*["']?admissionregistration\.k8s\.io\//m;

type Found = Pick<RepositoryFiles, 'problems' | 'warnings'>;

/** Whose seals are missing; they come after the document. */
const BY_SEALS: ReadonlySet<string> = new Set(['TRUST_CHAIN_SEALS_BEFORE', 'TRUST_CHAIN_SEALS_OWN']);

/** A version must be kept under its own number: the operator reads them in the order of the numbers. */
const misnumbered = ({ trustVersions }: Manifest): readonly Problem[] =>
  trustVersions.flatMap(({ path, version, bytes, trustedRoot }): readonly Problem[] => {
    const read = readTrustPolicy(bytes, { file: path, trustedRoot });
    if (!read.ok) return read.problems;
    if (read.trust.version === version) return [];
    return [
      atFile('TRUST_CHAIN_VERSION', path, `this is version ${read.trust.version}; it belongs under trust/${read.trust.version}.yaml`),
    ];
  });

/** From the oldest version that is kept, as a cluster would follow them that pins that one. */
const trustFindings = (manifest: Manifest, atMs: number): Found => {
  const document = manifest.documents.find(({ kindHint }) => kindHint === 'trust');
  if (document === undefined) return { problems: [], warnings: [] };
  const { path: file, bytes, bundles, ownSeals } = document;
  const numbered = misnumbered(manifest);
  if (numbered.length > 0) return { problems: numbered, warnings: [] };
  const chain = manifest.trustVersions.map((version) => ({ ...version, file: version.path }));
  const pinnedDigest = digestOf(chain[0]?.bytes ?? bytes);
  const { trustedRoot } = manifest;
  const outcome = loadTrust(bytes, { pinnedDigest, file, trustedRoot, succession: { bundles, chain, at: atMs } });
  if (outcome.ok) return { problems: [], warnings: [] };
  const isDraft = ownSeals === 0 && outcome.problem.at?.file === file && BY_SEALS.has(outcome.problem.code);
  return isDraft ? { problems: [], warnings: [outcome.problem] } : { problems: outcome.problems, warnings: [] };
};

const documentProblems = ({ path: file, bytes, kindHint, name, members }: ManifestDocument): readonly Problem[] => {
  if (kindHint === 'trust') return [];
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

/** `atMs`: now, by which the seals of the trust policy are judged. */
export const readRepository = (folder: string, atMs: number): RepositoryFiles | undefined => {
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
  const trust = trustFindings(manifest, atMs);
  const problems = [...links, ...manifest.problems, ...trust.problems, ...manifest.documents.flatMap(documentProblems)];
  const onDisk = new Map(found.map(({ path, file }) => [path, file]));
  const placed = (problem: Problem): Problem =>
    problem.at === undefined ? problem : { ...problem, at: { ...problem.at, file: onDisk.get(problem.at.file) ?? problem.at.file } };
  return { files: found.map(({ file }) => file), problems: problems.map(placed), warnings: trust.warnings.map(placed) };
};
