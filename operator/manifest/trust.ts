// SPDX-License-Identifier: Apache-2.0
// The trust policy that a commit is judged by: the one that it brings, where that follows from the one in force. So a commit
// that hands trust on is verified as a whole under the new version, and refused as a whole where anything else in it was
// sealed by those who are trusted no more.
import { digestOf } from '../../policies/document/digest.ts';
import type { Problem } from '../../policies/problem.ts';
import { startOf } from '../../policies/problem.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { EvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { belowMark } from '../../policies/trust/follow.ts';
import type { TrustMark } from '../../policies/trust/follow.ts';
import { refuseSwap } from '../../policies/trust/succession.ts';
import type { Manifest } from './index.ts';

export type TrustInput = {
  readonly manifest: Manifest;
  /** What is in force; undefined where nothing is yet. */
  readonly held: Trust | undefined;
  /** What was in force before this process began. */
  readonly mark?: TrustMark | undefined;
  /** `sha256:hex`. */
  readonly pinnedDigest: string;
  /** Epoch ms. */
  readonly at: number;
  readonly evidence?: EvidenceMemory | undefined;
};

/** `trust`: undefined where the commit brings none and none is in force. */
export type TrustReading =
  | { readonly ok: true; readonly trust: Trust | undefined }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Total. */
export const readManifestTrust = ({ manifest, held, mark, pinnedDigest, at, evidence }: TrustInput): TrustReading => {
  const document = manifest.documents.find(({ kindHint }) => kindHint === 'trust');
  if (document === undefined) return { ok: true, trust: held };
  const { path: file, bytes, bundles } = document;
  const chain = manifest.trustVersions.map((version) => ({ ...version, file: version.path }));
  const { trustedRoot } = manifest;
  const brought = loadTrust(bytes, { pinnedDigest, file, trustedRoot, succession: { bundles, chain, at, evidence } });
  if (!brought.ok) return brought;
  const refused = held === undefined ? belowMark(brought.trust, mark) : refuseSwap(held, brought.trust);
  return refused === undefined ? { ok: true, trust: brought.trust } : { ok: false, problems: [{ ...refused, at: startOf(file) }] };
};

/** As `signature.chain` holds it. */
export type TrustChainLink = { readonly document: string; readonly bundles: readonly string[]; readonly trustedRoot?: string };

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** The versions that lead to the trust policy in force, each trusted root once. What stands before the pin is left out. */
export const chainOf = ({ trustVersions, trustedRoot }: Manifest, trust: Trust): readonly TrustChainLink[] => {
  const known = new Set(trustedRoot === undefined ? [] : [digestOf(trustedRoot)]);
  const needed = new Set(trust.predecessors.map(({ digest }) => digest));
  return trustVersions.flatMap(({ bytes, bundles, trustedRoot: root }): readonly TrustChainLink[] => {
    if (!needed.delete(digestOf(bytes))) return [];
    const digest = root === undefined ? undefined : digestOf(root);
    const brings = root !== undefined && digest !== undefined && !known.has(digest);
    if (digest !== undefined) known.add(digest);
    return [{ document: textOf(bytes), bundles, ...(brings ? { trustedRoot: textOf(root) } : {}) }];
  });
};
