// SPDX-License-Identifier: Apache-2.0
import type { GitSource, Policy, Ruleset, Tenant, TrustPolicy } from '../../crds/generated/types.ts';
import type { Problem } from '../problem.ts';
import type { ParsedDocument } from './index.ts';

export type DocumentObject =
  | { readonly kind: 'GitSource'; readonly object: GitSource }
  | { readonly kind: 'Policy'; readonly object: Policy }
  | { readonly kind: 'Ruleset'; readonly object: Ruleset }
  | { readonly kind: 'Tenant'; readonly object: Tenant }
  | { readonly kind: 'TrustPolicy'; readonly object: TrustPolicy };
export type ValidateOutcome = ({ readonly ok: true } & DocumentObject) | { readonly ok: false; readonly problems: readonly Problem[] };
export const validateDocument = (document: ParsedDocument): ValidateOutcome => { throw new Error(document.file); };
