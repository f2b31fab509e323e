// SPDX-License-Identifier: Apache-2.0
// From one version of the trust policy to the next: who must have sealed it, and what a process that holds one may take.
//
// As with the root role of TUF (theupdateframework.github.io/specification, 5.3): the next version is one more, and bears
// enough seals both by the rules for TrustPolicy of the version before, which hands trust on, and by its own, so that nobody
// is named who cannot seal. Each version judges seals by its own principals, revocations and trusted root. That an earlier
// version has expired does not matter: it is only a step on the way.
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { startOf } from '../problem.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { checkBundles } from './check-bundles.ts';
import type { Artifact } from './check-bundles.ts';
import type { CountedSeal } from './check-seal.ts';
import { MAX_BUNDLES } from './bundle.ts';
import { applyRules } from './rules.ts';
import type { Trust } from './trust.ts';

const FIT = { kind: 'TrustPolicy', tier: undefined } as const;

export type Sealing = {
  readonly isEnough: boolean;
  readonly seals: readonly CountedSeal[];
  /** What is still asked for, for people; empty when it is enough. */
  readonly missing: readonly string[];
  readonly ignored: readonly Problem[];
};

/** Who of a trust policy's principals has sealed these bytes of a (next) trust policy, and whether that is enough. */
export const sealingInSteps = function* (
  trust: Trust,
  artifact: Artifact,
  { digest, at }: { readonly digest: string; readonly at: number },
): Steps<Sealing> {
  const no = (missing: string): Sealing => ({ isEnough: false, seals: [], missing: [missing], ignored: [] });
  if (artifact.bundles.length > MAX_BUNDLES) return no(`it has ${artifact.bundles.length} seals, at most ${MAX_BUNDLES} are read`);
  if (trust.revoked.documents.has(digest)) return no(`version ${trust.version} revokes the document ${digest}`);
  const { counted: seals, ignored } = yield* checkBundles(artifact, { trust, at, digest });
  const outcome = applyRules(trust, FIT, new Set(seals.map(({ principal }) => principal.name)));
  if (outcome.kind === 'granted') return { isEnough: true, seals, missing: [], ignored };
  const missing = outcome.kind === 'no-rule' ? [`no rule of version ${trust.version} speaks of a TrustPolicy`] : outcome.missing;
  return { isEnough: false, seals, missing, ignored };
};

export const sealingBy = atOnce(sealingInSteps);

export type SuccessionInput = {
  readonly before: Trust;
  /** As its own bytes have it. */
  readonly after: Trust;
  /** Those bytes, with their seals. */
  readonly artifact: Artifact;
  /** Now, epoch milliseconds. */
  readonly at: number;
};

export type SuccessionOutcome =
  | { readonly ok: true; readonly seals: readonly CountedSeal[] }
  | { readonly ok: false; readonly problem: Problem; readonly others: readonly Problem[] };

const versionProblem = (before: Trust, after: Trust): { readonly code: ProblemCode; readonly message: string } | undefined => {
  if (after.version === before.version + 1) return undefined;
  if (after.version === before.version && after.digest !== before.digest)
    return { code: 'TRUST_CHAIN_EQUIVOCATION', message: `version ${after.version} exists with other bytes too, ${before.digest}` };
  return {
    code: 'TRUST_CHAIN_VERSION',
    message: `version ${after.version} follows version ${before.version}; each is one more than the one before`,
  };
};

/** Whether one version may follow another; with its own seals as it counts them itself. Total. */
export const checkSuccession = function* ({ before, after, artifact, at }: SuccessionInput): Steps<SuccessionOutcome> {
  const place = startOf(artifact.file);
  const refuse = (code: ProblemCode, message: string, others: readonly Problem[] = []): SuccessionOutcome => ({
    ok: false,
    problem: { code, message, at: place, ...(code === 'TRUST_CHAIN_VERSION' ? { path: 'spec.version' } : {}) },
    others,
  });
  const wrong = versionProblem(before, after);
  if (wrong !== undefined) return refuse(wrong.code, wrong.message);
  const sealed = { digest: after.digest, at };
  const lacking = ({ version }: Trust, code: ProblemCode, { missing, ignored }: Sealing): SuccessionOutcome =>
    refuse(code, `version ${after.version} needs by the rules of version ${version}: ${missing.join('; or ')}`, ignored);
  const handedOn = yield* sealingInSteps(before, artifact, sealed);
  if (!handedOn.isEnough) return lacking(before, 'TRUST_CHAIN_SEALS_BEFORE', handedOn);
  yield;
  const own = yield* sealingInSteps(after, artifact, sealed);
  return own.isEnough ? { ok: true, seals: own.seals } : lacking(after, 'TRUST_CHAIN_SEALS_OWN', own);
};

/**
 * Whether a process that holds one trust policy may take another that was loaded from the same pin: never a lower version,
 * never another of the same, and only one that came from what it holds.
 */
export const refuseSwap = (held: Trust | undefined, next: Trust): Problem | undefined => {
  if (held === undefined || held.digest === next.digest) return undefined;
  if (next.version < held.version)
    return { code: 'TRUST_ROLLBACK', message: `version ${next.version} is older than version ${held.version}, which is in force` };
  if (next.predecessors.some(({ digest }) => digest === held.digest)) return undefined;
  const other = next.predecessors.find(({ version }) => version === held.version) ?? next;
  return {
    code: 'TRUST_CHAIN_EQUIVOCATION',
    message: `version ${held.version} in force is ${held.digest}, and here it is ${other.digest}`,
  };
};
