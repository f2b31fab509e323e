// SPDX-License-Identifier: Apache-2.0
// What a Tenant wants at the payment provider.
import type { Cycle } from '../../../policies/pricing/calendar.ts';
import type { Whose } from './tables.ts';

export type Wanted = Whose & {
  /** Undefined: one is made. */
  readonly customer: string | undefined;
  /** The tenant that was there first, and is reported under that customer though Writ keeps no subscription for it. */
  readonly takenBy: string | undefined;
  readonly tier: string;
  readonly cycle: Cycle;
  /** Nothing is paid before. */
  readonly trialEndMs: number | undefined;
};
