// SPDX-License-Identifier: Apache-2.0
/**
 * The audit log of a running operator: what happens becomes entries in the ledger's store, and those become tiles and signed
 * checkpoints in a folder that others can check without asking anybody.
 *
 * In: facts. `append` takes those of an effect that is in the store too, within its transaction. `tell` and `tellOnce` take those of
 * things elsewhere; what was last said of a topic is stored with it, so that after a crash it is said then, and never twice.
 * They wait while the ledger is closed. Out: the logs: one for each tenant, `cluster` for the rest, `root` over all. Imported by `term.ts` and by the rooms of the
 * operator that write to the ledger.
 */
import type { Problem } from '../../policies/problem.ts';
import { ERASED_ACTION } from '../../policies/transparency/index.ts';
import type { NoteSignature, NoteSigner } from '../../policies/transparency/note.ts';
import type { Clock } from '../../process/clock.ts';
import { textOf } from '../usage/store.ts';
import type { Store, Tx } from '../usage/store.ts';
import type { DataKeys } from './data-keys.ts';
import { OPERATOR, contentOf } from './facts.ts';
import type { Topic } from './facts.ts';
import type { LogFolder } from './log-folder.ts';
import { createPublisher } from './publisher.ts';
import type { PublishPhase, Publisher } from './publisher.ts';
import { createSequencer } from './sequencer.ts';
import type { Sequencer, ToldFact } from './sequencer.ts';

export type AuditObserver = {
  /** So many entries are stored. */
  readonly stored: (entries: number) => void;
  /** So many facts got no entry: they came faster than they could be stored. */
  readonly lost: (facts: number) => void;
  readonly failed: (error: unknown) => void;
  readonly problem: (folder: string, problem: Problem) => void;
  /** A log is published up to so many entries. */
  readonly size: (folder: string, entries: number) => void;
  /** Checkpoints are on the disk. */
  readonly published: () => void;
};

/** What it takes to sign and to encrypt. */
export type AuditSession = {
  readonly signer: NoteSigner;
  readonly keys: DataKeys;
  readonly cosign: (text: string) => Promise<readonly NoteSignature[]>;
};

export type AuditLogOptions = {
  /** Origin of the root log. */
  readonly name: () => string;
  /** The ledger's, with AUDIT_TABLES, while it is open and this process writes it. */
  readonly store: () => Store | undefined;
  /** Undefined until the keys were read. */
  readonly session: () => AuditSession | undefined;
  readonly files: LogFolder;
  readonly clock: Clock;
  readonly random: (bytes: number) => Buffer;
  readonly observe: AuditObserver;
  readonly onPhase?: (phase: PublishPhase, folder: string) => void;
};

export type AuditLog = {
  readonly append: Sequencer['append'];
  tell(fact: ToldFact): void;
  /** Unless the same was the last that was said of the topic. */
  tellOnce(topic: Topic): void;
  /** Destroys the data keys of a tenant, once for each request, and says so on record, after all that was told before. */
  erase(tenant: string, request: string): void;
  /** The last state of each topic that begins so and has one; undefined while the ledger is closed. */
  states(prefix: string): Promise<readonly string[] | undefined>;
  /** What has been said of topics that begin so; undefined while the ledger is closed. */
  topics(prefix: string): Promise<readonly string[] | undefined>;
  /** Stores what was told, and publishes it; false where there is no ledger or no key to do it with yet. */
  publish(): Promise<boolean>;
  /** How many facts are not stored yet. */
  readonly waiting: number;
};

type Waiting = {
  readonly fact: ToldFact;
  readonly topic?: string;
  readonly state?: string | undefined;
  /** Destroy the tenant's data keys with it. */ readonly erases?: string;
};

/** Of facts that wait for the store; a disk that is full must not fill the memory. */
const MOST_WAITING = 20_000;
const AT_ONCE = 500;

export const createAuditLog = (options: AuditLogOptions): AuditLog => {
  const { observe, random, clock, files } = options;
  let held:
    | { readonly session: AuditSession; readonly store: Store; readonly sequencer: Sequencer; readonly publisher: Publisher }
    | undefined;
  let plain: Sequencer | undefined;
  const waiting: Waiting[] = [];
  let lost = 0;
  let storing: Promise<void> | undefined;

  const now = (): number => clock.now();
  const noKeys = (): never => {
    throw new Error('the keys of the audit log were not read yet');
  };
  /** Of facts without anything to encrypt, which wait for no key. */
  const plainSequencer = (): Sequencer => (plain ??= createSequencer({ name: options.name(), keys: noKeys, random, now }));

  const open = (): NonNullable<typeof held> | undefined => {
    const [store, session] = [options.store(), options.session()];
    if (store === undefined || session === undefined) return undefined;
    if (held?.store === store && held.session === session) return held;
    const sequencer = createSequencer({ name: options.name(), keys: () => session.keys, random, now });
    const publisher = createPublisher({
      store,
      sequencer,
      files,
      signer: session.signer,
      now,
      cosign: session.cosign,
      onProblem: observe.problem,
      onSize: observe.size,
      ...(options.onPhase === undefined ? {} : { onPhase: options.onPhase }),
    });
    held = { session, store, sequencer, publisher };
    return held;
  };

  const isNew = async (tx: Tx, { topic, fact, state }: Topic): Promise<boolean> => {
    const digest = contentOf(fact);
    const [row] = await tx.all('SELECT digest FROM audit_said WHERE topic = ?', [topic]);
    if (row !== undefined && textOf(row, 'digest') === digest) return false;
    await tx.insert({
      into: 'audit_said',
      columns: ['topic', 'digest', 'state'],
      rows: [[topic, digest, state ?? null]],
      onConflict: 'ON CONFLICT (topic) DO UPDATE SET digest = excluded.digest, state = excluded.state',
    });
    return true;
  };
  const saidOf = (prefix: string, column: 'topic' | 'state'): Promise<readonly string[]> | undefined =>
    options.store()?.read(async (reader) => {
      const rows = await reader.all('SELECT topic, state FROM audit_said WHERE topic >= ? AND topic < ? ORDER BY topic', [
        prefix,
        `${prefix}\u{10ffff}`,
      ]);
      return rows.flatMap((row) => (row[column] === null ? [] : [textOf(row, column)]));
    });

  /** Of those that wait, as many as one transaction takes. */
  const storeSome = async ({ store, sequencer, session }: NonNullable<typeof held>): Promise<void> => {
    const next = waiting.findIndex(({ erases }, at) => erases !== undefined && at > 0);
    // An erasure is a transaction of its own: what was told before it is under keys that it destroys.
    const those = waiting.slice(0, Math.min(AT_ONCE, next < 0 ? AT_ONCE : next, waiting[0]?.erases === undefined ? AT_ONCE : 1));
    const missing = lost;
    const stored = await store.transact(async (tx) => {
      const facts: ToldFact[] = [];
      for (const { fact, topic, state, erases } of those) {
        if (topic !== undefined && !(await isNew(tx, { topic, fact, ...(state === undefined ? {} : { state }) }))) continue;
        const kids = erases === undefined ? undefined : await session.keys.erase(tx, erases);
        facts.push(kids === undefined ? fact : { ...fact, detail: { ...fact.detail, kids } });
      }
      if (missing > 0) facts.push({ action: 'facts.lost', actor: OPERATOR, detail: { count: missing } });
      if (facts.length > 0) await sequencer.append(tx, facts);
      return facts.length;
    });
    waiting.splice(0, those.length);
    lost -= missing;
    if (stored > 0) observe.stored(stored);
  };

  const storeAll = async (): Promise<void> => {
    for (let by = open(); by !== undefined && waiting.length > 0; by = open()) await storeSome(by);
  };

  const storeNow = (): Promise<void> => {
    storing ??= storeAll().finally(() => {
      storing = undefined;
    });
    return storing;
  };

  const push = (one: Waiting): void => {
    if (waiting.length >= MOST_WAITING) {
      lost += 1;
      observe.lost(1);
      return;
    }
    waiting.push(one);
    // What failed stays and goes with the next look.
    if (storing === undefined) storeNow().catch(observe.failed);
  };

  return {
    append: (tx, facts) => plainSequencer().append(tx, facts),
    tell: (fact) => push({ fact }),
    tellOnce: ({ topic, fact, state }) => push({ fact, topic, state }),
    erase: (tenant, request) =>
      push({ topic: `erased/${tenant}`, erases: tenant, fact: { action: ERASED_ACTION, actor: OPERATOR, tenant, detail: { request } } }),
    topics: async (prefix) => saidOf(prefix, 'topic'),
    states: async (prefix) => saidOf(prefix, 'state'),
    publish: async () => {
      await storeNow();
      const by = open();
      await by?.publisher.publish();
      return by !== undefined;
    },
    get waiting() {
      return waiting.length;
    },
  };
};
