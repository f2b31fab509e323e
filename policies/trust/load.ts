// SPDX-License-Identifier: Apache-2.0
// The TrustPolicy in force → `Trust`: believed by its pinned digest, or by a chain of versions that begins at the pinned one.
//
// Whose seal counts is decided by these bytes, so nothing in any of them is read before the pinned one is found among them
// by its digest; from there each next one is proven by the one before (succession.ts). What stands in the chain before the
// pinned version is never looked at.
import { digestOf } from '../document/digest.ts';
import { startOf } from '../problem.ts';
import type { Problem } from '../problem.ts';
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import type { Artifact } from './check-bundles.ts';
import type { EvidenceMemory } from './evidence-memory.ts';
import { readingTrustPolicy } from './read-policy.ts';
import type { LoadOutcome } from './read-policy.ts';
import { checkSuccession, sealingInSteps } from './succession.ts';
import type { CountedSeal } from './check-seal.ts';
import type { Trust } from './trust.ts';

export const MAX_CHAIN = 32;
/** An object of the API server holds 1.5 MiB, and the current version needs its share. */
const MAX_CHAIN_BYTES = 768 * 1024;

/** An earlier version. */
export type TrustLink = {
  readonly bytes: Uint8Array;
  readonly bundles: readonly string[];
  readonly trustedRoot?: Uint8Array | undefined;
  /** Names it in problems. */
  readonly file?: string;
};

export type LoadOptions = {
  /** `sha256:hex`. */
  readonly pinnedDigest: string;
  /** Names the document in problems. */
  readonly file?: string;
  /** The bytes of `trusted_root.json`. Without them no keyless seal counts; others than the pinned ones are refused. */
  readonly trustedRoot?: Uint8Array | undefined;
  /** How it came from the pinned version; needed where it is not that one. */
  readonly succession?: {
    /** Its own seals. */
    readonly bundles: readonly string[];
    /** The versions before it, oldest first. */
    readonly chain: readonly TrustLink[];
    /** Now, epoch milliseconds. */
    readonly at: number;
    readonly evidence?: EvidenceMemory | undefined;
  };
};

const refuse = (problem: Problem, others: readonly Problem[] = []): LoadOutcome => ({ ok: false, problem, problems: [problem, ...others] });

type Step = { readonly artifact: Artifact; readonly digest: string; readonly trustedRoot: Uint8Array | undefined };

const sizeOf = ({ bytes, bundles, trustedRoot }: TrustLink): number =>
  bytes.length + bundles.reduce((sum, bundle) => sum + bundle.length, 0) + (trustedRoot?.length ?? 0);

const chainProblem = (chain: readonly TrustLink[], file: string): Problem | undefined => {
  const bytes = chain.reduce((sum, link) => sum + sizeOf(link), 0);
  if (chain.length <= MAX_CHAIN && bytes <= MAX_CHAIN_BYTES) return undefined;
  const message = `the chain has ${chain.length} versions of ${bytes} bytes, at most ${MAX_CHAIN} of ${MAX_CHAIN_BYTES}; raise the pin`;
  return { code: 'TRUST_CHAIN_BROKEN', message, at: startOf(file) };
};

const newestOf = (times: readonly (number | undefined)[]): number | undefined => {
  const known = times.flatMap((time) => time ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
};

/** The times that its own seals prove; they say when somebody last vouched for all that it names. */
const sealedMsOf = (seals: readonly CountedSeal[]): number | undefined => newestOf(seals.map(({ signedAtMs }) => signedAtMs));

/** Of the version that is believed by its digest, whatever they are worth. */
const ownSeals = function* (trust: Trust, { artifact, digest }: Step, at: number | undefined): Steps<readonly CountedSeal[]> {
  return at === undefined || artifact.bundles.length === 0 ? [] : (yield* sealingInSteps(trust, artifact, { digest, at })).seals;
};

const stepsOf = (bytes: Uint8Array, file: string, { trustedRoot, succession }: LoadOptions): readonly Step[] => {
  const links: readonly TrustLink[] = [...(succession?.chain ?? []), { bytes, bundles: succession?.bundles ?? [], trustedRoot, file }];
  return links.map((link, index) => ({
    artifact: {
      bytes: link.bytes,
      bundles: link.bundles,
      file: link.file ?? `signature.chain[${index}]`,
      evidence: succession?.evidence,
    },
    digest: digestOf(link.bytes),
    trustedRoot: link.trustedRoot,
  }));
};

const rootsOf = (steps: readonly Step[]): ReadonlyMap<string, Uint8Array> =>
  new Map(steps.flatMap(({ trustedRoot }) => (trustedRoot === undefined ? [] : [[digestOf(trustedRoot), trustedRoot]])));

const walk = function* (steps: readonly Step[], at: number | undefined): Steps<LoadOutcome> {
  const otherRoots = rootsOf(steps);
  const behind: Trust[] = [];
  let loaded: LoadOutcome = refuse({ code: 'TRUST_CHAIN_BROKEN', message: 'there is no version' });
  for (const [index, step] of steps.entries()) {
    const { artifact, trustedRoot } = step;
    if (index > 0) yield;
    const read = yield* readingTrustPolicy(artifact.bytes, { file: artifact.file, trustedRoot, otherRoots });
    if (!read.ok) {
      if (index === steps.length - 1) return read;
      const { code, message } = read.problem;
      return refuse({
        code: 'TRUST_CHAIN_BROKEN',
        message: `an earlier version cannot be used: ${code}: ${message}`,
        at: startOf(artifact.file),
      });
    }
    const [before] = behind;
    yield;
    const followed =
      before === undefined ? undefined : yield* checkSuccession({ before, after: read.trust, artifact, at: at ?? Number.NaN });
    if (followed?.ok === false) return refuse(followed.problem, followed.others);
    const seals = followed?.seals ?? (yield* ownSeals(read.trust, step, at));
    const trust: Trust = { ...read.trust, predecessors: [...behind], sealedMs: sealedMsOf(seals) };
    behind.unshift(trust);
    loaded = { ...read, trust };
  }
  return loaded;
};

/** In steps of some milliseconds each. Total. Whether the trust policy has expired is judged by `verify`, which is told the time. */
const loadInSteps = function* (bytes: Uint8Array, options: LoadOptions): Steps<LoadOutcome> {
  const file = options.file ?? 'trust policy';
  const { succession, pinnedDigest } = options;
  const tooMuch = chainProblem(succession?.chain ?? [], file);
  if (tooMuch !== undefined) return refuse(tooMuch);
  const steps = stepsOf(bytes, file, options);
  const pinned = steps.findLastIndex(({ digest }) => digest === pinnedDigest);
  if (pinned === -1) {
    const digest = digestOf(bytes);
    const among = steps.length === 1 ? '' : `, and none of the ${steps.length - 1} versions before it is`;
    return refuse({ code: 'TRUST_NOT_PINNED', message: `its digest is ${digest}, pinned is ${pinnedDigest}${among}`, at: startOf(file) });
  }
  try {
    return yield* walk(steps.slice(pinned), succession?.at);
  } catch {
    // Nothing is known to come here; if a library throws after all, the answer is no.
    return refuse({ code: 'TRUST_CHAIN_BROKEN', message: 'a seal of the chain cannot be checked', at: startOf(file) });
  }
};

export const loadTrust = atOnce(loadInSteps);

/** `signature` of the TrustPolicy object. */
export type TrustSignature = {
  readonly document: string;
  readonly bundles?: readonly string[];
  readonly trustedRoot?: string;
  readonly chain?: readonly { readonly document: string; readonly bundles?: readonly string[]; readonly trustedRoot?: string }[];
};

export type SignatureOptions = { readonly pinnedDigest: string; readonly at: number; readonly evidence?: EvidenceMemory | undefined };

const bytesOf = (text: string | undefined): Uint8Array | undefined => (text === undefined ? undefined : Buffer.from(text));

const FILE = 'trust.yaml';

const optionsOf = (signature: TrustSignature, { pinnedDigest, at, evidence }: SignatureOptions): LoadOptions => ({
  pinnedDigest,
  file: FILE,
  trustedRoot: bytesOf(signature.trustedRoot),
  succession: {
    bundles: signature.bundles ?? [],
    chain: (signature.chain ?? []).map(({ document, bundles = [], trustedRoot }) => ({
      bytes: Buffer.from(document),
      bundles,
      trustedRoot: bytesOf(trustedRoot),
    })),
    at,
    evidence,
  },
});

/** `loadTrust` for what the API server holds. */
export const loadTrustObjectInSteps = (signature: TrustSignature, options: SignatureOptions): Steps<LoadOutcome> =>
  loadInSteps(Buffer.from(signature.document), optionsOf(signature, options));

export const loadTrustObject = atOnce(loadTrustObjectInSteps);
