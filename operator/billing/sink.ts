// SPDX-License-Identifier: Apache-2.0
/**
 * The port by which use leaves the ledger to be billed. Two are behind it: `createBilling` (index.ts) tells a payment provider hour by
 * hour, `createStatementSink` (statements.ts) writes a signed file for each month that is frozen. The use of a tenant goes to one of them.
 */
import type { Customer } from './hours.ts';
import type { Encoding } from './outbox/entry.ts';

/** Who is billed by the payment provider, and by which meters; everybody else is not. */
export type Scope = {
  readonly customers: readonly Customer[];
  readonly meters: ReadonlyMap<string, Encoding>;
  /** Since when the price book holds that says so. */
  readonly effectiveFromMs: number;
};

export type Turn = {
  /** Whoever takes it in will have nothing more from us: the key of a provider is refused. */
  readonly refused: boolean;
  /** Hours that differ, of invoices that are about to become final; undefined where none was looked at. */
  readonly drift: number | undefined;
};

export type UsageSink<Asked = Scope> = {
  /** One look at what the ledger has, all of it handed on that can be. */
  turn(scope: Asked, signal?: AbortSignal): Promise<Turn>;
};
