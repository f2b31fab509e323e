// SPDX-License-Identifier: Apache-2.0
// Which commit `spec.ref` means, given what the remote lists. Pure.
import semver from 'semver';
import type { Problem, Result } from '../../policies/problem.ts';
import { shown } from './shown.ts';

/** `spec.ref` with Flux's precedence: commit, then name, semver, tag, branch. Without any: the remote's HEAD. */
export type GitRef = {
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  readonly semver?: string | undefined;
  readonly name?: string | undefined;
  readonly commit?: string | undefined;
};

/** What `ls-remote` said: full ref name → object id, with `NAME^{}` for what an annotated tag points to. */
export type RefListing = {
  readonly refs: ReadonlyMap<string, string>;
  /** The branch that HEAD stands for, as a full ref name. */
  readonly head: string | undefined;
};

export type ChosenRef = {
  /** The full ref name to fetch; undefined where only a commit is named. */
  readonly refName: string | undefined;
  /** The commit that the listing names for it. */
  readonly commit: string;
  /** What stands before the `@` of the revision; empty for a commit alone. */
  readonly label: string;
};

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

const refuse = (code: Problem['code'], message: string, path: string): Result<never> => ({
  ok: false,
  problem: { code, message, path },
});

// The rules of git-check-ref-format, so that nothing that reaches an argument list can be an option or a refspec of its own.
const isRefName = (name: string): boolean =>
  name !== '' &&
  name.length <= 1024 &&
  // oxlint-disable-next-line no-control-regex -- refused, not matched
  !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^[-/@.]$|^[-/.]|\/\.|[/.]$|\.lock(?:\/|$)/.test(name);

/** Looks at the names alone, before anything is run. */
export const checkRef = (ref: GitRef): Problem | undefined => {
  const bad = (path: string, value: string): Problem => ({
    code: 'SOURCE_REF_INVALID',
    message: `${shown(value)} is not a name that git allows`,
    path: `spec.ref.${path}`,
  });
  if (ref.commit !== undefined && !COMMIT.test(ref.commit)) {
    return { code: 'SOURCE_REF_INVALID', message: `${shown(ref.commit)} is not a full commit id`, path: 'spec.ref.commit' };
  }
  if (ref.branch !== undefined && !isRefName(ref.branch)) return bad('branch', ref.branch);
  if (ref.tag !== undefined && !isRefName(ref.tag)) return bad('tag', ref.tag);
  if (ref.name !== undefined && ref.name !== 'HEAD' && !(ref.name.startsWith('refs/') && isRefName(ref.name))) return bad('name', ref.name);
  if (ref.semver !== undefined && semver.validRange(ref.semver) === null) {
    return { code: 'SOURCE_REF_INVALID', message: `${shown(ref.semver)} is not a range of versions`, path: 'spec.ref.semver' };
  }
  return undefined;
};

/** True where branches and tags do not suffice to resolve the ref. */
export const needsEveryRef = (ref: GitRef): boolean =>
  ref.name !== undefined || (ref.branch === undefined && ref.tag === undefined && ref.semver === undefined);

const peeled = (listing: RefListing, refName: string): string | undefined => listing.refs.get(`${refName}^{}`) ?? listing.refs.get(refName);

const highestTag = (listing: RefListing, range: string): string | undefined => {
  const tags = [...listing.refs.keys()]
    .filter((name) => name.startsWith('refs/tags/') && !name.endsWith('^{}'))
    .map((name) => name.slice('refs/tags/'.length));
  return tags
    .filter((tag) => semver.valid(tag) !== null && semver.satisfies(tag, range))
    .toSorted((a, b) => semver.compareBuild(b, a) || (a < b ? -1 : 1))[0];
};

const found = (
  listing: RefListing,
  chosen: { readonly refName: string; readonly label: string; readonly path: string },
): Result<ChosenRef> => {
  const commit = peeled(listing, chosen.refName);
  return commit === undefined
    ? refuse('SOURCE_REF_NOT_FOUND', `the remote has no ${shown(chosen.refName)}`, chosen.path)
    : { ok: true, value: { refName: chosen.refName, commit, label: chosen.label } };
};

/** The commit that the ref means now. The ref has passed `checkRef`. */
export const chooseRef = (listing: RefListing, ref: GitRef): Result<ChosenRef> => {
  if (ref.commit !== undefined) {
    const refName = ref.branch === undefined ? undefined : `refs/heads/${ref.branch}`;
    return { ok: true, value: { refName, commit: ref.commit, label: ref.branch ?? '' } };
  }
  if (ref.name !== undefined) return found(listing, { refName: ref.name, label: ref.name, path: 'spec.ref.name' });
  if (ref.semver !== undefined) {
    const tag = highestTag(listing, ref.semver);
    return tag === undefined
      ? refuse('SOURCE_REF_NOT_FOUND', `the remote has no tag that satisfies ${shown(ref.semver)}`, 'spec.ref.semver')
      : found(listing, { refName: `refs/tags/${tag}`, label: tag, path: 'spec.ref.semver' });
  }
  if (ref.tag !== undefined) return found(listing, { refName: `refs/tags/${ref.tag}`, label: ref.tag, path: 'spec.ref.tag' });
  if (ref.branch !== undefined) return found(listing, { refName: `refs/heads/${ref.branch}`, label: ref.branch, path: 'spec.ref.branch' });
  const head = listing.head ?? 'HEAD';
  return found(listing, { refName: head, label: head.replace(/^refs\/heads\//, ''), path: 'spec.ref' });
};

/** `main@sha1:…` */
export const revisionOf = (label: string, commit: string): string =>
  `${label === '' ? '' : `${label}@`}${commit.length === 64 ? 'sha256' : 'sha1'}:${commit}`;

/** The branch and the commit of such a revision; undefined where it names no branch. */
export const parseRevision = (revision: string): { readonly label: string; readonly commit: string } | undefined => {
  const match = /^(.+)@sha(?:1:([0-9a-f]{40})|256:([0-9a-f]{64}))$/s.exec(revision);
  const commit = match?.[2] ?? match?.[3];
  return match?.[1] === undefined || commit === undefined ? undefined : { label: match[1], commit };
};
