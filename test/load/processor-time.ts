// SPDX-License-Identifier: Apache-2.0
// What a process costs, as the kernel counts it: unlike requests per second, a busy machine hardly changes that. Linux
// only; elsewhere there is nothing to say and the rows are left out.
import { globSync, readFileSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** From the state on, the third field of proc_pid_stat(5); the name before it may hold blanks and brackets. */
const statOf = (pid: number | string): readonly string[] => {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

// USER_HZ is 100 on every Linux that we can meet (proc_pid_stat(5)).
const TICK_MS = 10;

/** User and system time so far; `undefined` where it cannot be known. */
export const processorMs = (pid: number): number | undefined => {
  const fields = statOf(pid);
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : undefined;
};

/** Of the process, in MB of 10⁶ bytes. */
export const residentMegabytes = (pid: number): number | undefined => {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return kilobytes === undefined ? undefined : (Number(kilobytes) * 1024) / 1e6;
};

/** The process that was started with this argument, not the shell that watches over it in the same group. */
export const pidOf = (argument: string): number | undefined => {
  const found = globSync('/proc/[0-9]*/cmdline').find((path) => read(path).split('\0').includes(argument));
  const group = found === undefined ? Number.NaN : Number(statOf(found.split('/')[2] ?? '')[2]);
  return Number.isSafeInteger(group) ? group : undefined;
};
