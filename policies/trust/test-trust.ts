// SPDX-License-Identifier: Apache-2.0
// One document and trust policies over it, for the tests of seals.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { digestOf } from '../document/digest.ts';
import type { ProblemCode } from '../problem.ts';
import { loadTrust, verify } from './index.ts';
import type { Trust, VerifyOutcome } from './index.ts';

export const NOW = Date.UTC(2026, 5, 1);

export const policyBytes = Buffer.from(`apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: pinned}
spec:
  version: 3
  workloads: [Agent]
  validations: [{expression: "true"}]
`);

export type PrincipalEntry = { readonly name: string; readonly [field: string]: unknown };

type KeyEntry = { readonly pem: string; readonly validFor?: { readonly start?: string; readonly end?: string } };

export const keyed = (name: string, ...keys: readonly KeyObject[]): PrincipalEntry & { readonly publicKeys: readonly KeyEntry[] } => ({
  name,
  publicKeys: keys.map((key) => ({ pem: String(key.export({ type: 'spki', format: 'pem' })) })),
});

export type TrustSpec = {
  readonly principals: readonly PrincipalEntry[];
  /** How many of them must have signed; default 1. */
  readonly threshold?: number;
  readonly revoked?: object;
  readonly trustedRoot?: Uint8Array;
  readonly version?: number;
  readonly kinds?: readonly string[];
  readonly expires?: string;
  readonly unsigned?: 'Deny' | 'Audit';
  readonly minimums?: readonly object[];
};

/** The document itself. */
export const trustBytes = ({
  principals,
  threshold = 1,
  revoked,
  trustedRoot,
  version = 1,
  kinds = ['Policy'],
  ...more
}: TrustSpec): Buffer =>
  Buffer.from(
    JSON.stringify({
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'cluster' },
      spec: {
        version,
        ...more,
        principals,
        rules: [{ kinds, allOf: [{ threshold, principals: principals.map(({ name }) => name) }] }],
        ...(revoked === undefined ? {} : { revoked }),
        ...(trustedRoot === undefined ? {} : { trustedRootSha256: createHash('sha256').update(trustedRoot).digest('hex') }),
      },
    }),
  );

export const trustFrom = (bytes: Uint8Array, trustedRoot?: Uint8Array): Trust => {
  const outcome = loadTrust(bytes, { pinnedDigest: digestOf(bytes), trustedRoot });
  assert.ok(outcome.ok, outcome.ok ? '' : JSON.stringify(outcome.problems));
  return outcome.trust;
};

export const trustOf = (spec: TrustSpec): Trust => trustFrom(trustBytes(spec), spec.trustedRoot);

export const codeOf = (outcome: VerifyOutcome): ProblemCode | 'ok' => (outcome.ok ? 'ok' : outcome.problem.code);

export const codeFor = (bundle: string, trust: Trust, bytes: Uint8Array = policyBytes): ProblemCode | 'ok' =>
  codeOf(verify(bytes, [bundle], trust, NOW));
