// SPDX-License-Identifier: Apache-2.0
// What the operator keeps of the counts, so that it need not read a month of minutes to say what is left of a budget. It can be made
// again from the events at any time, and nothing that costs money is reckoned by it.
import type { Migrations } from '../usage/store.ts';

export const SLO_TABLES: Migrations = {
  room: 'slo',
  steps: [
    [
      // Of an hour of which something is known: its good and bad minutes, the first and the last that is known.
      `CREATE TABLE slo_hour (tenant TEXT NOT NULL, hour_ms BIGINT NOT NULL, objective TEXT NOT NULL, good BIGINT NOT NULL,
        bad BIGINT NOT NULL, first_ms BIGINT NOT NULL, last_ms BIGINT NOT NULL, PRIMARY KEY (tenant, hour_ms, objective))`,
      // What the latest event says was promised: minutes are judged by it, those before it too.
      `CREATE TABLE slo_told (tenant TEXT NOT NULL, objective TEXT NOT NULL, target TEXT NOT NULL, at_ms BIGINT NOT NULL,
        PRIMARY KEY (tenant, objective))`,
      // All that was stored before is in the hours.
      'CREATE TABLE slo_state (one BIGINT PRIMARY KEY, stored_ms BIGINT NOT NULL)',
      'INSERT INTO slo_state (one, stored_ms) VALUES (1, 0)',
    ],
  ],
};
