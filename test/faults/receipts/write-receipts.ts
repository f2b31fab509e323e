// SPDX-License-Identifier: Apache-2.0
// A process that makes receipts as fast as it can until it is killed, and says after each batch that is on disk how many
// records are. Arguments: the folder, a name for this run.
import { writeSync } from 'node:fs';
import { writeHeader } from '../../../policies/receipts/lines.ts';
import { systemClock as clock } from '../../../process/clock.ts';
import { createReceipts } from '../../../webhook/decisions/receipts.ts';
import { replicaKey } from '../../../webhook/decisions/replica-key.ts';
import { openSpool } from '../../../webhook/decisions/spool.ts';

const [folder = '', run = ''] = process.argv.slice(2);
const key = await replicaKey(undefined);
const fail = (error: unknown): never => {
  throw error;
};
const spool = await openSpool({
  folder,
  header: writeHeader({ replica: 'one', key: key.publicKey }),
  maxBytes: 2 ** 30,
  fileBytes: 200_000,
  onRemoved: fail,
});
let durable = 0;
let given = 0;
const receipts = createReceipts({
  spool,
  key,
  replica: 'one',
  clock,
  batchMs: 3,
  batchSize: 64,
  onSealed: ({ claim }) => {
    durable += claim.size;
    // At once and whole, so that what the parent read was true.
    writeSync(1, `${durable}\n`);
  },
  onLost: fail,
  onError: fail,
});
for (;;) {
  for (let turn = 0; turn < 20 && receipts.pendingBytes < 500_000; turn += 1) {
    receipts.add(JSON.stringify({ msg: 'decision', id: `d-${run}-${given}`, name: 'x'.repeat((given * 37) % 900) }));
    given += 1;
  }
  await new Promise((resolve) => setImmediate(resolve));
}
