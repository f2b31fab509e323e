// SPDX-License-Identifier: Apache-2.0
// A folder as the operator reads a commit, and the trust policy in it as it came from the pinned one.
import { basename, dirname, join, relative, sep } from 'node:path';
import { readManifest, wantedPaths } from '../operator/manifest/index.ts';
import type { Manifest } from '../operator/manifest/index.ts';
import { digestOf } from '../policies/document/digest.ts';
import { loadTrust } from '../policies/trust/index.ts';
import type { Trust } from '../policies/trust/index.ts';
import type { TrustLink } from '../policies/trust/load.ts';
import type { Problem } from '../policies/problem.ts';
import { fileError, readBytes } from './files.ts';
import { entriesIn } from './find-files.ts';
import { UsageError, UserError } from './output.ts';

export const TRUST_FILE = 'trust.yaml';

/** Problems name files as a person would from here. */
export const placedIn = (folder: string, problem: Problem): Problem =>
  problem.at === undefined ? problem : { ...problem, at: { ...problem.at, file: join(folder, problem.at.file) } };

export const readPolicyRepository = (folder: string): Manifest => {
  try {
    const files = entriesIn(folder).flatMap(({ path, isFile }) => (isFile ? [relative(folder, path).split(sep).join('/')] : []));
    return readManifest(wantedPaths(files).map((path) => ({ path, bytes: readBytes(join(folder, path)) })));
  } catch (error) {
    throw error instanceof UserError ? error : fileError(folder, error);
  }
};

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export const checkDigest = (digest: string | undefined): string | undefined => {
  if (digest === undefined || DIGEST.test(digest)) return digest;
  throw new UsageError(`--trust-digest ${digest}: write sha256: and 64 digits from 0 to f`);
};

export type TrustQuestion = {
  /** The file. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly bundles: readonly string[];
  readonly trustedRoot: Uint8Array | undefined;
  /** Oldest first. */
  readonly chain: readonly TrustLink[];
  /** Undefined: what lies there is believed. */
  readonly pinned: string | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
};

export const chainIn = ({ trustVersions }: Manifest, folder: string): readonly TrustLink[] =>
  trustVersions.map(({ path, bytes, bundles, trustedRoot }) => ({ bytes, bundles, trustedRoot, file: join(folder, path) }));

export const trustFrom = ({ path, bytes, bundles, trustedRoot, chain, pinned, at }: TrustQuestion): Trust => {
  const outcome = loadTrust(bytes, {
    pinnedDigest: pinned ?? digestOf(bytes),
    file: path,
    trustedRoot,
    succession: { bundles, chain, at },
  });
  if (!outcome.ok) throw new UserError(outcome.problems);
  return outcome.trust;
};

/** The versions before, where the file lies in a repository under its own name. */
export const versionsBeside = (path: string): readonly TrustLink[] => {
  const folder = dirname(path);
  return basename(path) === TRUST_FILE ? chainIn(readPolicyRepository(folder), folder) : [];
};
