// SPDX-License-Identifier: Apache-2.0
// What the seals of a policy repository are worth: each document's standing, and the seals that belong to nothing.
//
// The words: sealed, unsealed (there is none), stale (all are of other bytes), few (good ones, but not enough of those whom a
// rule asks for), wrong (none is by whom the trust policy names), expired, expiring (within the time given), unneeded (no
// rule asks for one), invalid (nothing that could be enforced). Pure; `seal.ts` prints it.
import { join } from 'node:path';
import type { Manifest, ManifestDocument } from '../operator/manifest/index.ts';
import { KINDS } from '../operator/manifest/layout.ts';
import type { Problem } from '../policies/problem.ts';
import { isFor, readBundle } from '../policies/trust/bundle.ts';
import { verifyArtifact } from '../policies/trust/index.ts';
import type { Trust, VerifyOutcome } from '../policies/trust/index.ts';
import { placedIn } from './policy-repository.ts';

export type Standing = 'sealed' | 'expiring' | 'unneeded' | 'unsealed' | 'stale' | 'few' | 'wrong' | 'expired' | 'invalid';

export type SealStatus = {
  readonly file: string;
  readonly standing: Standing;
  readonly signers: readonly string[];
  /** The first moment at which it counts no more, epoch milliseconds. */
  readonly endsMs: number | undefined;
  readonly problems: readonly Problem[];
};

export type StatusQuestion = {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly trust: Trust;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly withinMs: number;
  /** Why trust.yaml does not follow from the version before it; empty where it does, or is the first. */
  readonly trustProblems: readonly Problem[];
};

const GOOD: ReadonlySet<Standing> = new Set(['sealed', 'unneeded']);
export const isGood = ({ standing }: SealStatus): boolean => GOOD.has(standing);

/** Of a bundle that can be read; one that cannot is as good as none for these bytes. */
const isOfOthers = (bundle: string, bytes: Uint8Array): boolean => {
  const read = readBundle(bundle);
  return read.ok && !isFor(read.seal, bytes);
};

const EXPIRED: ReadonlySet<string> = new Set(['SEAL_EXPIRED', 'SEAL_KEY_NOT_VALID']);
const FEW: ReadonlySet<string> = new Set(['SEAL_THRESHOLD', 'SEAL_NO_RULE']);

const standingOf = ({ bytes, bundles }: ManifestDocument, outcome: VerifyOutcome, { at, withinMs }: StatusQuestion): Standing => {
  if (outcome.ok) return outcome.endsMs !== undefined && outcome.endsMs <= at + withinMs ? 'expiring' : 'sealed';
  if (bundles.length === 0) return 'unsealed';
  if (bundles.every((bundle) => isOfOthers(bundle, bytes))) return 'stale';
  const { code } = outcome.problem;
  if (FEW.has(code)) return 'few';
  if (outcome.problems.some((problem) => EXPIRED.has(problem.code))) return 'expired';
  return code.startsWith('SEAL_') ? 'wrong' : 'invalid';
};

/** A set at the root speaks of what it lists; a document that it leaves out has no seal by it, stale or not. */
const ownBundles = ({ bytes, bundles }: ManifestDocument, forAll: ReadonlySet<string>): readonly string[] =>
  bundles.filter((bundle) => !forAll.has(bundle) || !isOfOthers(bundle, bytes));

const statusOf = (document: ManifestDocument, question: StatusQuestion, forAll: ReadonlySet<string>): SealStatus => {
  const { trust, folder, at } = question;
  const kind = KINDS[document.kindHint];
  const file = join(folder, document.path);
  const own = { ...document, bundles: ownBundles(document, forAll) };
  const isAsked = kind !== 'Tenant' || trust.rules.some(({ kinds }) => kinds.has(kind));
  if (!isAsked) return { file, standing: 'unneeded', signers: [], endsMs: undefined, problems: [] };
  const outcome = verifyArtifact({ bytes: own.bytes, bundles: own.bundles, file }, trust, at);
  return {
    file,
    standing: standingOf(own, outcome, question),
    signers: outcome.ok ? outcome.signers.map(({ name }) => name) : [],
    endsMs: outcome.ok ? outcome.endsMs : undefined,
    problems: outcome.ok ? outcome.ignored : outcome.problems,
  };
};

/** The trust policy is believed by digest or succession, which the caller has asked; what may end is its own date. */
const statusOfTrust = ({ bytes, bundles, path }: ManifestDocument, question: StatusQuestion): SealStatus => {
  const { trust, folder, at, withinMs, trustProblems: problems } = question;
  const endsMs = trust.expires === undefined ? undefined : trust.expires + 1;
  const ofTime = (): Standing | undefined => {
    if (endsMs === undefined || endsMs > at + withinMs) return undefined;
    return endsMs <= at ? 'expired' : 'expiring';
  };
  const ofSeals = (): Standing => {
    const isStale = bundles.length > 0 && bundles.every((bundle) => isOfOthers(bundle, bytes));
    if (problems.length > 0) return bundles.length === 0 ? 'unsealed' : isStale ? 'stale' : 'few';
    return bundles.length === 0 ? 'unneeded' : isStale ? 'stale' : 'sealed';
  };
  const bySeals = ofSeals();
  const standing = GOOD.has(bySeals) ? (ofTime() ?? bySeals) : bySeals;
  return { file: join(folder, path), standing, signers: [], endsMs, problems };
};

export type RepositoryStatus = {
  readonly documents: readonly SealStatus[];
  /** Of names: seals of no file, files left unread. */ readonly problems: readonly Problem[];
};

/** Members of a ruleset are sealed by the digests in it. */
const isSealedItself = ({ kindHint, path }: ManifestDocument): boolean => kindHint !== 'ruleset' || path.endsWith('/ruleset.yaml');

export const sealStatus = (question: StatusQuestion): RepositoryStatus => {
  const { manifest, folder } = question;
  const sets = new Set(manifest.sets);
  return {
    documents: manifest.documents
      .filter(isSealedItself)
      .map((document) =>
        document.kindHint === 'trust'
          ? statusOfTrust({ ...document, bundles: document.bundles.filter((bundle) => !sets.has(bundle)) }, question)
          : statusOf(document, question, sets),
      ),
    problems: manifest.problems.map((problem) => placedIn(folder, problem)),
  };
};
