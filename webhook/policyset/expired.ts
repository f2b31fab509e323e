// SPDX-License-Identifier: Apache-2.0
// What a document past its end, or that of its seals, means, and one whose seals a newer trust policy has taken away. It may not just disappear, and it may not go on as if nothing had happened (an
// order that is never renewed could be played for ever): what it matched is closed, after the grace that it asks for itself.
// Each of its policies keeps its scope and its strength (Deny closes, Warn warns, Audit notes), and loses its conditions
// and rules, which would let things through. A retired document has none, so there is nothing to close.
import { createHash } from 'node:crypto';
import type { CompileInput } from '../../policies/compile/index.ts';
import type { Policy } from '../../crds/generated/objects.ts';
import { closesAtMs, closingProblem } from '../../policies/policy-object.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Offer } from './enforcement.ts';

/** Another meaning needs another digest: verdicts, caches and the set's digest all go by it. */
export const closedDigest = (digest: string, { withdrawn }: Pick<PolicyDocument, 'withdrawn'>): string =>
  `sha256:${createHash('sha256')
    .update(`${withdrawn === undefined ? 'expired' : 'withdrawn'}\n${digest}`)
    .digest('hex')}`;

/** One of the document's policies, and the digest that it is compiled under. */
export type Expiring = { readonly document: PolicyDocument; readonly policy: Policy; readonly digest: string };

export const expiredInput = ({ document, policy, digest }: Expiring): CompileInput => {
  const { matchConditions: _matchConditions, validations: _validations, variables: _variables, ...standing } = policy.spec;
  const { jsonSchema: _jsonSchema, params: _params, auditAnnotations: _auditAnnotations, ...spec } = standing;
  const { code, message: why } = closingProblem(document);
  const message = `${code}: ${document.kind.toLowerCase()} ${document.name}: ${why}; sign and publish a newer version`;
  return {
    policy: {
      ...policy,
      spec: { ...spec, failurePolicy: 'Fail', validations: [{ expression: 'false', message, reason: 'Forbidden' }] },
    },
    digest: closedDigest(digest, document),
  };
};

/**
 * When time alone next changes what is enforced or what is known of an object, in milliseconds since the epoch; it may have
 * passed while the objects were judged. `atMs`: as of when the set was made.
 */
export const nextChangeMs = (documents: readonly PolicyDocument[], offers: readonly Offer[], atMs: number): number | undefined => {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const document of documents) {
    for (const end of [document.breakGlass?.fromMs, document.expiresMs, closesAtMs(document)])
      if (end !== undefined && end > atMs) nextMs = Math.min(nextMs, end);
  }
  for (const { judged } of offers) if (judged.untilMs !== undefined) nextMs = Math.min(nextMs, judged.untilMs);
  return Number.isFinite(nextMs) ? nextMs : undefined;
};
