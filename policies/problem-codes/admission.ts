// SPDX-License-Identifier: Apache-2.0
// What the webhook answers.
import type { ProblemCodes } from './entry.ts';

export const admissionCodes = {
  POLICY_EXPIRED: {
    summary: 'The policy is past its date or that of its seals; what it matches is closed.',
    fix: 'publish a newer version with a later spec.expires, or seal it again by a key that is valid now',
  },
  POLICY_ROLLBACK: {
    summary: 'The document is an older version of a policy that is enforced.',
    fix: 'sign the content that you want with a higher spec.version',
  },
  POLICY_EQUIVOCATION: {
    summary: 'Two different documents carry the same policy name and version.',
    fix: 'raise spec.version of the newer one and sign it again',
  },
  REMOVAL_UNSEALED: {
    summary: 'An enforced document would end without a seal that says so.',
    fix: 'put the file back with spec.retired: true under a higher version, sealed; or seal the repository anew with `writ sign --as set --source`',
  },
  SET_ROLLBACK: {
    summary: 'The set seal is older than one that was applied from this source.',
    fix: 'seal the repository anew with a higher --sequence',
  },
  SET_EQUIVOCATION: {
    summary: 'Two different set seals of one source carry the same sequence.',
    fix: 'seal the repository anew with a higher --sequence',
  },
  MARK_UNMET: {
    summary: 'A document that was enforced in this cluster is not here in that version or a later one.',
    fix: 'wait until the operator has put it back; if it cannot, apply the document again, or publish a higher version of it',
  },
  SPEC_DIFFERS: {
    summary: 'The spec of the object is not that of the document that it carries under seal.',
    fix: 'change the file, seal it under a higher version and publish it; what `writ sign --output=resource` prints may be applied as it is',
  },
  INVENTORY_UNPROVEN: {
    summary: 'The inventory orders a document that is not in this cluster or does not verify, or brings a set seal that does not.',
    fix: 'change what is enforced through the repository of the GitSource; the operator writes the inventory',
  },
  LEDGER_HELD: {
    summary: 'A ConfigMap that Writ goes by would be made unwritable, or pass for one that it is not.',
    fix: 'leave writ-marks, the ConfigMaps writ-inventory-… and the labels that they bear to the operator; leave out immutable',
  },
  MARK_LOWERED: {
    summary: 'The marks, which keep old orders from coming back, would fall or go.',
    fix: 'leave the ConfigMap writ-marks to the operator; publish what you want enforced under a higher version',
  },
  MARK_UNPROVEN: {
    summary: 'A mark would rise to a document that is not in this cluster, or that does not verify.',
    fix: 'leave the ConfigMap writ-marks to the operator, which writes it after a commit',
  },
  TRUST_KEPT: {
    summary: 'The trust policy cannot be deleted, since every seal is judged by it.',
    fix: 'to change it, publish its next version; to remove Writ, remove its webhook configurations first',
  },
  POLICY_NAME_MISMATCH: {
    summary: 'The signed document names another policy than the object that carries it.',
    fix: 'give the object the name that the document has',
  },
  POLICY_UNSIGNED: {
    summary: 'The policy object carries no signed document, so it is not enforced.',
    fix: 'make it with `writ sign --output=resource`, or publish it through a GitSource',
  },
  TRUST_MISSING: {
    summary: 'There is no trust policy, so no seal can be good.',
    fix: 'apply the TrustPolicy `cluster` whose digest --trust-digest names',
  },
  WEBHOOK_NOT_READY: {
    summary: 'This replica has not yet loaded the policies that were current when it started.',
    fix: 'wait; /readyz names what is missing',
  },
  NAMESPACE_UNKNOWN: {
    summary: 'The namespace of the request has not reached this replica yet, or not with its tenant label.',
    fix: 'try again; if it stays, look at the watch age of namespaces in the metrics',
  },
  REQUEST_TOO_LARGE: { summary: 'The request body is larger than 7 MiB.', fix: 'make the object smaller' },
  REQUEST_MEDIA_TYPE: {
    summary: 'The request body is not uncompressed application/json.',
    fix: 'send an AdmissionReview as application/json',
  },
  REQUEST_ENCODING: { summary: 'The request body is not UTF-8, or was cut short.', fix: 'send the whole AdmissionReview as UTF-8' },
  REQUEST_NOT_FOUND: {
    summary: 'There is nothing at this path for this method, or for the resource that the review is of.',
    fix: 'POST an AdmissionReview to the path that the webhook configuration of deploy/ names for its resource',
  },
  REQUEST_DEADLINE: {
    summary: 'The request was not complete and decided within its time.',
    fix: 'try again; if it stays, look at the latency and in-flight metrics',
  },
  REQUEST_OVERLOAD: { summary: 'Too many requests are being decided at once.', fix: 'try again, and add a webhook replica' },
  TLS_MISSING: {
    summary: 'There is no serving certificate yet.',
    fix: 'look at the Secret writ-webhook-tls, which the operator writes, or at --tls-cert-file',
  },
  TLS_PAIR_INVALID: {
    summary: 'The certificate and the key are unreadable or do not belong together; the pair before stands.',
    fix: 'replace tls.crt and tls.key together',
  },
} as const satisfies ProblemCodes;
