// SPDX-License-Identifier: Apache-2.0
// Reservations in the quota ledger of a tenant: one write for all who ask at the same time, by compare and swap, so that of
// two replicas that give away the last of something one is told. Nobody is let in before the write is answered; who gets no
// answer is refused, and what may have been written all the same the operator drops when no object comes.
import { configMaps } from '../../crds/kinds.ts';
import { decodeQuotaLedger, encodeQuotaLedger, quotaLedgerFits, quotaLedgerName } from '../../crds/quota-ledger.ts';
import type { QuotaLedger, QuotaLedgerObject } from '../../crds/quota-ledger.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Problem } from '../../policies/problem.ts';
import { reserve } from '../../policies/tenancy/summed-quota.ts';
import type { Ask, Granted } from '../../policies/tenancy/summed-quota.ts';
import type { Clock } from '../../process/clock.ts';

export type Reservations = {
  /** Resolves with what became of it; never rejects. */
  ask(tenant: string, ask: Ask): Promise<Granted>;
};

export type CommitResult = 'written' | 'conflict' | 'unavailable';

export type ReservationsOptions = {
  readonly client: Pick<KubeClient, 'get' | 'replace'>;
  readonly clock: Clock;
  readonly systemNamespace: string;
  /** The longest that one who asks waits. */
  readonly timeoutMs: number;
  readonly observe: (result: CommitResult, asks: number) => void;
  readonly onError: (error: unknown) => void;
};

type Waiting = { readonly ask: Ask; readonly resolve: (granted: Granted) => void; readonly deadlineMs: number };
type Desk = { waiting: Waiting[]; isBusy: boolean };
type Held = { readonly object: KubeObject & QuotaLedgerObject; readonly ledger: QuotaLedger };

// Beyond these nobody is answered within the time that the API server waits.
const MAX_WAITING = 1000;
const MAX_BATCH = 256;

const unavailable = (message: string): { readonly ok: false; readonly problem: Problem } => ({
  ok: false,
  problem: { code: 'TENANT_QUOTA_UNAVAILABLE', message },
});

export const createReservations = (options: ReservationsOptions): Reservations => {
  const { client, clock, systemNamespace: namespace, timeoutMs, observe, onError } = options;
  const desks = new Map<string, Desk>();

  const read = async (tenant: string, signal: AbortSignal): Promise<Held | Granted> => {
    const name = quotaLedgerName(tenant);
    const object = await client.get<KubeObject & QuotaLedgerObject>(configMaps, { namespace, name }, { signal });
    if (object === undefined) return unavailable(`there is no ConfigMap ${name} yet`);
    const ledger = decodeQuotaLedger(object);
    return ledger === undefined ? unavailable(`ConfigMap ${name} cannot be read as a ledger`) : { object, ledger };
  };

  /** `undefined`: somebody else was faster. */
  const write = async ({ object, ledger }: Held, signal: AbortSignal): Promise<Held | undefined> => {
    const { data = {} } = encodeQuotaLedger(ledger, namespace);
    try {
      const written = await client.replace(configMaps, { ...object, data }, { signal });
      return { object: written, ledger };
    } catch (error) {
      // A ledger that went and came again counts anew.
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  };

  /** Answers all of the batch; what is returned may be gone by the next one, which then looks again. */
  const commit = async (tenant: string, batch: readonly Waiting[], known: Held | undefined): Promise<Held | undefined> => {
    const remainingMs = Math.max(1, Math.min(...batch.map(({ deadlineMs }) => deadlineMs)) - clock.monotonicMs());
    const stop = new AbortController();
    const cancel = clock.schedule(remainingMs, () => stop.abort(new Error('out of time')));
    const answer = (granted: readonly Granted[]): void =>
      batch.forEach(({ resolve }, index) => resolve(granted[index] ?? unavailable('no answer')));
    try {
      let held = known;
      for (;;) {
        const isFresh = held === undefined;
        const found = held ?? (await read(tenant, stop.signal));
        if ('ok' in found) {
          observe('unavailable', batch.length);
          answer(batch.map(() => found));
          return undefined;
        }
        const { granted, ledger } = reserve(
          found.ledger,
          batch.map(({ ask }) => ask),
        );
        // Somebody may have given something back since: nobody is refused by what is remembered.
        if (!isFresh && granted.some(({ ok }) => !ok)) {
          held = undefined;
          continue;
        }
        if (ledger === undefined) {
          answer(granted);
          return found;
        }
        if (!quotaLedgerFits(ledger)) {
          observe('unavailable', batch.length);
          answer(granted.map((one) => (one.ok ? unavailable('too many reservations wait to be counted') : one)));
          return found;
        }
        const written = await write({ object: found.object, ledger }, stop.signal);
        observe(written === undefined ? 'conflict' : 'written', batch.length);
        if (written !== undefined) {
          answer(granted);
          return written;
        }
        held = undefined;
      }
    } catch (error) {
      observe('unavailable', batch.length);
      if (!stop.signal.aborted) onError(error);
      answer(
        batch.map(() =>
          unavailable(stop.signal.aborted ? `no answer within ${timeoutMs} ms` : 'the API server did not take the reservation'),
        ),
      );
      return undefined;
    } finally {
      cancel();
    }
  };

  const work = async (tenant: string, desk: Desk): Promise<void> => {
    desk.isBusy = true;
    // Kept while there is work only: ledgers of all tenants would be large, and stale.
    let held: Held | undefined;
    while (desk.waiting.length > 0) held = await commit(tenant, desk.waiting.splice(0, MAX_BATCH), held);
    desk.isBusy = false;
    desks.delete(tenant);
  };

  return {
    ask: (tenant, ask) => {
      const desk = desks.get(tenant) ?? { waiting: [], isBusy: false };
      if (desk.waiting.length >= MAX_WAITING) return Promise.resolve(unavailable('too many ask at once'));
      desks.set(tenant, desk);
      return new Promise((resolve) => {
        desk.waiting.push({ ask, resolve, deadlineMs: clock.monotonicMs() + timeoutMs });
        if (!desk.isBusy) void work(tenant, desk);
      });
    },
  };
};
