// SPDX-License-Identifier: Apache-2.0
// The catalogue of every code that a user can meet. docs/reference/errors.md is generated from it and a test holds the
// two equal, and holds each code used somewhere. Codes are stable: rename none, add below the fitting heading.

type ProblemCodeEntry = { readonly summary: string; readonly fix: string };

export const problemCodes = {
  // documents
  DOCUMENT_TOO_LARGE: { summary: 'The document is larger than the limit.', fix: 'split it or shorten it' },
  DOCUMENT_ENCODING: { summary: 'The document is not plain UTF-8 with LF line ends.', fix: 'save it as UTF-8 without BOM and with LF' },
  DOCUMENT_SYNTAX: { summary: 'The document is not valid YAML.', fix: 'correct the YAML at the place named' },
  DOCUMENT_COUNT: { summary: 'A file must hold exactly one YAML document.', fix: 'put each object into a file of its own' },
  DOCUMENT_FORBIDDEN: {
    summary: 'The document uses a YAML feature that signed documents may not use.',
    fix: 'write the value out without anchors, aliases, merge keys or tags',
  },
  DOCUMENT_AMBIGUOUS: { summary: 'A plain scalar reads differently in YAML 1.1 and 1.2.', fix: 'quote it' },
  DOCUMENT_INVALID: { summary: 'The object does not fit its schema.', fix: 'correct the field named' },
  DOCUMENT_UNKNOWN_FIELD: {
    summary: 'The object has a field that its kind does not know.',
    fix: 'remove the field or correct its spelling',
  },
  DOCUMENT_UNKNOWN_KIND: {
    summary: 'The kind is not one that may come from a policy repository.',
    fix: 'use apiVersion writ.dev/v1alpha1 and one of its kinds',
  },

  // admission
  POLICY_EXPIRED: { summary: 'The policy is past its date; what it matches is closed.', fix: 'sign and publish a newer version with a later spec.expires' },
  POLICY_ROLLBACK: { summary: 'The document is an older version of a policy that is enforced.', fix: 'sign the content that you want with a higher spec.version' },
  POLICY_EQUIVOCATION: { summary: 'Two different documents carry the same policy name and version.', fix: 'raise spec.version of the newer one and sign it again' },
  POLICY_NAME_MISMATCH: { summary: 'The signed document names another policy than the object that carries it.', fix: 'give the object the name that the document has' },
  POLICY_UNSIGNED: { summary: 'The policy object carries no signed document, so it is not enforced.', fix: 'make it with `writ sign --output=resource`, or publish it through a GitSource' },
  POLICY_INCOMPLETE: { summary: 'A commit names a policy document that has not arrived.', fix: 'look at the GitSource: the operator writes the document, or says why not' },
  TRUST_MISSING: { summary: 'There is no trust policy, so no seal can be good.', fix: 'apply the TrustPolicy `cluster` whose digest --trust-digest names' },
  NOTHING_VERIFIED: { summary: 'No policy is verified, so governed namespaces are closed.', fix: 'publish at least one signed policy, or look at its status for why it was refused' },
  WEBHOOK_NOT_READY: { summary: 'This replica has not yet loaded the policies that were current when it started.', fix: 'wait; /readyz names what is missing' },
  NAMESPACE_UNKNOWN: { summary: 'The namespace of the request has not reached this replica yet.', fix: 'try again; if it stays, look at the watch age of namespaces in the metrics' },
  REQUEST_TOO_LARGE: { summary: 'The request body is larger than 7 MiB.', fix: 'make the object smaller' },
  REQUEST_MEDIA_TYPE: { summary: 'The request body is not uncompressed application/json.', fix: 'send an AdmissionReview as application/json' },
  REQUEST_ENCODING: { summary: 'The request body is not UTF-8, or was cut short.', fix: 'send the whole AdmissionReview as UTF-8' },
  REQUEST_NOT_FOUND: { summary: 'There is nothing at this path or for this method.', fix: 'POST an AdmissionReview to /validate' },
  REQUEST_DEADLINE: { summary: 'The request was not complete and decided within its time.', fix: 'try again; if it stays, look at the latency and in-flight metrics' },
  REQUEST_OVERLOAD: { summary: 'Too many requests are being decided at once.', fix: 'try again, and add a webhook replica' },
  TLS_MISSING: { summary: 'There is no serving certificate yet.', fix: 'look at the Secret writ-webhook-tls, which the operator writes, or at --tls-cert-file' },
  TLS_PAIR_INVALID: { summary: 'The certificate and the key are unreadable or do not belong together; the pair before stands.', fix: 'replace tls.crt and tls.key together' },

  // apply
  APPLY_OWNED_ELSEWHERE: { summary: 'The object already comes from another source.', fix: 'remove it from one of the two repositories, or rename it' },
  APPLY_REFUSED: { summary: 'The API server refuses the object.', fix: 'correct the document as the message says' },
  APPLY_TOO_MANY: { summary: 'The commit holds more documents than one inventory can name.', fix: 'split the repository into several GitSources' },
  PRUNE_EMPTY: { summary: 'The commit would remove every object of the source.', fix: 'set spec.prune.allowEmpty to true if that is meant' },
  PRUNE_BUDGET: { summary: 'The commit removes more objects than the prune budget allows.', fix: 'raise spec.prune.maxDeletions for this commit if that is meant' },
} as const satisfies Record<string, ProblemCodeEntry>;

export type ProblemCode = keyof typeof problemCodes;
