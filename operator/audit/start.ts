// SPDX-License-Identifier: Apache-2.0
// The audit log in the operator's process: it takes facts from the start, stores them while the ledger is open, and signs by the keys
// that are read in each term of leadership.
import { randomBytes } from 'node:crypto';
import type { KubeClient } from '../../kube/client.ts';
import type { NoteSigner } from '../../policies/transparency/note.ts';
import type { Clock } from '../../process/clock.ts';
import { sleep } from '../../process/clock.ts';
import type { LedgerHooks } from '../usage/ledger.ts';
import type { Store } from '../usage/store.ts';
import { boundedConflicts, factsHeldBack } from './bounds.ts';
import { createDataKeys } from './data-keys.ts';
import { eraseAgain, keepErased } from './erasures.ts';
import { OPERATOR, eventsPruned, hoursSealed, meterDeclared, periodClosed } from './facts.ts';
import { createAuditLog } from './index.ts';
import type { AuditLog, AuditObserver, AuditSession } from './index.ts';
import { createLogFolder } from './log-folder.ts';
import { createKeyHolder } from './rotation.ts';
import type { KeyHolder } from './rotation.ts';
import { createAuditSecret, wrappingOf } from './secret.ts';
import { createWitnesses } from './witnesses.ts';
import type { Witness } from './witnesses.ts';

export type AuditRecordOptions = {
  /** Where the logs are published. */
  readonly folder: string;
  readonly systemNamespace: string;
  /** Uid of the system namespace: no two installations share it. */
  readonly installation: () => string;
  readonly witnesses: readonly Witness[];
  readonly intervalMs: number;
  readonly keyLifetimeMs: number;
  readonly clock: Clock;
  readonly observe: AuditObserver;
  /** The key by which others verify: to be kept where the cluster can not change it. */
  readonly onKey: (verifierKey: string) => void;
};

export type AuditRecord = AuditLog & {
  /** What the ledger does goes on record in the transaction that does it. */
  readonly hooks: LedgerHooks;
  /** The ledger is open now, or it is not any more. */
  follow(ledger: { readonly store: Store } | undefined): void;
  /** Publishes until the term ends. `compare` tells what happened while nobody looked, once the ledger is open; until then it says false. */
  run(client: KubeClient, signal: AbortSignal, compare: () => Promise<boolean>): Promise<void>;
};

const AGAIN_MS = 5000;
const ROTATION_LOOK_MS = 3_600_000;

type Term = { readonly session: AuditSession; readonly holder: KeyHolder };

export const createAuditRecord = (options: AuditRecordOptions): AuditRecord => {
  const { clock, observe } = options;
  const now = (): number => clock.now();
  const name = (): string => `writ.dev/audit/${options.installation()}`;
  const files = createLogFolder(options.folder);
  let store: Store | undefined;
  let term: Term | undefined;
  /** In which nothing is that was erased before: until then nothing is encrypted by its keys. */
  let cleared: Store | undefined;
  const log = createAuditLog({
    name,
    store: () => store,
    session: () => (cleared === store ? term?.session : undefined),
    files,
    clock,
    random: randomBytes,
    observe,
  });

  const begin = async (client: KubeClient, signal: AbortSignal): Promise<Term> => {
    const secret = createAuditSecret({ client, namespace: options.systemNamespace, name: name(), random: randomBytes, now });
    const keys = await secret.read();
    const holder = createKeyHolder({ secret, keys, lifetimeMs: options.keyLifetimeMs, now, random: randomBytes });
    const signer: NoteSigner = keys.signer;
    const onProblem = (problem: Parameters<AuditObserver['problem']>[1]): void => observe.problem('root', problem);
    const cosign = createWitnesses({ witnesses: options.witnesses, files, signer, signal, onProblem });
    const dataKeys = createDataKeys({ wrapping: () => wrappingOf(holder.current()), random: randomBytes, now });
    options.onKey(signer.key.text);
    const detail = { verifierKey: signer.key.text };
    log.tellOnce({ topic: 'key/signing', fact: { action: 'key.signing', actor: OPERATOR, detail } });
    return { session: { signer, keys: dataKeys, cosign }, holder };
  };

  const tellHeldBack = async (): Promise<void> => {
    await store?.transact(async (tx) => log.append(tx, await factsHeldBack(tx, now())));
  };

  const rotate = async ({ holder, session }: Term): Promise<void> => {
    const open = store;
    if (open === undefined) return;
    await holder.rotate(() => open.transact((tx) => session.keys.rewrap(tx)));
    const [{ version }] = holder.current().wrapping;
    log.tellOnce({ topic: 'key/wrapping', fact: { action: 'key.wrapping', actor: OPERATOR, detail: { version } } });
  };

  const look = async (client: KubeClient, signal: AbortSignal, rotatedMs: number): Promise<number> => {
    term ??= await begin(client, signal);
    const held = store === undefined ? undefined : { store, holder: term.holder };
    if (held !== undefined && cleared !== held.store) {
      await eraseAgain(held, (tx, facts) => log.append(tx, facts));
      cleared = held.store;
    }
    const isDue = store !== undefined && clock.monotonicMs() - rotatedMs >= ROTATION_LOOK_MS;
    if (isDue) {
      await rotate(term);
      await tellHeldBack();
    }
    if (await log.publish()) observe.published();
    // Last: that the Secret can't be written now holds nothing else up.
    if (held !== undefined) await keepErased(held);
    return isDue ? clock.monotonicMs() : rotatedMs;
  };

  return {
    append: (tx, facts) => log.append(tx, facts),
    tell: (fact) => log.tell(fact),
    tellOnce: (topic) => log.tellOnce(topic),
    erase: (tenant, request) => log.erase(tenant, request),
    topics: (prefix) => log.topics(prefix),
    states: (prefix) => log.states(prefix),
    publish: () => log.publish(),
    get waiting() {
      return log.waiting;
    },
    hooks: {
      onMeters: (tx, meters) => log.append(tx, meters.map(meterDeclared)),
      onConflicts: async (tx, conflicts) => log.append(tx, await boundedConflicts(tx, conflicts, now())),
      onPruned: (tx, pruned) => log.append(tx, [eventsPruned(pruned)]),
      onSeals: (tx, seals) => log.append(tx, hoursSealed(seals)),
      onStatements: (tx, statements) => log.append(tx, statements.map(periodClosed)),
    },
    follow: (ledger) => {
      store = ledger?.store;
    },
    run: async (client, signal, compare) => {
      let compared = false;
      let rotatedMs = Number.NEGATIVE_INFINITY;
      try {
        while (!signal.aborted) {
          let pauseMs = options.intervalMs;
          try {
            compared ||= await compare();
            rotatedMs = await look(client, signal, rotatedMs);
          } catch (error) {
            if (!signal.aborted) observe.failed(error);
            pauseMs = Math.max(pauseMs, AGAIN_MS);
          }
          await sleep(clock, pauseMs, signal);
        }
      } finally {
        term = undefined;
        cleared = undefined;
      }
    },
  };
};
