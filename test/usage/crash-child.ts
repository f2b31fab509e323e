// SPDX-License-Identifier: Apache-2.0
// A process that keeps a ledger and serves events, and kills itself with SIGKILL where it is told to: `POINT:COUNT`, the COUNTth
// time that it comes by. Says its URL on the first line. A body of `{"settle": ms}` to /settle moves its clock and settles.
import { createServer } from 'node:http';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { openLedgerStore } from '../../operator/usage/open-store.ts';
import { startUsageServer } from '../../operator/usage/server.ts';
import { systemClock } from '../../process/clock.ts';
import { boundPort } from '../../process/bound-port.ts';

const [location = '', kill = '', startText = '0'] = process.argv.slice(2);
const [point = '', countText = '1'] = kill.split(':');
let left = Number(countText);
let nowMs = Number(startText);
const clock = { ...systemClock, now: () => nowMs };

const pass = (here: string): void => {
  if (here !== point) return;
  left -= 1;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
};

const openingMs = clock.monotonicMs();
const store = await openLedgerStore(location, { clock, groupMs: 1, onPhase: pass });
const ledger = createLedger({
  store,
  clock,
  hasTenant: () => true,
  hooks: {
    onSeals: async () => pass('in-seal'),
    onStatements: async () => pass('in-statements'),
  },
  observe: { sealed: () => pass('after-seal'), closed: () => pass('after-close'), events: () => pass('before-answer') },
});
await ledger.open(`child ${process.pid}`);
pass('opened');
await ledger.declare(readMeters(undefined).meters);
const server = await startUsageServer({
  listen: { host: '127.0.0.1', port: 0 },
  transport: 'plain',
  clock,
  authenticate: async () => ({
    account: 'test/test',
    tenant: undefined,
    isWebhook: false,
    mayReport: () => true,
    mayRead: () => true,
    mayUse: () => true,
  }),
  ledger: () => ledger,
  observe: { answered: () => undefined, told: () => undefined, refused: () => undefined, failed: (error) => console.error(error) },
});
const control = createServer((request, response) => {
  nowMs = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('now'));
  ledger.settle(new AbortController().signal).then(
    () => response.end('settled'),
    (error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    },
  );
});
await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', () => resolve()));
const port = boundPort(control);
console.log(`${server.url} http://127.0.0.1:${port} ${Math.ceil(clock.monotonicMs() - openingMs)}`);
