// SPDX-License-Identifier: Apache-2.0
// How old an export may be: by the last entry of the root log, or by the witnesses that are asked for; and what does not say so is stale.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { staleness } from './freshness.ts';
import { verifyExport } from './index.ts';
import { buildExport, buildTenantExport, logSigner, witnessOne, witnessTwo } from './test-log.ts';
import type { Files } from './test-log.ts';

const HOUR_MS = 3_600_000;
const MADE_MS = Date.UTC(2026, 0, 1);
const witnesses = [witnessOne, witnessTwo];

const at = (files: Files, ageMs: number, quorum = 0): string | undefined => {
  const trust = { keys: [logSigner.key], witnesses: quorum === 0 ? [] : witnesses.map(({ key }) => key), quorum };
  const report = verifyExport({ names: [...files.keys()], read: (name) => files.get(name), trust, since: [] });
  assert.deepEqual(report.problems, []);
  return staleness(report, { nowMs: MADE_MS + ageMs, maxAgeMs: 2 * HOUR_MS, quorum })?.message;
};

it('an export is as old as the last entry of its root log', () => {
  const files = buildExport(3);
  assert.equal(at(files, HOUR_MS), undefined);
  assert.match(
    at(files, 2 * HOUR_MS + 3001) ?? '',
    /^the root log of 3 entries was last written at 2026-01-01T00:00:02\.000Z, which is longer ago/,
  );
  assert.match(at(files, -HOUR_MS) ?? '', /ahead of the clock here$/);
});

it('an export without the root log says nothing of its age, but by witnesses', () => {
  const files = buildTenantExport(3, { witnesses });
  assert.match(at(files, HOUR_MS) ?? '', /^nothing here says when/);
  assert.equal(at(files, HOUR_MS, 2), undefined);
  assert.match(at(files, 2 * HOUR_MS + 1, 2) ?? '', /was cosigned at 2026-01-01T00:00:00\.000Z, which is longer ago/);
});

it('where witnesses are asked for their time counts, and that of as many as are asked for', () => {
  const files = buildExport(3, { witnesses });
  assert.equal(at(files, HOUR_MS, 2), undefined);
  assert.match(at(files, 2 * HOUR_MS + 1, 1) ?? '', /was cosigned at 2026-01-01T00:00:00\.000Z/);
  const report = { logs: [], scope: { kind: 'all', rootSize: 3 }, sealed: new Map(), problems: [] } as const;
  assert.match(staleness(report, { nowMs: MADE_MS, maxAgeMs: HOUR_MS, quorum: 1 })?.message ?? '', /^nothing here says when/);
  const cosigned = [
    { name: 'a', timeMs: MADE_MS + 9 * HOUR_MS },
    { name: 'b', timeMs: MADE_MS },
  ];
  const log = {
    folder: 'root',
    origin: 'o',
    size: 3,
    root: '',
    entries: 3,
    range: { from: 0, to: 3 },
    firstTs: undefined,
    lastTs: undefined,
    anchoredSize: undefined,
  };
  const judged = (quorum: number) =>
    staleness({ ...report, logs: [{ ...log, cosigned }] }, { nowMs: MADE_MS + 10 * HOUR_MS, maxAgeMs: 2 * HOUR_MS, quorum }) === undefined;
  assert.deepEqual([judged(1), judged(2)], [true, false]);
});
