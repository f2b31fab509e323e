// SPDX-License-Identifier: Apache-2.0
// The audit log in the operator's process: which flags, metrics and log lines are its own.
import type { Clock } from '../process/clock.ts';
import type { Log } from '../process/log.ts';
import { createAuditRecord } from './audit/start.ts';
import type { AuditRecord } from './audit/start.ts';
import type { Caches } from './caches.ts';
import type { OperatorConfig } from './config.ts';
import type { OperatorMetrics } from './metrics.ts';

type AuditParts = {
  readonly config: OperatorConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: OperatorMetrics;
  readonly caches: Pick<Caches, 'namespaces'>;
};

/** Undefined where no audit log is kept. */
export const createAudit = ({ config, clock, log, metrics, caches }: AuditParts): AuditRecord | undefined => {
  const folder = config['audit-dir'];
  if (folder === undefined) {
    log.info('no audit log is kept: --audit-dir names no folder');
    metrics.auditCheckpointAge.remove({});
    return undefined;
  }
  // Of a leader that has not published yet: since it began to watch.
  let publishedMs = clock.monotonicMs();
  metrics.auditCheckpointAge.onCollect(() => metrics.auditCheckpointAge.set({}, (clock.monotonicMs() - publishedMs) / 1000));
  const systemNamespace = config['system-namespace'];
  return createAuditRecord({
    folder,
    systemNamespace,
    installation: () => {
      const uid = caches.namespaces.get(systemNamespace)?.metadata.uid;
      if (uid === undefined) throw new Error(`there is no namespace ${systemNamespace}, by which the audit log is named`);
      return uid;
    },
    witnesses: config.auditWitnesses,
    intervalMs: config['audit-checkpoint-interval'],
    keyLifetimeMs: config['audit-key-lifetime'],
    clock,
    observe: {
      stored: (entries) => metrics.auditEntries.inc({}, entries),
      lost: (facts) => metrics.auditLost.inc({}, facts),
      failed: (error) => {
        metrics.auditFailures.inc({});
        log.error({ err: error }, 'the audit log could not be written; it is tried again');
      },
      problem: (name, problem) => {
        if (problem.code === 'AUDIT_DIVERGED' || problem.code === 'AUDIT_WITNESS') metrics.auditProblems.inc({ code: problem.code });
        log.error({ log: name, problem }, 'audit log');
      },
      size: (name, entries) => {
        if (name === 'root' || name === 'cluster') metrics.auditTreeSize.set({ log: name }, entries);
      },
      published: () => {
        publishedMs = clock.monotonicMs();
      },
    },
    onKey: (verifierKey) => log.info({ verifierKey }, 'the audit log is signed by this key'),
  });
};
