// SPDX-License-Identifier: Apache-2.0
// What a TrustPolicy says, ready for use: principals, their keys by hint, their identities, rules, revocations. All
// look-ups are by Map and Set, since hints and names come from attackers too.
import type { Problem } from '../problem.ts';
import type { PublicKey } from './key.ts';
import type { TrustedRoot } from './trusted-root.ts';

/** Whoever's seal can count. Thresholds count principals, never keys or signatures. */
export type Principal = { readonly name: string };

/** A key of a principal. One that can make no seal is kept, so that its seals are refused by name. */
export type TrustedKey = PublicKey & {
  readonly principal: Principal;
  /** Epoch milliseconds, both inclusive. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
};

/** An identity in a certificate; all of it is compared as exact text. */
export type TrustedIdentity = {
  readonly principal: Principal;
  readonly issuer: string;
  readonly subject: string;
  /** Extensions of the certificate, object identifier → text. */
  readonly oids: ReadonlyMap<string, string>;
};

/** Certificates of an identity that count no more where a trusted time of the seal lies within; epoch milliseconds, both inclusive. */
export type RevokedIdentity = {
  readonly issuer: string;
  readonly subject: string;
  readonly fromMs: number;
  readonly untilMs: number;
};

export type Threshold = { readonly threshold: number; readonly principals: ReadonlySet<string> };

export type TrustRule = {
  readonly kinds: ReadonlySet<string>;
  /** Standings of a Ruleset's publisher that the rule speaks of; empty = all. */
  readonly publisherTiers: ReadonlySet<string>;
  /** Tenants whose own policies the rule speaks of, and of nothing else then; empty = it speaks of no tenant's in particular. */
  readonly tenants: ReadonlySet<string>;
  readonly allOf: readonly Threshold[];
};

/** The authorities for keyless seals, or why there are none. */
export type RootState = { readonly ok: true; readonly root: TrustedRoot } | { readonly ok: false; readonly problem: Problem };

export type Trust = {
  /** `sha256:hex` of the TrustPolicy's document. */
  readonly digest: string;
  readonly version: number;
  /** Epoch milliseconds, the last moment; undefined = never. */
  readonly expires: number | undefined;
  readonly principals: ReadonlyMap<string, Principal>;
  readonly keys: ReadonlyMap<string, TrustedKey>;
  readonly identities: readonly TrustedIdentity[];
  readonly root: RootState;
  readonly rules: readonly TrustRule[];
  readonly revoked: {
    readonly principals: ReadonlySet<string>;
    readonly keys: ReadonlySet<string>;
    readonly documents: ReadonlySet<string>;
    readonly identities: readonly RevokedIdentity[];
  };
  /** By `documentKey`: the least version, or sequence of a set, that counts. */
  readonly minimums: ReadonlyMap<string, number>;
  /** What becomes of a Policy without any seal. */
  readonly unsigned: 'Deny' | 'Audit';
  /** The versions before it, newest first, back to the pinned one. */
  readonly predecessors: readonly Trust[];
  /** The newest trusted time of its own seals, epoch milliseconds; undefined where nothing trusted says one. */
  readonly sealedMs: number | undefined;
};

/** Fails closed: a time that is not one (`NaN`) is after nothing and before nothing. */
export const isPast = (lastMomentMs: number | undefined, at: number): boolean => lastMomentMs !== undefined && !(at <= lastMomentMs);
