// SPDX-License-Identifier: Apache-2.0
// Every ten minutes the leader looks whether the command line has issued something that is not on record yet.
import { readFileSync } from 'node:fs';
import type { KeyObject } from 'node:crypto';
import { readPublicKey } from '../policies/trust/key.ts';
import { Refused } from './billing-look.ts';
import type { BillingParts, Look, OpenLedger } from './billing-look.ts';
import { createIssuedLook } from './billing/issued.ts';
import { createTellOnce } from './tell-once.ts';

const LOOK_MS = 10 * 60_000;

const readKey = (file: string): KeyObject => {
  const key = readPublicKey(readFileSync(file, 'utf8'));
  if (key === undefined) throw new Refused(`--invoice-key ${file}: it is no public key in PEM`);
  if (key.refusal !== undefined) throw new Refused(`--invoice-key ${file}: ${key.refusal.message}`);
  return key.publicKey;
};

export const createIssuedWiring = (
  { clock, log, record }: BillingParts,
  where: { readonly folder: string; readonly keys: readonly string[] },
): Look => {
  const { folder } = where;
  const once = createTellOnce();
  let running: { readonly ledger: OpenLedger; readonly look: ReturnType<typeof createIssuedLook> } | undefined;
  let lookedMs = Number.NEGATIVE_INFINITY;
  return async ({ ledger }, signal) => {
    if (running?.ledger === ledger && clock.monotonicMs() - lookedMs < LOOK_MS) return;
    if (running?.ledger !== ledger) {
      const look = createIssuedLook({
        folder,
        keys: where.keys.map(readKey),
        store: ledger.store,
        nowMs: () => clock.now(),
        record,
        onAltered: (altered) =>
          once(JSON.stringify(altered), () =>
            log.error({ ...altered, code: 'BILL_RECORD_DIFFERS' }, 'a document is on record, and its file says something else'),
          ),
        onUnsigned: (path) =>
          once(path, () => log.error({ path, code: 'BILL_UNSIGNED' }, 'a document is not put on record: none of the keys signed it')),
      });
      running = { ledger, look };
    }
    await running.look(signal);
    lookedMs = clock.monotonicMs();
  };
};
