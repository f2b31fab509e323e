// SPDX-License-Identifier: Apache-2.0
// For tests: the view of a replica that holds nothing yet but what the test says, and what is said of a write.
import type { Trust } from '../../policies/trust/index.ts';
import type { Ruling } from './ruling.ts';
import type { GuardView } from './view.ts';

export const viewOf = (trust: Trust, more: Partial<GuardView> & Pick<GuardView, 'atMs'>): GuardView => ({
  trust,
  pinnedTrustDigest: trust.digest,
  marks: new Map(),
  told: () => new Map(),
  held: () => undefined,
  inventories: [],
  standing: () => undefined,
  tenant: () => ({ isThere: false, standing: undefined, departed: undefined }),
  setOf: () => undefined,
  setIn: () => undefined,
  isLeaving: false,
  ...more,
});

export const codeOf = (ruling: Ruling): string => (ruling.kind === 'pass' ? 'pass' : ruling.problem.code);
