// SPDX-License-Identifier: Apache-2.0
// What a payment provider tells unasked, and what is done about it: its id is stored in the transaction of the effect, so that twice is
// once. An event that never comes costs time and nothing else: hours are read back and drafts are looked at anyway.
import { HOUR_MS } from '../usage/period.ts';
import type { Reader, Store, Tx } from '../usage/store.ts';
import { providerTold, reportMoved } from './facts.ts';
import type { RecordFacts } from './facts.ts';
import { sameDecimal } from './outbox/entry.ts';
import type { Entry } from './outbox/entry.ts';
import { entryByIdentifier, newestEntry, putEntry, tenantOfCustomer } from './outbox/tables.ts';
import type { EventProvider, LateErrors, ProviderEvent, UsageProvider } from './provider.ts';

/** later: the provider could not be asked for what the event is about, and must send it again. */
export type EventTaken = 'taken' | 'seen' | 'ignored' | 'later';

export type EventDeps = {
  readonly store: Store;
  readonly provider: EventProvider & Pick<UsageProvider, 'read'>;
  readonly record: RecordFacts | undefined;
  readonly nowMs: () => number;
  readonly tenantOf: (customer: string) => string | undefined;
  readonly onLateErrors: (errors: LateErrors[number]) => void;
  readonly onRejected: (entry: Entry) => void;
  readonly lookAtDrafts: () => void;
};

/** The provider sends an event for three days by itself, and for thirty where somebody asks it to. */
const KNOWN_FOR_MS = 40 * 24 * 3_600_000;
/** A meter that is gone is made again, and a clock that was ahead falls back: reading back sends what was lost. */
const HEALS = new Set(['no_meter', 'archived_meter', 'timestamp_in_future']);
/** The identifier of a report, or its request key, which is that and a number. */
const IDENTIFIER = /^(wr1\.[a-z2-7]{40})(?:\.\d{1,9})?$/;

export const createEventTaker = (deps: EventDeps) => {
  const { store, provider, record, nowMs } = deps;

  /** Reports that are named and were accepted, by their identifier. */
  const namedIn = async (reader: Reader, errors: LateErrors): Promise<ReadonlyMap<string, Entry>> => {
    const named = new Map<string, Entry>();
    for (const { code, identifiers } of errors) {
      if (HEALS.has(code)) continue;
      for (const text of identifiers) {
        const [, identifier] = IDENTIFIER.exec(text) ?? [];
        const entry = identifier === undefined ? undefined : await entryByIdentifier(reader, identifier);
        if (entry?.state === 'accepted') named.set(entry.identifier, entry);
      }
    }
    return named;
  };

  /** Those that the provider counts all the same: set aside, they could be told to another customer, too. Undefined without an answer. */
  const countedOf = async (errors: LateErrors): Promise<ReadonlySet<string> | undefined> => {
    const counted = new Set<string>();
    for (const [identifier, { meter, encoding, customer, hourMs, total }] of await store.read((reader) => namedIn(reader, errors))) {
      const hours = await provider.read({ meter, encoding, customer, startMs: hourMs, endMs: hourMs + HOUR_MS });
      if (hours === undefined) return undefined;
      if (sameDecimal(hours.get(hourMs) ?? '0', total)) counted.add(identifier);
    }
    return counted;
  };

  /** Of those that were accepted: one that is not known to have arrived is settled by its own answer. */
  const reject = async (tx: Tx, errors: LateErrors, counted: ReadonlySet<string>): Promise<readonly Entry[]> => {
    const rejected: Entry[] = [];
    for (const { code, message, identifiers } of errors) {
      if (HEALS.has(code)) continue;
      for (const text of identifiers) {
        const [, identifier] = IDENTIFIER.exec(text) ?? [];
        const entry = identifier === undefined ? undefined : await entryByIdentifier(tx, identifier);
        if (entry?.state !== 'accepted' || counted.has(entry.identifier) || (await newestEntry(tx, entry))?.revision !== entry.revision)
          continue;
        const moved: Entry = { ...entry, state: 'rejected', nextMs: 0, note: `${code}: ${message}`.slice(0, 500) };
        await putEntry(tx, moved);
        const fact = reportMoved(entry, moved);
        if (fact !== undefined) await record?.(tx, [fact]);
        rejected.push(moved);
      }
    }
    return rejected;
  };

  /** False where it is stored already. */
  const isFirst = async (tx: Tx, { id, type }: ProviderEvent): Promise<boolean> => {
    await tx.run('DELETE FROM billing_event WHERE at_ms < ?', [nowMs() - KNOWN_FOR_MS]);
    return (
      (await tx.run('INSERT INTO billing_event (id, type, at_ms) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING', [id, type, nowMs()])) > 0
    );
  };

  const takeErrors = async (event: ProviderEvent): Promise<EventTaken> => {
    const [known] = await store.read((reader) => reader.all('SELECT id FROM billing_event WHERE id = ?', [event.id]));
    if (known !== undefined) return 'seen';
    const errors = await provider.lateErrors(event.id);
    if (errors === undefined) return 'later';
    const counted = await countedOf(errors);
    if (counted === undefined) return 'later';
    const rejected = await store.transact(async (tx) => ((await isFirst(tx, event)) ? reject(tx, errors, counted) : undefined));
    if (rejected === undefined) return 'seen';
    if (errors.some(({ code }) => code === 'no_meter' || code === 'archived_meter')) provider.forgetMeters();
    for (const one of errors) deps.onLateErrors(one);
    for (const entry of rejected) deps.onRejected(entry);
    return 'taken';
  };

  return async (event: ProviderEvent): Promise<EventTaken> => {
    if (event.kind === 'other') return 'ignored';
    if (event.kind === 'late-errors') return takeErrors(event);
    // Its last invoice becomes final when the Tenant may be gone.
    const tenant = deps.tenantOf(event.customer) ?? (await store.read((reader) => tenantOfCustomer(reader, event.customer)));
    if (tenant === undefined) return 'ignored';
    const isNew = await store.transact(async (tx) => {
      if (!(await isFirst(tx, event))) return false;
      if (event.kind === 'draft') return true;
      const { id, document, customer, amount, currency } = event;
      const action = event.kind === 'final' ? 'billing.final' : 'billing.credit';
      await record?.(tx, [providerTold({ tenant, action, event: id, document, customer, amount, currency })]);
      return true;
    });
    if (!isNew) return 'seen';
    if (event.kind === 'draft') deps.lookAtDrafts();
    return 'taken';
  };
};
