// SPDX-License-Identifier: Apache-2.0
// Attacks by break-glass: to suspend policies without the seals of its own rule, for longer than a day, or in the place of one of them.
import { seal } from '../../../policies/trust/seal.ts';
import { NOW, objectOf, pairs, sealed, trustOf } from './gate.ts';
import type { Attack, Control } from './gate.ts';

const HOUR = 3_600_000;
const time = (ms: number): string => new Date(ms).toISOString();

const glass = ({ name = 'break-glass-7', untilMs = NOW + HOUR, more = '' } = {}): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: ${name}}
spec:
  version: 1
  expires: ${time(untilMs)}
  breakGlass: {from: ${time(NOW - HOUR)}, policies: ["*"], reason: incident 7}
${more}`;

const trust = trustOf({
  rules: [
    { kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['alice', 'bob'] }] },
    { kinds: ['BreakGlass'], allOf: [{ threshold: 2, principals: ['alice', 'bob'] }] },
  ],
});

const byBoth = (document: string, name = 'break-glass-7') =>
  objectOf(
    document,
    [pairs.alice, pairs.bob].map(({ privateKey }) => seal(Buffer.from(document), privateKey)),
    name,
  );

export const breakGlassAttacks: readonly Attack[] = [
  {
    name: 'break-glass: where no rule speaks of it',
    code: 'SEAL_NO_RULE',
    attempt: () => ({ object: sealed(glass(), 'break-glass-7') }),
  },
  {
    name: 'break-glass: by one of the two whom it takes, who may write policies alone',
    code: 'SEAL_THRESHOLD',
    attempt: () => ({ object: sealed(glass(), 'break-glass-7'), trust }),
  },
  {
    name: 'break-glass: for longer than a day',
    code: 'DOCUMENT_INVALID',
    attempt: () => ({ object: byBoth(glass({ untilMs: NOW + 23 * HOUR + 1 })), trust }),
  },
  {
    name: 'break-glass: in the place of a policy',
    code: 'DOCUMENT_INVALID',
    attempt: () => ({ object: byBoth(glass({ name: 'pinned' }), 'pinned'), trust }),
  },
  {
    name: 'break-glass: with a rule of its own beside it',
    code: 'DOCUMENT_INVALID',
    attempt: () => ({ object: byBoth(glass({ more: '  workloads: [Agent]\n' })), trust }),
  },
];

export const breakGlassControls: readonly Control[] = [
  { name: 'break-glass by both, for two hours', attempt: () => ({ object: byBoth(glass()), trust }) },
];
