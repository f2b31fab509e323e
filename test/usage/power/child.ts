// SPDX-License-Identifier: Apache-2.0
// A life of a process that keeps a ledger, its archive and its audit log below a folder: says each thing before it asks for it, and again
// once it was promised. Every life goes on from what the one before left; the first two are killed, the last ends well.
import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { eventsPruned, hoursSealed, meterDeclared, periodClosed } from '../../../operator/audit/facts.ts';
import { openTestAudit } from '../../../operator/audit/test-audit.ts';
import { createArchive } from '../../../operator/usage/archive.ts';
import { readCheckpoint } from '../../../policies/transparency/checkpoint.ts';
import { readNote } from '../../../policies/transparency/note.ts';
import { systemClock } from '../../../process/clock.ts';
import { NEVER, scene } from '../ledger-scene.ts';
import { prune } from '../pruning-scene.ts';
import { ARCHIVE, AUDIT_LOGS, LEDGER_FILE, ROUNDS, SENDERS, STATE, TOGETHER, eventsOf, roundMs } from './workload.ts';

const [root = '', lifeText = '0'] = process.argv.slice(2);
const life = Number(lifeText);
const folder = join(root, STATE);
const say = (...words: readonly (string | number)[]): void => void writeSync(1, `${words.join(' ')}\n`);

const test = await openTestAudit({ folder, clock: systemClock });
const { store, audit } = test;
const made = await scene(
  { open: async () => store },
  {
    onMeters: (tx, meters) => audit.append(tx, meters.map(meterDeclared)),
    onSeals: (tx, seals) => audit.append(tx, hoursSealed(seals)),
    onStatements: (tx, statements) => audit.append(tx, statements.map(periodClosed)),
  },
);

const { ledger, clock } = made;

/** Events of each sender, and as many entries of the audit log. */
const pass = async (round: number): Promise<void> => {
  clock.set(roundMs(round));
  const last = (round + 1) * TOGETHER;
  const send = async (sender: (typeof SENDERS)[number]): Promise<void> => {
    say('tries', sender.source, last);
    const outcomes = await ledger.accept(eventsOf(sender, round));
    if (outcomes.some((outcome) => outcome !== 'stored')) throw new Error(outcomes.join());
    say('stored', sender.source, last);
  };
  const tell = async (): Promise<void> => {
    const told = Array.from({ length: TOGETHER }, (_, at) => ({ action: 'test.done', actor: 'test', detail: { number: last - at } }));
    await store.transact((tx) => audit.append(tx, told));
    say('told', 'number', last);
  };
  await Promise.all([...SENDERS.map(send), tell()]);
  if (round % 2 === 1) await ledger.settle(NEVER);
};

const publish = async (): Promise<void> => {
  await audit.publish();
  for (const log of AUDIT_LOGS) {
    const size = readCheckpoint(readNote(test.files.read(`${log}/checkpoint`) ?? Buffer.alloc(0))?.text ?? '')?.size;
    if (size !== undefined) say('published', log, size);
  }
};

/** What the engine does by itself after some thousand pages: all goes into the file, and the log beside it begins anew. */
const checkpoint = (): void => {
  const other = new DatabaseSync(join(folder, LEDGER_FILE));
  other.exec('PRAGMA wal_checkpoint(RESTART)');
  other.close();
};

const rounds = ROUNDS[life] ?? [];
for (const round of rounds) {
  await pass(round);
  await publish();
  if (round === rounds[2]) checkpoint();
}
if (life < ROUNDS.length - 1) process.kill(process.pid, 'SIGKILL');

// October is closed by now, and what it was made of leaves the ledger.
const archive = createArchive(join(folder, ARCHIVE));
const left = await prune(made, { archive, onPruned: (tx, pruned) => audit.append(tx, [eventsPruned(pruned)]) });
say('left', 'events', left);
await publish();
await test.close();
