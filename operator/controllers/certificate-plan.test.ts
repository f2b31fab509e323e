// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAGE_MS, planCertificate } from './certificate-plan.ts';
import type { CertificateState } from './certificate-plan.ts';

const names = ['writ-webhook.writ-system.svc'];
const current = { notBeforeMs: 0, notAfterMs: 900, names };
const rows: readonly [string, CertificateState, number, string][] = [
  ['nothing yet', { current: undefined, staged: undefined }, 0, 'issue'],
  ['expired', { current, staged: undefined }, 900, 'issue'],
  ['young', { current, staged: undefined }, 10, 'wait'],
  ['two thirds old', { current, staged: undefined }, 600, 'stage'],
  ['other names', { current: { ...current, names: ['old'] }, staged: undefined }, 10, 'stage'],
  ['just staged', { current: { ...current, notAfterMs: 1e9 }, staged: { sinceMs: 0, notAfterMs: 1e9, names, trusted: true } }, 10, 'wait'],
  [
    'staged long enough',
    { current: { ...current, notAfterMs: 1e9 }, staged: { sinceMs: 0, notAfterMs: 1e9, names, trusted: true } },
    STAGE_MS,
    'promote',
  ],
  [
    'staged long enough, but the API server was not told',
    { current: { ...current, notAfterMs: 1e9 }, staged: { sinceMs: 0, notAfterMs: 1e9, names, trusted: false } },
    STAGE_MS,
    'wait',
  ],
  [
    'staged, and the current one is short-lived',
    { current, staged: { sinceMs: 600, notAfterMs: 1500, names, trusted: true } },
    750,
    'promote',
  ],
  [
    'just staged, and the current one is short-lived',
    { current, staged: { sinceMs: 600, notAfterMs: 1500, names, trusted: true } },
    749,
    'wait',
  ],
  [
    'staged for other names',
    { current: { ...current, notAfterMs: 1e9, names: ['old'] }, staged: { sinceMs: 0, notAfterMs: 1e9, names: ['older'], trusted: true } },
    STAGE_MS,
    'stage',
  ],
];
for (const [name, state, nowMs, expected] of rows) {
  test(`certificate: ${name}`, () => assert.equal(planCertificate(state, names, nowMs).kind, expected));
}
