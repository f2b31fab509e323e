// SPDX-License-Identifier: Apache-2.0
// Whether those who signed are enough. A rule grants: a document passes when one rule that fits it has every group at
// its threshold; the order of rules never matters. Principals are counted, never signatures: (r, n−s) is a second valid
// ECDSA signature of the same key, and base64 and JSON have many spellings.
import type { Trust, TrustRule } from './trust.ts';

export type Fit = {
  readonly kind: string;
  /** The standing of a Ruleset's publisher. */
  readonly tier: string | undefined;
  /** Of a Policy that is confined to tenants. */
  readonly confined?: { readonly name: string; readonly tenants: readonly string[] } | undefined;
};

const missingFrom = (rule: TrustRule, signers: ReadonlySet<string>): readonly string[] =>
  rule.allOf.flatMap(({ threshold, principals }) => {
    const signed = [...principals].filter((name) => signers.has(name)).length;
    return signed >= threshold ? [] : [`${threshold} of ${[...principals].join(', ')} (has ${signed})`];
  });

/** A rule without groups would grant everything to nobody's seal. */
const isSatisfied = (rule: TrustRule, signers: ReadonlySet<string>): boolean =>
  rule.allOf.length > 0 && missingFrom(rule, signers).length === 0;

/** Names that begin so are the tenant's: no version of anybody else's policy can be replaced by one of a tenant. */
export const isTenantName = (name: string, tenant: string): boolean => name.startsWith(`${tenant}.`);

const fitsTenants = ({ tenants }: TrustRule, { kind, confined }: Fit): boolean => {
  if (tenants.size === 0) return true;
  if (kind !== 'Policy' || confined === undefined || confined.tenants.length === 0) return false;
  return confined.tenants.every((tenant) => tenants.has(tenant)) && [...tenants].some((tenant) => isTenantName(confined.name, tenant));
};

const fits = (rule: TrustRule, fit: Fit): boolean =>
  rule.kinds.has(fit.kind) &&
  fitsTenants(rule, fit) &&
  (rule.publisherTiers.size === 0 || (fit.tier !== undefined && rule.publisherTiers.has(fit.tier)));

/** Could these signers pass any document at all? Asked before the bytes are read as a policy. */
export const satisfyAny = (trust: Trust, signers: ReadonlySet<string>): boolean => trust.rules.some((rule) => isSatisfied(rule, signers));

export type RuleOutcome =
  | { readonly kind: 'granted'; /** Index into `spec.rules`. */ readonly rule: number }
  | { readonly kind: 'no-rule' }
  | { readonly kind: 'too-few'; readonly missing: readonly string[] };

export const applyRules = (trust: Trust, fit: Fit, signers: ReadonlySet<string>): RuleOutcome => {
  const fitting = trust.rules.filter((rule) => fits(rule, fit));
  if (fitting.length === 0) return { kind: 'no-rule' };
  const granting = trust.rules.findIndex((rule) => fits(rule, fit) && isSatisfied(rule, signers));
  if (granting !== -1) return { kind: 'granted', rule: granting };
  return { kind: 'too-few', missing: describeMissing(fitting, signers) };
};

/** What each rule still asks for, for people. */
export const describeMissing = (rules: readonly TrustRule[], signers: ReadonlySet<string>): readonly string[] => [
  ...new Set(rules.map((rule) => missingFrom(rule, signers).join(' and '))),
];
