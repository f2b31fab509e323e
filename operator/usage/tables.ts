// SPDX-License-Identifier: Apache-2.0
// The ledger's own tables. Amounts are texts of whole millionths: 15 digits and 6 after the point do not fit 64 bits.
import { LEVEL_METERS } from '../../policies/service-level/counts.ts';
import { integerOf } from './store.ts';
import type { Migrations, Reader } from './store.ts';

/** The condition of that index, to the letter: an engine uses it for a query that says the same. */
export const LEVEL_EVENTS = `meter IN (${LEVEL_METERS.map((name) => `'${name}'`).join(', ')})`;

export const USAGE_TABLES: Migrations = {
  room: 'usage',
  steps: [
    [
      // frozen_ms: begin of the last period that takes no more; cut_ms: events stored from then on are billed later; sealed_ms:
      // the last hour that was sealed.
      'CREATE TABLE usage_state (one BIGINT PRIMARY KEY, frozen_ms BIGINT, cut_ms BIGINT NOT NULL, sealed_ms BIGINT)',
      'INSERT INTO usage_state (one, cut_ms) VALUES (1, 0)',
      // The first definition of a meter is kept: what was measured by it stays what it was.
      'CREATE TABLE usage_meter (name TEXT PRIMARY KEY, unit TEXT NOT NULL, aggregation TEXT NOT NULL, divisor BIGINT NOT NULL)',
      // until_ms: of sources that the operator watches itself, up to when their use is recorded; open: 1 until it has ended.
      `CREATE TABLE usage_source (number BIGINT PRIMARY KEY, tenant TEXT NOT NULL, source TEXT NOT NULL, highest BIGINT NOT NULL,
        gaps TEXT NOT NULL, last_ms BIGINT NOT NULL, until_ms BIGINT, open BIGINT NOT NULL, UNIQUE (tenant, source))`,
      'CREATE INDEX usage_source_open ON usage_source (open, last_ms)',
      `CREATE TABLE usage_event (source BIGINT NOT NULL, id TEXT NOT NULL, seq BIGINT NOT NULL, meter TEXT NOT NULL,
        at_ms BIGINT NOT NULL, stored_ms BIGINT NOT NULL, value TEXT NOT NULL, dims TEXT NOT NULL, digest BYTEA NOT NULL,
        PRIMARY KEY (source, id))`,
      `CREATE TABLE usage_bucket (hour_ms BIGINT NOT NULL, tenant TEXT NOT NULL, meter TEXT NOT NULL, count BIGINT NOT NULL,
        sum TEXT NOT NULL, peak TEXT NOT NULL, PRIMARY KEY (hour_ms, tenant, meter))`,
      'CREATE INDEX usage_bucket_series ON usage_bucket (tenant, meter, hour_ms)',
      // used_ms: the period in which it was used; billed_ms: the one whose statement shows it, later where it was heard of late.
      `CREATE TABLE usage_total (billed_ms BIGINT NOT NULL, tenant TEXT NOT NULL, used_ms BIGINT NOT NULL, meter TEXT NOT NULL,
        count BIGINT NOT NULL, sum TEXT NOT NULL, peak TEXT NOT NULL, PRIMARY KEY (billed_ms, tenant, used_ms, meter))`,
      `CREATE TABLE usage_seal (position BIGINT PRIMARY KEY, hour_ms BIGINT NOT NULL, revision BIGINT NOT NULL, root BYTEA NOT NULL,
        sealed_ms BIGINT NOT NULL, UNIQUE (hour_ms, revision))`,
      'CREATE TABLE usage_reopened (hour_ms BIGINT PRIMARY KEY)',
      'CREATE TABLE usage_period (period_ms BIGINT PRIMARY KEY, cut_ms BIGINT NOT NULL, done_upto TEXT NOT NULL, done BIGINT NOT NULL)',
      `CREATE TABLE usage_statement (period_ms BIGINT NOT NULL, tenant TEXT NOT NULL, revision BIGINT NOT NULL, body TEXT NOT NULL,
        digest BYTEA NOT NULL, PRIMARY KEY (period_ms, tenant, revision))`,
      `CREATE TABLE usage_quarantine (tenant TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, seq BIGINT NOT NULL, meter TEXT NOT NULL,
        at_ms BIGINT NOT NULL, stored_ms BIGINT NOT NULL, value TEXT NOT NULL, dims TEXT NOT NULL, digest BYTEA NOT NULL,
        PRIMARY KEY (tenant, source, id))`,
    ],
    [
      // Counts of answers are read by the minute (`operator/slo`); other events do not pay for it.
      `CREATE INDEX usage_event_level ON usage_event (source, at_ms) WHERE meter IN ('slo.admission_latency.good',
        'slo.admission_latency.valid', 'slo.availability.good', 'slo.availability.valid')`,
    ],
    [
      // Of what was used before pruned_ms events may have left; before swept_ms none was left at the last look (`pruning.ts`).
      'CREATE TABLE usage_pruning (one BIGINT PRIMARY KEY, pruned_ms BIGINT NOT NULL, swept_ms BIGINT NOT NULL)',
      'INSERT INTO usage_pruning (one, pruned_ms, swept_ms) VALUES (1, 0, 0)',
      // What events that left added up to, by the key of their total.
      `CREATE TABLE usage_pruned (billed_ms BIGINT NOT NULL, tenant TEXT NOT NULL, used_ms BIGINT NOT NULL, meter TEXT NOT NULL,
        count BIGINT NOT NULL, sum TEXT NOT NULL, peak TEXT NOT NULL, PRIMARY KEY (billed_ms, tenant, used_ms, meter))`,
      'CREATE TABLE usage_pruned_source (source BIGINT PRIMARY KEY, count BIGINT NOT NULL, highest BIGINT NOT NULL)',
      'CREATE TABLE usage_archive (position BIGINT PRIMARY KEY, events BIGINT NOT NULL, digest BYTEA NOT NULL)',
    ],
    [
      // As usage_pruned, of what left for no archive alone: an archive may be named later, or no more.
      `CREATE TABLE usage_pruned_nowhere (billed_ms BIGINT NOT NULL, tenant TEXT NOT NULL, used_ms BIGINT NOT NULL, meter TEXT NOT NULL,
        count BIGINT NOT NULL, sum TEXT NOT NULL, peak TEXT NOT NULL, PRIMARY KEY (billed_ms, tenant, used_ms, meter))`,
      `INSERT INTO usage_pruned_nowhere (billed_ms, tenant, used_ms, meter, count, sum, peak)
        SELECT billed_ms, tenant, used_ms, meter, count, sum, peak FROM usage_pruned WHERE NOT EXISTS (SELECT 1 FROM usage_archive)`,
    ],
    // The condition has to name each meter, and there are more of them.
    [
      'DROP INDEX usage_event_level',
      `CREATE INDEX usage_event_level ON usage_event (source, at_ms) WHERE ${LEVEL_EVENTS}`,
      // What came since a moment, for sums that are kept of them.
      `CREATE INDEX usage_event_level_stored ON usage_event (stored_ms) WHERE ${LEVEL_EVENTS}`,
    ],
    [
      // Since when each namespace has the tenant of its label, empty for none (`tenancies.ts`); what a pod or claim was billed up to.
      'CREATE TABLE usage_namespace (uid TEXT PRIMARY KEY, tenant TEXT NOT NULL, since_ms BIGINT NOT NULL)',
      'CREATE INDEX usage_source_watched ON usage_source (source, until_ms) WHERE until_ms IS NOT NULL',
    ],
    [
      // What waits in quarantine by tenant and meter (`aside-marks.ts`); '' until it is added up, when the ledger is opened next.
      'CREATE TABLE usage_aside (tenant TEXT NOT NULL, meter TEXT NOT NULL, events BIGINT NOT NULL, sum TEXT NOT NULL, PRIMARY KEY (tenant, meter))',
      `INSERT INTO usage_aside (tenant, meter, events, sum) SELECT tenant, meter, COUNT(*), '' FROM usage_quarantine GROUP BY tenant, meter`,
    ],
  ],
};

/** How many of them a ledger has taken that may be older than this version. */
export const usageSteps = async (reader: Reader): Promise<number> => {
  const [room] = await reader.all("SELECT steps FROM store_room WHERE room = 'usage'");
  return room === undefined ? 0 : integerOf(room, 'steps');
};
