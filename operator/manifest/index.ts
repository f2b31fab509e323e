// SPDX-License-Identifier: Apache-2.0
/**
 * From the files of one commit to its documents, each with the seals that belong to it.
 *
 * In: paths, then the bytes of those that `wantedPaths` chose. Out: a `Manifest`: documents with their bundles, and every
 * problem that names alone show (a seal without a file, a file that would be left unread, a kind not enforced). No document
 * is parsed here: bytes come before meaning, and `verify.ts` gives them one. Seals take the form in which they are stored. The files below a ruleset's folder go with its
 * document, whose seal is theirs; seals of their own are left alone. Files outside the layout of a policy repository are
 * left alone, and `*.cases.yaml` are for `writ test`, never applied.
 *
 * `operator/controllers` and `cli` import this. Pure.
 */
import { startOf } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import type { MemberFile } from '../../policies/ruleset/index.ts';
import { storedForm } from '../../policies/trust/stored-form.ts';
import { placeOf, rulesetPath, sealedPath } from './layout.ts';
import type { KindHint, Place } from './layout.ts';

export type { KindHint } from './layout.ts';

export type ManifestDocument = {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Its seals as they are stored, by path; that of the whole repository last. */
  readonly bundles: readonly string[];
  /** How many of them are of this file, not of the whole repository. */
  readonly ownSeals: number;
  readonly kindHint: KindHint;
  /** What the file name says that metadata.name is. */
  readonly name: string;
  /** Of a ruleset: every document below its folder, whether it names it or not. */
  readonly members: readonly MemberFile[];
};

/** An earlier version of the trust policy. */
export type TrustVersion = {
  readonly path: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  /** Its own seals; that of the whole repository is of what the repository holds now. */
  readonly bundles: readonly string[];
  /** The bytes of `trust/VERSION.trusted_root.json`. */
  readonly trustedRoot: Uint8Array | undefined;
};

export type Manifest = {
  /** By path. */
  readonly documents: readonly ManifestDocument[];
  /** The seals of the whole repository, by path. */
  readonly sets: readonly string[];
  /** The bytes of `trusted_root.json`. */
  readonly trustedRoot: Uint8Array | undefined;
  /** Oldest first. */
  readonly trustVersions: readonly TrustVersion[];
  readonly problems: readonly Problem[];
};

export type ManifestFile = { readonly path: string; readonly bytes: Uint8Array };

/** Which files of a tree a manifest is made of. */
export const wantedPaths = (paths: readonly string[]): readonly string[] =>
  paths.filter((path) => {
    const place = placeOf(path).is;
    return place !== 'cases' && place !== 'foreign';
  });

/** A seal as it is stored, verified and told apart, however its file is laid out. */
const sealOf = (bytes: Uint8Array): string | undefined => {
  try {
    return storedForm(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
};

const byPath = (a: { readonly path: string }, b: { readonly path: string }): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

export const atFile = (code: Problem['code'], path: string, message: string): Problem => ({ code, message, at: startOf(path) });

type Placed = { readonly file: ManifestFile; readonly place: Place };

const nameProblem = ({ file: { path }, place }: Placed, paths: ReadonlySet<string>): Problem | undefined => {
  if (place.is === 'misplaced') return atFile('MANIFEST_MISPLACED', path, 'this file would be left unread');
  if (place.is !== 'member' || paths.has(rulesetPath(place.ruleset))) return undefined;
  return atFile('MANIFEST_MISPLACED', path, `there is no ${rulesetPath(place.ruleset)} that could name it`);
};

const membersOf = (placed: readonly Placed[]): ReadonlyMap<string, readonly MemberFile[]> => {
  const members = new Map<string, MemberFile[]>();
  for (const { file, place } of placed) {
    if (place.is !== 'member') continue;
    const known = members.get(place.ruleset) ?? [];
    members.set(place.ruleset, known);
    known.push({ path: place.path, bytes: file.bytes });
  }
  return members;
};

const trustVersionsOf = (placed: readonly Placed[], bundles: ReadonlyMap<string, readonly string[]>): readonly TrustVersion[] => {
  const roots = new Map(
    placed.flatMap(({ file, place }) => (place.is === 'trust-version-root' ? [[place.version, file.bytes] as const] : [])),
  );
  return placed
    .flatMap(({ file: { path, bytes }, place }): readonly TrustVersion[] =>
      place.is === 'trust-version'
        ? [{ path, version: place.version, bytes, bundles: bundles.get(path) ?? [], trustedRoot: roots.get(place.version) }]
        : [],
    )
    .toSorted((a, b) => a.version - b.version);
};

/** What a seal beside it can be of. */
const OWNERS: ReadonlySet<Place['is']> = new Set<Place['is']>(['document', 'member', 'trust-version']);

/** Sorts the files of a commit into documents with their seals. Total; the order of `files` does not matter. */
export const readManifest = (files: readonly ManifestFile[]): Manifest => {
  const sorted = files.toSorted(byPath);
  const placed = sorted.map((file): Placed => ({ file, place: placeOf(file.path) }));
  const paths = new Set(sorted.map(({ path }) => path));
  const owners = new Set(placed.flatMap(({ file, place }) => (OWNERS.has(place.is) ? [file.path] : [])));
  const members = membersOf(placed);
  const problems: Problem[] = [];
  const bundles = new Map<string, string[]>();
  const forAll: string[] = [];
  for (const { file, place } of placed) {
    const found = nameProblem({ file, place }, paths);
    if (found !== undefined) problems.push(found);
    if (place.is !== 'seal' && place.is !== 'repository-seal') continue;
    const text = sealOf(file.bytes);
    if (place.is === 'repository-seal') {
      if (text === undefined) problems.push(atFile('SEAL_ENCODING', file.path, 'the seal is not UTF-8'));
      else forAll.push(text);
      continue;
    }
    const owner = sealedPath(place.subject, owners);
    if (owner === undefined) problems.push(atFile('SEAL_ORPHAN', file.path, `the commit has no ${place.subject}`));
    else if (text === undefined) problems.push(atFile('SEAL_ENCODING', file.path, 'the seal is not UTF-8'));
    else bundles.set(owner, [...(bundles.get(owner) ?? []), text]);
  }
  const documents = placed.flatMap(({ file, place }): readonly ManifestDocument[] =>
    place.is === 'document'
      ? [
          {
            path: file.path,
            bytes: file.bytes,
            bundles: [...(bundles.get(file.path) ?? []), ...forAll],
            ownSeals: bundles.get(file.path)?.length ?? 0,
            kindHint: place.kindHint,
            name: place.name,
            members: place.kindHint === 'ruleset' ? (members.get(place.name) ?? []) : [],
          },
        ]
      : [],
  );
  const trustedRoot = placed.find(({ place }) => place.is === 'trusted-root')?.file.bytes;
  return { documents, sets: forAll, trustedRoot, trustVersions: trustVersionsOf(placed, bundles), problems };
};
