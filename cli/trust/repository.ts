// SPDX-License-Identifier: Apache-2.0
// The trust policy of a repository as the commands of this folder read and write it: the version that lies there, the ones
// before it, and the next one, which leaves a copy of its predecessor with its seals as trust/VERSION.yaml.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { trustVersionPath } from '../../operator/manifest/layout.ts';
import type { Manifest } from '../../operator/manifest/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { isFor, readBundle } from '../../policies/trust/bundle.ts';
import { TRUSTED_ROOT_FILE } from '../../policies/trust/index.ts';
import { readTrustPolicy } from '../../policies/trust/read-policy.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { readText, replaceFile, writeNew } from '../files.ts';
import { UserError } from '../output.ts';
import { TRUST_FILE, readPolicyRepository } from '../policy-repository.ts';
import { sealPathsOf } from '../seal-files.ts';
import { bumpDocument } from '../signing/bump.ts';

export type TrustRepository = {
  readonly folder: string;
  readonly path: string;
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Its own seals, by file. */
  readonly seals: ReadonlyMap<string, string>;
  /** As its bytes say; whether to believe them is another question. */
  readonly trust: Trust;
};

export const readAsTrust = (bytes: Uint8Array, file: string, trustedRoot?: Uint8Array): Trust => {
  const read = readTrustPolicy(bytes, { file, trustedRoot, otherRoots: new Map() });
  if (!read.ok) throw new UserError(read.problems);
  return { ...read.trust, predecessors: [], sealedMs: undefined };
};

export const openTrust = (folder: string): TrustRepository => {
  const path = join(folder, TRUST_FILE);
  const text = readText(path);
  const manifest = readPolicyRepository(folder);
  const bytes = Buffer.from(text);
  const seals = new Map(sealPathsOf(path).map((seal) => [seal, readText(seal)]));
  return { folder, path, manifest, bytes, text, seals, trust: readAsTrust(bytes, path, manifest.trustedRoot) };
};

const isSealed = ({ seals, bytes }: TrustRepository): boolean =>
  [...seals.values()].some((text) => {
    const read = readBundle(text);
    return read.ok && isFor(read.seal, bytes);
  });

/** It follows a version that is kept, and nobody has sealed it yet: more may be changed in it. */
const isDraft = (repository: TrustRepository): boolean =>
  existsSync(join(repository.folder, trustVersionPath(repository.trust.version - 1))) && !isSealed(repository);

/** What is written, in this order; nothing that is there is lost. */
export type NextVersion = { readonly text: string; readonly version: number; readonly kept: ReadonlyMap<string, string> };

const raise = (text: string, file: string, now: number, termMs: number | undefined): string => {
  const raised = bumpDocument(Buffer.from(text), { file, bundles: [], termMs, now });
  if (!raised.ok) throw new UserError(raised.problems);
  return Buffer.from(raised.bytes).toString('utf8');
};

/** `edited`: the text of trust.yaml with what is new in it, its version not raised yet. */
export const nextVersion = (
  repository: TrustRepository,
  edited: string,
  times: { readonly now: number; readonly termMs: number | undefined },
): NextVersion => {
  const { folder, path, text, seals, trust, manifest } = repository;
  if (isDraft(repository)) return { text: edited, version: trust.version, kept: new Map() };
  const copy = join(folder, trustVersionPath(trust.version));
  const kept = new Map([[copy, text]]);
  for (const [seal, bundle] of seals) kept.set(`${copy}${seal.slice(path.length)}`, bundle);
  if (manifest.trustedRoot !== undefined && trust.root.ok)
    kept.set(join(folder, `trust/${trust.version}.${TRUSTED_ROOT_FILE}`), Buffer.from(manifest.trustedRoot).toString('utf8'));
  return { text: raise(edited, path, times.now, times.termMs), version: trust.version + 1, kept };
};

export type WrittenTrust = { readonly file: string; readonly version: number; readonly digest: string; readonly kept: readonly string[] };

/** Refuses what the operator would refuse before anything is written. */
export const writeNext = ({ path, manifest, seals }: TrustRepository, { text, version, kept }: NextVersion): WrittenTrust => {
  const bytes = Buffer.from(text);
  readAsTrust(bytes, path, manifest.trustedRoot);
  for (const [file, content] of kept) if (!existsSync(file) || readText(file) !== content) writeNew(file, content, 0o644);
  replaceFile(path, text);
  // They are kept beside the version that they are of; here they would be of other bytes.
  if (kept.size > 0) for (const seal of seals.keys()) rmSync(seal, { force: true });
  return { file: path, version, digest: digestOf(bytes), kept: [...kept.keys()] };
};
