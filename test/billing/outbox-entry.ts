// SPDX-License-Identifier: Apache-2.0
// A report of the outbox for tests, all of it that does not matter filled in.
import type { Entry } from '../../operator/billing/outbox/entry.ts';

export const entryOf = (about: Pick<Entry, 'tenant' | 'meter' | 'hourMs' | 'total' | 'state'> & Partial<Entry>): Entry => ({
  revision: 1,
  customer: 'cus_acme',
  encoding: 'Absolute',
  value: about.total,
  identifier: `wr1.${about.tenant}.${about.meter}.${about.hourMs}.${about.revision ?? 1}`,
  requestKey: '',
  bodyDigest: '',
  attempts: 1,
  firstSentMs: 0,
  acceptedMs: 0,
  nextMs: 0,
  repairs: 0,
  note: '',
  ...about,
});
