// SPDX-License-Identifier: Apache-2.0
// Until when does an export speak? A checkpoint has no time (c2sp.org/tlog-checkpoint), so a log that is quiet and one that is kept from a
// reader look alike. While nothing else happens the operator puts an entry into the root log at a stated interval: what is older than that
// was stopped, or is not the newest. Where witnesses are asked for it is their time that counts, which who holds the key of the log can't write.
import type { Problem } from '../problem.ts';
import type { ExportReport } from './index.ts';

/** An entry of the root log that says nothing but that the log goes on. */
export const ALIVE_ACTION = 'log.alive';
/** The root log gets one when its last entry is as old. */
export const ALIVE_EVERY_MS = 3_600_000;

/** Clocks of two machines differ; what is further ahead was not signed yet. */
const AHEAD_MS = 5 * 60_000;

type Asked = { readonly nowMs: number; readonly maxAgeMs: number; /** Of the witnesses. */ readonly quorum: number };

/** When the root log was signed as it is shown here; undefined where nothing here says so. */
const signedMs = ({ logs }: ExportReport, quorum: number): number | undefined => {
  const root = logs.find(({ folder }) => folder === 'root');
  if (quorum > 0) {
    // Of an export without it: of the checkpoint that the proofs out of it end in.
    const times = (root ?? logs[0])?.cosigned.map(({ timeMs }) => timeMs).toSorted((a, b) => b - a) ?? [];
    return times[quorum - 1];
  }
  return root?.lastTs === undefined || root.range.to !== root.size ? undefined : Date.parse(root.lastTs);
};

/** Of an export in which everything else holds. */
export const staleness = (report: ExportReport, { nowMs, maxAgeMs, quorum }: Asked): Problem | undefined => {
  const atMs = signedMs(report, quorum);
  const stale = (message: string): Problem => ({ code: 'AUDIT_STALE', message });
  if (atMs === undefined)
    return stale('nothing here says when the root log was signed: it takes the root log with its last entries, or witnesses');
  const what = `the root log of ${report.scope.rootSize ?? 0} entries was ${quorum > 0 ? 'cosigned' : 'last written'} at ${new Date(atMs).toISOString()}`;
  if (atMs > nowMs + AHEAD_MS) return stale(`${what}, which is ahead of the clock here`);
  return nowMs - atMs > maxAgeMs ? stale(`${what}, which is longer ago than is asked for`) : undefined;
};
