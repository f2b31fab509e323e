// SPDX-License-Identifier: Apache-2.0
// A parsed document → an object of one of our kinds, typed. Unknown fields are refused: a misspelt `enforcment` must not
// pass as a policy without enforcement.
import type { GitSource, License, Policy, PriceBook, Ruleset, Tenant, TierCatalog, TrustPolicy } from '../../crds/generated/objects.ts';
import {
  validateGitSource,
  validateLicense,
  validatePolicy,
  validatePriceBook,
  validateRuleset,
  validateTenant,
  validateTierCatalog,
  validateTrustPolicy,
} from '../../crds/generated/validators.js';
import type { AjvError, Validator } from '../../crds/generated/validators.js';
import { API_VERSION } from '../../crds/kinds.ts';
import type { Problem } from '../problem.ts';
import type { ParsedDocument } from './index.ts';
import { own } from './json.ts';
import { explainErrors } from './schema-errors.ts';
import { checkRules } from './schema-rules.ts';
import { nearest } from './spelling.ts';

export type DocumentObject =
  | { readonly kind: 'GitSource'; readonly object: GitSource }
  | { readonly kind: 'License'; readonly object: License }
  | { readonly kind: 'Policy'; readonly object: Policy }
  | { readonly kind: 'PriceBook'; readonly object: PriceBook }
  | { readonly kind: 'Ruleset'; readonly object: Ruleset }
  | { readonly kind: 'Tenant'; readonly object: Tenant }
  | { readonly kind: 'TierCatalog'; readonly object: TierCatalog }
  | { readonly kind: 'TrustPolicy'; readonly object: TrustPolicy };

export type ValidateOutcome = ({ readonly ok: true } & DocumentObject) | { readonly ok: false; readonly problems: readonly Problem[] };

const documentKinds = ['GitSource', 'License', 'Policy', 'PriceBook', 'Ruleset', 'Tenant', 'TierCatalog', 'TrustPolicy'] as const;

type Fitted = DocumentObject | { readonly problems: readonly Problem[] };

type Kind<T> = { readonly kind: string; readonly validator: Validator<T>; readonly wrap: (object: T) => DocumentObject };

const fit = <T extends object>(document: ParsedDocument, { kind, validator, wrap }: Kind<T>): Fitted => {
  const check = (value: unknown): readonly AjvError[] => (validator(value) ? [] : (validator.errors ?? []));
  const value: unknown = document.value;
  if (!validator(value)) return { problems: explainErrors(validator.errors ?? [], document, check) };
  const problems = checkRules(kind, document);
  return problems.length > 0 ? { problems } : wrap(value);
};

const fitters: Readonly<Record<(typeof documentKinds)[number], (document: ParsedDocument) => Fitted>> = {
  GitSource: (document) =>
    fit(document, { kind: 'GitSource', validator: validateGitSource, wrap: (object) => ({ kind: 'GitSource', object }) }),
  License: (document) => fit(document, { kind: 'License', validator: validateLicense, wrap: (object) => ({ kind: 'License', object }) }),
  Policy: (document) => fit(document, { kind: 'Policy', validator: validatePolicy, wrap: (object) => ({ kind: 'Policy', object }) }),
  PriceBook: (document) =>
    fit(document, { kind: 'PriceBook', validator: validatePriceBook, wrap: (object) => ({ kind: 'PriceBook', object }) }),
  Ruleset: (document) => fit(document, { kind: 'Ruleset', validator: validateRuleset, wrap: (object) => ({ kind: 'Ruleset', object }) }),
  Tenant: (document) => fit(document, { kind: 'Tenant', validator: validateTenant, wrap: (object) => ({ kind: 'Tenant', object }) }),
  TierCatalog: (document) =>
    fit(document, { kind: 'TierCatalog', validator: validateTierCatalog, wrap: (object) => ({ kind: 'TierCatalog', object }) }),
  TrustPolicy: (document) =>
    fit(document, { kind: 'TrustPolicy', validator: validateTrustPolicy, wrap: (object) => ({ kind: 'TrustPolicy', object }) }),
};

const refused = (problems: readonly Problem[]): ValidateOutcome => ({ ok: false, problems });

const unknownKind = (document: ParsedDocument, field: 'apiVersion' | 'kind', known: readonly string[]): ValidateOutcome => {
  const value = own(document.value, field);
  const [meant] = typeof value === 'string' ? nearest(value, known) : [];
  const message = value === undefined ? `${field} is missing` : `${field} ${JSON.stringify(value)?.slice(0, 80)} is not known`;
  const hint = meant === undefined ? `use ${field}: ${known.join(', ')}` : `did you mean ${meant}?`;
  return refused([{ code: 'DOCUMENT_UNKNOWN_KIND', message, hint, at: document.positionOf([field]), path: field }]);
};

/** Fits a document to the schema of its kind and to the rules of its CRD. Problems come in the order of the text. */
export const validateDocument = (document: ParsedDocument): ValidateOutcome => {
  if (own(document.value, 'apiVersion') !== API_VERSION) return unknownKind(document, 'apiVersion', [API_VERSION]);
  const kind = documentKinds.find((known) => known === own(document.value, 'kind'));
  if (kind === undefined) return unknownKind(document, 'kind', documentKinds);
  const outcome = fitters[kind](document);
  return 'problems' in outcome ? refused(outcome.problems) : { ok: true, ...outcome };
};
