// SPDX-License-Identifier: Apache-2.0
// The power goes: a process that is killed leaves its writes to the system, a machine without power does not. One recording of what a ledger
// did to its files, and from it what a disk may hold at many moments; each must keep every promise that was made before.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createDisk } from './power/disk.ts';
import type { Loss } from './power/disk.ts';
import { judge } from './power/judge.ts';
import { cannotRecord, record } from './power/recording.ts';
import type { Step } from './power/recording.ts';
import { ROUNDS } from './power/workload.ts';

const CHILD = fileURLToPath(new URL('power/child.ts', import.meta.url));
/** Each takes a quarter of a second of a processor. */
const MOMENTS = 40;
const SECTORS = [512, 4096];
const KEPT = [0, 0.5, 0.9];

/** From 0 to 1, the same for the same seed. */
const randomOf = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

describe('when the power goes', { skip: cannotRecord() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'writ-power-'));
  const root = join(folder, 'recorded');
  const steps: Step[] = [];

  before(async () => {
    mkdirSync(root);
    for (const life of ROUNDS.keys()) steps.push(...(await record(CHILD, { root, args: [root, String(life)] })));
    assert.ok(
      steps.some((step) => step.kind === 'said' && step.line.startsWith('left events ')),
      'the process did all that it was to do',
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const putBack = (files: ReadonlyMap<string, Buffer>): string => {
    const place = mkdtempSync(join(folder, 'disk-'));
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(place, path)), { recursive: true });
      writeFileSync(join(place, path), bytes);
    }
    return place;
  };

  type Moment = { readonly index: number } & Loss;
  const isPromise = ({ kind }: Step): boolean => kind === 'said';

  /** What is wrong with what is left at the first of these moments at which anything is. */
  const faultOf = async (moments: readonly Moment[], lies?: (path: string) => boolean): Promise<string | undefined> => {
    const disk = createDisk(root, lies);
    const said: string[] = [];
    const seen: Buffer[] = [];
    for (const [index, step] of steps.entries()) {
      disk.apply(step);
      if (step.kind === 'said') said.push(step.line);
      if (step.kind === 'renamed' && step.to.endsWith('/checkpoint')) seen.push(disk.read(step.to) ?? assert.fail());
      for (const moment of moments.filter((one) => one.index === index)) {
        const place = putBack(disk.after(moment));
        try {
          await judge(place, { said, seen });
        } catch (error) {
          return `${JSON.stringify(moment)} after ${step.kind}: ${error instanceof Error ? error.stack : String(error)}`;
        } finally {
          rmSync(place, { recursive: true });
        }
      }
    }
    return undefined;
  };

  it('all that was promised is there, at whatever moment', async () => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] ?? assert.fail();
    const all = [...steps.keys()];
    const promises = all.filter((index) => isPromise(steps[index] ?? assert.fail()));
    // As many right after a promise as anywhere.
    const moments = Array.from({ length: MOMENTS }, (_, at) => ({
      index: pick(at % 2 === 0 ? promises : all),
      random,
      keep: pick(KEPT),
      sectorBytes: pick(SECTORS),
    }));
    const fault = await faultOf(moments);
    assert.ok(fault === undefined, `seed ${seed}: ${fault}`);
  });

  it('is seen where nobody waits until the disk has what is promised', async () => {
    const last = [{ index: steps.findLastIndex(isPromise), random: () => 1, keep: 0, sectorBytes: 512 }];
    assert.equal(await faultOf(last), undefined);
    const unwaited: readonly (readonly [fault: RegExp, lies: (path: string) => boolean])[] = [
      // As with synchronous=NORMAL.
      [/were stored, \d+ are there/, (path) => path.endsWith('-wal')],
      [/AUDIT_/, (path) => path.includes('/tile/') && path.endsWith('.unfinished')],
      [/checkpoint is missing/, (path) => path.endsWith('/checkpoint.unfinished')],
      [/checkpoint is missing/, (path) => path.endsWith('/audit')],
      [/checkpoint is missing/, (path) => path.endsWith('/data')],
      [/archive [^]*is not there/, (path) => path.endsWith('/archive')],
      [/archive [^]*is not the file/, (path) => path.endsWith('.tmp')],
    ];
    for (const [fault, lies] of unwaited) assert.match((await faultOf(last, lies)) ?? 'nothing is missed', fault);
  });
});
