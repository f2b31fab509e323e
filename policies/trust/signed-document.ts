// SPDX-License-Identifier: Apache-2.0
// What sealed bytes say that they are, read from nothing else.
import type { License, Policy, PriceBook, Ruleset, Tenant, TierCatalog } from '../../crds/generated/objects.ts';
import type { ParsedDocument } from '../document/index.ts';

type SignedObject =
  | { readonly kind: 'Policy'; readonly object: Policy }
  | { readonly kind: 'PriceBook'; readonly object: PriceBook }
  | { readonly kind: 'Ruleset'; readonly object: Ruleset }
  | { readonly kind: 'Tenant'; readonly object: Tenant }
  | { readonly kind: 'TierCatalog'; readonly object: TierCatalog }
  | { readonly kind: 'License'; readonly object: License };

export type SignedDocument = SignedObject & {
  /** `sha256:hex` of the signed bytes. */
  readonly digest: string;
  readonly parsed: ParsedDocument;
  readonly name: string;
  /** 0 for a Tenant without one. */
  readonly version: number;
  /** Epoch milliseconds, the last moment; undefined = never. */
  readonly expires: number | undefined;
};
