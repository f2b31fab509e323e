// SPDX-License-Identifier: Apache-2.0
// What a TrustPolicy says, ready for use: principals by key hint, rules, revocations.
import type { KeyObject } from 'node:crypto';

/** Whoever's seal can count. Thresholds count principals, never keys or signatures. */
export type Principal = { readonly name: string };

/** A public key of a principal; one whose algorithm is not supported is kept so that its seals are refused by name. */
export type TrustedKey = {
  readonly principal: Principal;
  /** base64 of the SHA-256 of the key's SubjectPublicKeyInfo in DER. */
  readonly hint: string;
  readonly algorithm: string;
  readonly supported: boolean;
  readonly publicKey: KeyObject;
  /** Epoch milliseconds: valid from (inclusive) until (exclusive). */
  readonly validFromMs: number;
  readonly validUntilMs: number;
};

export type Threshold = { readonly threshold: number; readonly principals: ReadonlySet<string> };
export type TrustRule = {
  readonly kinds: ReadonlySet<string>;
  /** Empty: of any tier, also of none. */
  readonly publisherTiers: ReadonlySet<string>;
  readonly allOf: readonly Threshold[];
};

export type Trust = {
  /** `sha256:hex` of the TrustPolicy's document. */
  readonly digest: string;
  readonly name: string;
  readonly version: number;
  /** Epoch milliseconds, undefined = never. */
  readonly expires: number | undefined;
  /** What happens to documents without a good seal. */
  readonly unsigned: 'Deny' | 'Audit';
  readonly principals: ReadonlyMap<string, Principal>;
  readonly keys: ReadonlyMap<string, TrustedKey>;
  readonly rules: readonly TrustRule[];
  readonly revoked: {
    readonly principals: ReadonlySet<string>;
    readonly keys: ReadonlySet<string>;
    readonly documents: ReadonlySet<string>;
  };
};
