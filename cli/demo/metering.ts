// SPDX-License-Identifier: Apache-2.0
// What the demo's operator and webhook are told so that use is counted and deeds go on record, and how an agent reports.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SYSTEM_NAMESPACE } from '../../crds/kinds.ts';
import { freePort } from '../../test/scenario/free-port.ts';
import type { Installation, InstallationOptions } from '../../test/scenario/installation.ts';
import { intakeAuthorities, sendEvents } from '../../test/scenario/usage-intake.ts';
import type { IntakeAnswer } from '../../test/scenario/usage-intake.ts';
import { expect } from './answer.ts';

export const LEDGER = 'ledger.db';
export const AUDIT = 'audit';

export type Metering = Required<Pick<InstallationOptions, 'operatorFlags' | 'webhookFlags'>> & {
  readonly url: string;
  /** Gives the webhook its token, as the kubelet does in a cluster. */
  start(writ: Installation): Promise<void>;
  /** By the account that every namespace has, with a token that is good for this alone. */
  report(writ: Installation, namespace: string, events: readonly unknown[]): Promise<IntakeAnswer>;
};

export const prepareMetering = async (folder: string): Promise<Metering> => {
  const port = await freePort();
  const url = `https://127.0.0.1:${port}/v1/events`;
  const tokenFile = join(folder, 'usage-token');
  const tokens = new Map<string, string>();
  const tokenOf = async (writ: Installation, namespace: string, account: string): Promise<string> => {
    const { code, stdout, stderr } = await writ.plane.kubectl(['create', 'token', account, '-n', namespace, '--audience=writ-usage']);
    expect(code === 0, `a token of ${namespace}/${account} should be there`, { text: stderr, allowed: false, durationMs: 0 });
    return stdout.trim();
  };
  return {
    url,
    operatorFlags: {
      ledger: join(folder, LEDGER),
      'usage-address': `127.0.0.1:${port}`,
      'usage-interval': '1s',
      'audit-dir': join(folder, AUDIT),
      'audit-checkpoint-interval': '200ms',
    },
    webhookFlags: {
      'usage-url': url,
      'usage-token-file': tokenFile,
      'usage-spool': join(folder, 'spool'),
      'usage-interval': '500ms',
    },
    start: async (writ) => writeFile(tokenFile, await tokenOf(writ, SYSTEM_NAMESPACE, 'writ-webhook'), { mode: 0o600 }),
    report: async (writ, namespace, events) => {
      const token = tokens.get(namespace) ?? (await tokenOf(writ, namespace, 'default'));
      tokens.set(namespace, token);
      return await sendEvents({ port, ca: await intakeAuthorities(writ.client), token, events });
    },
  };
};
