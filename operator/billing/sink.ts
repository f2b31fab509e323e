// SPDX-License-Identifier: Apache-2.0
/**
 * The port by which use leaves the ledger to be billed. Two are behind it: `createBilling` (index.ts) tells a payment provider hour by
 * hour, `createStatementSink` (statements.ts) writes a signed file for each month that is frozen. A tenant's month goes to one
 * of them (billers.ts).
 */
import type { Customer } from './hours.ts';
import type { DriftSum } from './outbox/drift-sum.ts';
import type { Encoding } from './outbox/entry.ts';

/** By which meters use is reported, and since when the price book holds that says so. */
export type Reporting = { readonly meters: ReadonlyMap<string, Encoding>; readonly effectiveFromMs: number };

/** Who is billed by the payment provider, and by what; everybody else is not. */
export type Scope = {
  readonly customers: readonly Customer[];
  /** Undefined while there is no price book that counts. */
  readonly reporting: Reporting | undefined;
};

export type Turn = {
  /** Whoever takes it in will have nothing more from us: the key of a provider is refused. */
  readonly refused: boolean;
  /** Of drafts of invoices, as each was compared last; undefined where there are none. */
  readonly drift: DriftSum | undefined;
};

export type UsageSink<Asked = Scope> = {
  /** One look at what the ledger has, all of it handed on that can be. */
  turn(scope: Asked, signal?: AbortSignal): Promise<Turn>;
};
