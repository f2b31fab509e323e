// SPDX-License-Identifier: Apache-2.0
// A policy while break-glass holds: it says what it would say, and refuses nothing.
import { hash } from 'node:crypto';
import type { CompiledPolicy } from './policy-set.ts';

/** The document that orders it. */
export type Suspension = {
  readonly name: string;
  /** `sha256:…` of its bytes. */
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
};

/** Another meaning needs another digest: verdicts, caches and the set's digest all go by it. */
export const suspend = (policy: CompiledPolicy, { name, digest, untilMs }: Suspension): CompiledPolicy => ({
  ...policy,
  digest: `sha256:${hash('sha256', `suspended\n${policy.digest}\n${digest}`, 'hex')}`,
  enforcement: policy.enforcement === 'Deny' ? 'Warn' : policy.enforcement,
  suspended: `${name} lets it pass until ${new Date(untilMs).toISOString()}`,
});
