// SPDX-License-Identifier: Apache-2.0
// Opens the audit log for a term of leadership: its store, its keys, its files, its witnesses.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Clock } from '../../process/clock.ts';
import { sleep } from '../../process/clock.ts';
import type { OperatorConfig } from '../config.ts';
import { openSqliteStore } from '../usage/sqlite-store.ts';
import type { Store } from '../usage/store.ts';
import { createDataKeys } from './data-keys.ts';
import { openAuditLog } from './index.ts';
import type { AuditLog, AuditObserver } from './index.ts';
import { OPERATOR } from './facts.ts';
import { createLogFolder } from './log-folder.ts';
import { createKeyHolder } from './rotation.ts';
import { createAuditSecret, wrappingOf } from './secret.ts';
import { createWitnesses } from './witnesses.ts';
import type { Witness } from './witnesses.ts';

export type StartAuditOptions = {
  readonly store: Store;
  readonly client: KubeClient;
  readonly dataFolder: string;
  readonly systemNamespace: string;
  /** Of the system namespace: no two installations share it. */
  readonly installation: string;
  readonly witnesses: readonly Witness[];
  readonly intervalMs: number;
  readonly keyLifetimeMs: number;
  readonly clock: Clock;
  readonly observe: AuditObserver;
};

export type StartedAudit = {
  readonly audit: AuditLog;
  /** By which others verify: to be kept where the cluster can not change it. */
  readonly verifierKey: string;
  run(signal: AbortSignal): Promise<void>;
};

/** Where the keys' ages are looked at. */
const ROTATION_LOOK_MS = 3_600_000;

export const AUDIT_FOLDER = 'audit';
export const LEDGER_FILE = 'ledger.sqlite';

export const startAudit = async (options: StartAuditOptions, signal: AbortSignal): Promise<StartedAudit> => {
  const { store, client, clock, observe } = options;
  const folder = join(options.dataFolder, AUDIT_FOLDER);
  await mkdir(folder, { recursive: true });
  const name = `writ.dev/audit/${options.installation}`;
  const now = (): number => clock.now();
  const secret = createAuditSecret({ client, namespace: options.systemNamespace, name, random: randomBytes, now });
  const keys = await secret.read();
  const holder = createKeyHolder({ secret, keys, lifetimeMs: options.keyLifetimeMs, now, random: randomBytes });
  const dataKeys = createDataKeys({ wrapping: () => wrappingOf(holder.current()), random: randomBytes, now });
  const files = createLogFolder(folder);
  const cosign = createWitnesses({
    witnesses: options.witnesses,
    files,
    signer: keys.signer,
    signal,
    onProblem: (problem) => observe.problem('root', problem),
  });
  const audit = await openAuditLog({
    store,
    files,
    signer: keys.signer,
    keys: dataKeys,
    cosign,
    clock,
    random: randomBytes,
    intervalMs: options.intervalMs,
    observe,
  });
  const verifierKey = keys.signer.key.text;
  audit.tellOnce({ topic: 'key/signing', fact: { action: 'key.signing', actor: OPERATOR, detail: { verifierKey } } });

  const rotate = async (): Promise<void> => {
    await holder.rotate(() => store.transact((tx) => dataKeys.rewrap(tx)));
    const [{ version }] = holder.current().wrapping;
    audit.tellOnce({ topic: 'key/wrapping', fact: { action: 'key.wrapping', actor: OPERATOR, detail: { version } } });
  };
  const rotateOften = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await rotate().catch(observe.failed);
      await sleep(clock, ROTATION_LOOK_MS, signal);
    }
  };
  return { audit, verifierKey, run: async (signal) => void (await Promise.all([audit.run(signal), rotateOften(signal)])) };
};

export type RecordDeps = {
  readonly config: Pick<
    OperatorConfig,
    'data-dir' | 'audit-checkpoint-interval' | 'audit-key-lifetime' | 'auditWitnesses' | 'holder' | 'system-namespace'
  >;
  readonly caches: { readonly namespaces: Pick<Informer<KubeObject>, 'get'> };
  readonly clock: Clock;
  readonly observeAudit: AuditObserver;
  readonly onAudit: (verifierKey: string) => void;
};

export type OpenRecord = StartedAudit & { close(): Promise<void> };

/**
 * The record of one term of leadership; undefined where no folder is named for it. What is told to keep a record and can not does
 * not lead.
 */
export const openRecord = async (deps: RecordDeps, client: KubeClient, signal: AbortSignal): Promise<OpenRecord | undefined> => {
  const { config, clock } = deps;
  const dataFolder = config['data-dir'];
  if (dataFolder === undefined) return undefined;
  const systemNamespace = config['system-namespace'];
  const installation = deps.caches.namespaces.get(systemNamespace)?.metadata.uid;
  if (installation === undefined) throw new Error(`there is no namespace ${systemNamespace}, by which the audit log is named`);
  await mkdir(dataFolder, { recursive: true });
  const store = await openSqliteStore({ file: join(dataFolder, LEDGER_FILE), clock });
  try {
    await store.claim(config.holder);
    const started = await startAudit(
      {
        store,
        client,
        dataFolder,
        systemNamespace,
        installation,
        witnesses: config.auditWitnesses,
        intervalMs: config['audit-checkpoint-interval'],
        keyLifetimeMs: config['audit-key-lifetime'],
        clock,
        observe: deps.observeAudit,
      },
      signal,
    );
    deps.onAudit(started.verifierKey);
    return { ...started, close: () => store.close() };
  } catch (error) {
    await store.close();
    throw error;
  }
};
