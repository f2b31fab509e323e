// SPDX-License-Identifier: Apache-2.0
// The trust that a running process goes by, as the TrustPolicy object changes: it only moves forward. Other bytes that are no
// good, an older version, another of the same version and a deleted object leave it as it is, or a hand in the cluster
// could open or close tenants by them. webhook/ and operator/ import this; both must come to the same trust.
import { TRUST_POLICY_NAME, trustPolicies } from '../../crds/kinds.ts';
import type { Problem } from '../problem.ts';
import type { EvidenceMemory } from './evidence-memory.ts';
import type { Steps } from '../steps.ts';
import { loadTrustObjectInSteps } from './load.ts';
import type { TrustSignature } from './load.ts';
import { refuseSwap } from './succession.ts';
import { isCurrent } from './term.ts';
import type { Trust } from './trust.ts';

/** What is in force, and what is wrong with what is there now. */
export type Followed = {
  readonly trust: Trust | undefined;
  /** What proved it: the same document may come again with less. */
  readonly provenBy?: TrustSignature | undefined;
  readonly problem: Problem | undefined;
};

export type TrustMark = { readonly version: number; readonly digest: string };

type NamedMark = TrustMark & { readonly kind: string; readonly name: string };

/** The one of the trust policy among all marks. */
export const trustMarkIn = (marks: readonly NamedMark[] | undefined): TrustMark | undefined =>
  marks?.find(({ kind, name }) => kind === trustPolicies.kind && name === TRUST_POLICY_NAME);

/**
 * `object`: the TrustPolicy `cluster`, if it is there; `atMs`: now, epoch milliseconds; `mark`: the newest version that other
 * processes have seen, for one that starts. In steps of some milliseconds each, one call after the other.
 */
export type FollowTrust = (object: { readonly signature?: TrustSignature } | undefined, atMs: number, mark?: TrustMark) => Steps<Followed>;

export type FollowOptions = { readonly pinnedDigest: string; readonly evidence?: EvidenceMemory };

const missing = (message: string): Problem => ({ code: 'TRUST_MISSING', message });

/** For a process that starts, which has seen nothing: the pinned version alone would always be good to it. */
export const belowMark = ({ version, digest }: Pick<Trust, 'version' | 'digest'>, mark: TrustMark | undefined): Problem | undefined => {
  if (mark === undefined || version > mark.version) return undefined;
  if (version < mark.version)
    return { code: 'TRUST_ROLLBACK', message: `version ${version} is older than version ${mark.version}, which was in force` };
  return digest === mark.digest
    ? undefined
    : { code: 'TRUST_CHAIN_EQUIVOCATION', message: `version ${version} is ${digest}, and ${mark.digest} was in force` };
};

export const createTrustFollower = ({ pinnedDigest, evidence }: FollowOptions): FollowTrust => {
  let held: Trust | undefined;
  let provenBy: TrustSignature | undefined;
  let seen: { readonly text: string; readonly problem: Problem | undefined; readonly atMs: number } | undefined;
  let last: TrustSignature | undefined;

  const take = function* (signature: TrustSignature, at: number, mark: TrustMark | undefined): Steps<Problem | undefined> {
    const loaded = yield* loadTrustObjectInSteps(signature, { pinnedDigest, at, evidence });
    if (!loaded.ok) return loaded.problem;
    const refused = refuseSwap(held, loaded.trust);
    if (refused !== undefined) return refused;
    const older = held === undefined ? belowMark(loaded.trust, mark) : undefined;
    if (older !== undefined) return older;
    // A root that was there and is taken away must not close what stands by it.
    if (held?.digest === loaded.trust.digest && held.root.ok && !loaded.trust.root.ok) return undefined;
    held = loaded.trust;
    provenBy = signature;
    return undefined;
  };

  return function* (object, atMs, mark) {
    const signature = object?.signature;
    if (signature === undefined) {
      const problem = missing(object === undefined ? 'there is no TrustPolicy cluster' : 'TrustPolicy cluster has no signature.document');
      return { trust: held, provenBy, problem: held === undefined ? problem : undefined };
    }
    const isSame = seen !== undefined && (signature === last || JSON.stringify(signature) === seen.text);
    // What was taken stays, whatever the clock says; a seal that is not valid yet may be so later.
    const isStale = seen?.problem !== undefined && !isCurrent({ isGood: false, atMs: seen.atMs, untilMs: undefined }, atMs);
    if (!isSame || isStale) seen = { text: JSON.stringify(signature), problem: yield* take(signature, atMs, mark), atMs };
    last = signature;
    return { trust: held, provenBy, problem: seen?.problem };
  };
};
