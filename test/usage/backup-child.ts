// SPDX-License-Identifier: Apache-2.0
// Copies a ledger as `sqlite3 ledger.db ".backup copy.db"` does, by the same call of SQLite, and kills itself with SIGKILL at the step
// that it is told: `backup-child.ts FROM TO STEP`; without a step it goes on to the end.
import { DatabaseSync, backup } from 'node:sqlite';

const [from = '', to = '', step = '0'] = process.argv.slice(2);
let steps = 0;
const database = new DatabaseSync(from, { readOnly: true });
await backup(database, to, {
  rate: 20,
  progress: () => {
    steps += 1;
    if (steps === Number(step)) process.kill(process.pid, 'SIGKILL');
  },
});
database.close();
console.log(steps);
