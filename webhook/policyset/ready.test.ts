// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { emptySet } from '../../policies/compile/index.ts';
import { closedSet } from './enforced.ts';
import type { EnforcedSet } from './enforced.ts';
import { readyChecks } from './ready.ts';

const look = (input: { synced?: boolean; enforced?: EnforcedSet; expiresMs?: number; leaving?: boolean }) => {
  const { enforced, expiresMs } = input;
  const checks = readyChecks({
    caches: { policies: () => true, tenants: () => input.synced ?? true },
    state: () =>
      enforced === undefined ? undefined : { enforced, documents: [], refused: new Map(), pending: [], trustProblem: undefined },
    certificateExpiresMs: () => expiresMs,
    certificateProblem: () => 'the key does not belong to the certificate',
    leaving: () => input.leaving ?? false,
  });
  return Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, check()]));
};
const closed = closedSet({ code: 'WEBHOOK_NOT_READY', message: 'a lacks b' }, 0);
const open: EnforcedSet = { ...closed, closed: undefined, set: emptySet };

it('says what is missing, each by name', () => {
  assert.deepEqual(look({ synced: false, enforced: closed, leaving: true }), {
    caches: 'waiting for the first list of tenants',
    policies: 'WEBHOOK_NOT_READY: a lacks b',
    tls: 'TLS_MISSING: the key does not belong to the certificate',
    serving: 'shutting down',
  });
  assert.equal(look({}).policies, 'no set was made yet');
});

it('is ready with a set, also an empty one, and a certificate', () => {
  assert.deepEqual(look({ enforced: open, expiresMs: 1 }), { caches: true, policies: true, tls: true, serving: true });
});
