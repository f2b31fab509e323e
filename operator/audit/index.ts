// SPDX-License-Identifier: Apache-2.0
/**
 * The audit log of a running operator: what happens becomes entries in the ledger's store, and those become tiles and signed
 * checkpoints in a folder that others can check without asking anybody.
 *
 * In: facts. `append` takes those of an effect that is in the store too, within its transaction. `tell` and `tellOnce` take those of
 * things elsewhere; what was last said of a topic is stored with it, so that after a crash it is said then, and never twice.
 * Out: the logs: one for each tenant, `cluster` for the rest, `root` over all. Imported by `term.ts` and by the rooms of the
 * operator that write to the ledger.
 */
import type { Problem } from '../../policies/problem.ts';
import { ERASED_ACTION } from '../../policies/transparency/index.ts';
import type { NoteSignature, NoteSigner } from '../../policies/transparency/note.ts';
import type { Clock } from '../../process/clock.ts';
import { sleep } from '../../process/clock.ts';
import { textOf } from '../usage/store.ts';
import type { Store, Tx } from '../usage/store.ts';
import type { DataKeys } from './data-keys.ts';
import { OPERATOR, contentOf } from './facts.ts';
import type { Topic } from './facts.ts';
import type { LogFolder } from './log-folder.ts';
import { createPublisher } from './publisher.ts';
import type { PublishPhase } from './publisher.ts';
import { createSequencer } from './sequencer.ts';
import type { Sequencer, ToldFact } from './sequencer.ts';
import { AUDIT_TABLES } from './tables.ts';

export type AuditObserver = {
  /** So many entries are stored. */
  readonly stored: (entries: number) => void;
  /** So many facts got no entry: they came faster than they could be stored. */
  readonly lost: (facts: number) => void;
  readonly failed: (error: unknown) => void;
  readonly problem: (folder: string, problem: Problem) => void;
  /** Checkpoints are on the disk. */
  readonly published: () => void;
};

export type AuditLogOptions = {
  readonly store: Store;
  readonly files: LogFolder;
  readonly signer: NoteSigner;
  readonly keys: DataKeys;
  readonly cosign: (text: string) => Promise<readonly NoteSignature[]>;
  readonly clock: Clock;
  readonly random: (bytes: number) => Buffer;
  /** Between checkpoints of a busy log. */
  readonly intervalMs: number;
  readonly observe: AuditObserver;
  readonly onPhase?: (phase: PublishPhase, folder: string) => void;
};

export type AuditLog = {
  readonly append: Sequencer['append'];
  tell(fact: ToldFact): void;
  /** Unless the same was the last that was said of the topic. */
  tellOnce(topic: Topic): void;
  /** Destroys the data keys of a tenant, once for each request, and says so on record. */
  erase(tenant: string, request: string): Promise<void>;
  /** What has been said of topics that begin so, and not that it is gone. */
  topics(prefix: string): Promise<readonly string[]>;
  /** Resolves when all that was told is stored. */
  settled(): Promise<void>;
  /** Tiles and checkpoints of all that is stored. */
  publish(): Promise<void>;
  /** Publishes until the signal aborts, and once more then. */
  run(signal: AbortSignal): Promise<void>;
};

type Waiting = { readonly fact: ToldFact; readonly topic?: string };

/** Of facts that wait for the store; a disk that is full must not fill the memory. */
const MOST_WAITING = 20_000;
const AT_ONCE = 500;
const RETRY_MS = 1000;

/** Makes its tables where there are none. */
export const openAuditLog = async (options: AuditLogOptions): Promise<AuditLog> => {
  const { store, clock, observe, keys, random } = options;
  await store.migrate(AUDIT_TABLES);
  const sequencer = createSequencer({ name: options.signer.key.name, keys, random, now: () => clock.now() });
  const publisher = createPublisher({
    store,
    sequencer,
    files: options.files,
    signer: options.signer,
    cosign: options.cosign,
    onProblem: observe.problem,
    ...(options.onPhase === undefined ? {} : { onPhase: options.onPhase }),
  });
  let waiting: Waiting[] = [];
  let lost = 0;
  let storing: Promise<void> | undefined;

  const isNew = async (tx: Tx, topic: string, fact: ToldFact): Promise<boolean> => {
    const digest = contentOf(fact);
    const [row] = await tx.all('SELECT digest FROM audit_said WHERE topic = ?', [topic]);
    if (row !== undefined && textOf(row, 'digest') === digest) return false;
    await tx.run('INSERT INTO audit_said (topic, digest) VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET digest = excluded.digest', [
      topic,
      digest,
    ]);
    return true;
  };

  const storeSome = async (): Promise<void> => {
    const those = waiting.slice(0, AT_ONCE);
    const missing = lost;
    const stored = await store.transact(async (tx) => {
      const facts: ToldFact[] = [];
      for (const { fact, topic } of those) if (topic === undefined || (await isNew(tx, topic, fact))) facts.push(fact);
      if (missing > 0) facts.push({ action: 'facts.lost', actor: OPERATOR, detail: { count: missing } });
      if (facts.length > 0) await sequencer.append(tx, facts);
      return facts.length;
    });
    waiting = waiting.slice(those.length);
    lost -= missing;
    if (stored > 0) observe.stored(stored);
  };

  const storeAll = async (): Promise<void> => {
    while (waiting.length > 0) await storeSome();
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
    // What failed stays and goes with the next tick.
    if (storing === undefined) storeNow().catch(observe.failed);
  };

  const tick = async (): Promise<void> => {
    try {
      await storeNow();
      await publisher.publish();
      observe.published();
    } catch (error) {
      observe.failed(error);
    }
  };

  return {
    append: (tx, facts) => sequencer.append(tx, facts),
    tell: (fact) => push({ fact }),
    tellOnce: ({ topic, fact }) => push({ fact, topic }),
    erase: async (tenant, request) => {
      await storeNow();
      await store.transact(async (tx) => {
        const fact: ToldFact = { action: ERASED_ACTION, actor: OPERATOR, tenant, detail: { request } };
        if (!(await isNew(tx, `erased/${tenant}`, fact))) return;
        const kids = await keys.erase(tx, tenant);
        await sequencer.append(tx, [{ ...fact, detail: { request, kids } }]);
      });
    },
    topics: (prefix) =>
      store.read(async (reader) => {
        const rows = await reader.all('SELECT topic FROM audit_said WHERE topic >= ? AND topic < ? ORDER BY topic', [
          prefix,
          `${prefix}\u{10ffff}`,
        ]);
        return rows.map((row) => textOf(row, 'topic'));
      }),
    settled: storeNow,
    publish: async () => {
      await storeNow();
      await publisher.publish();
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await tick();
        await sleep(clock, waiting.length > 0 ? RETRY_MS : options.intervalMs, signal);
      }
      await tick();
    },
  };
};
