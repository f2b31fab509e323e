// SPDX-License-Identifier: Apache-2.0
// What a policy past its date means. It may not just disappear, and it may not go on as if nothing had happened (an
// order that is never renewed could be played for ever): what it matched is closed. It keeps its scope and its strength
// (Deny closes, Warn warns, Audit notes), and loses its conditions and rules, which would let things through.
import { createHash } from 'node:crypto';
import type { CompileInput } from '../../policies/compile/index.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';

export const isExpired = (document: PolicyDocument, atMs: number): boolean =>
  document.expiresMs !== undefined && document.expiresMs <= atMs;

/** Another meaning needs another digest: verdicts, caches and the set's digest all go by it. */
export const expiredDigest = (digest: string): string => `sha256:${createHash('sha256').update(`expired\n${digest}`).digest('hex')}`;

export const expiredInput = (document: PolicyDocument): CompileInput => {
  const { matchConditions: _matchConditions, validations: _validations, variables: _variables, ...standing } = document.policy.spec;
  const { jsonSchema: _jsonSchema, params: _params, auditAnnotations: _auditAnnotations, ...spec } = standing;
  const message = `POLICY_EXPIRED: policy ${document.name} version ${document.version} ended at ${new Date(document.expiresMs ?? 0).toISOString()}; sign and publish a newer version`;
  return {
    policy: {
      ...document.policy,
      spec: { ...spec, failurePolicy: 'Fail', validations: [{ expression: 'false', message, reason: 'Forbidden' }] },
    },
    digest: expiredDigest(document.digest),
  };
};

/** When the next document ends, in milliseconds since the epoch. */
export const nextExpiryMs = (documents: readonly PolicyDocument[], atMs: number): number | undefined => {
  let nextMs: number | undefined;
  for (const { expiresMs } of documents) {
    if (expiresMs !== undefined && expiresMs > atMs && (nextMs === undefined || expiresMs < nextMs)) nextMs = expiresMs;
  }
  return nextMs;
};
