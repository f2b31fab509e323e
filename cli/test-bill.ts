// SPDX-License-Identifier: Apache-2.0
// For tests of `writ bill`: a folder with prices, a subscription and the signed use of October 2025.
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeSigned } from './signed-file.ts';
import { keySigner } from './signing/signer.ts';
import { temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';
import { runInProcess } from './test-run.ts';
import type { Ran } from './spawn-writ.ts';

const SHIPPED = readFileSync(new URL('../deploy/examples/prices.yaml', import.meta.url), 'utf8');
export const OCTOBER_MS = Date.UTC(2025, 9);
export const ACME = `tenant: acme
changes:
- {at: "2025-10-01T00:00:00Z", tier: Starter, cycle: Monthly}
adjustments:
- {id: late-1, kind: Credit, amount: "25.00", reason: late answer, requester: ann, approver: bob, at: "2025-10-20T00:00:00Z"}
`;
export const october = (quantity: string): string =>
  JSON.stringify({
    closed: true,
    statements: [
      {
        tenant: 'acme',
        period: { start: '2025-10-01T00:00:00Z', end: '2025-11-01T00:00:00Z' },
        storedBefore: '2025-11-03T00:00:00.000Z',
        revision: 1,
        lines: [{ meter: 'api_calls', unit: '1', quantity }],
      },
    ],
  });
export const prices = SHIPPED.replace('2026-01-01', '2025-01-01');

export const scene = (): Folder => {
  const folder = temporaryFolder();
  folder.write({ 'prices.yaml': prices, 'acme.yaml': ACME, 'october.json': october('12345') });
  return folder;
};

/** A bundle beside a file, instead of any that is there. */
export const signFile = async (folder: Folder, name: string, key = 'billing'): Promise<void> => {
  const path = join(folder.path, name);
  rmSync(`${path}.sigstore.json`, { force: true });
  const signer = keySigner(createPrivateKey(readFileSync(join(folder.path, `${key}.key`), 'utf8')));
  await writeSigned({ path, text: readFileSync(path, 'utf8'), signer });
};

/** A key; under its signature prices and statement: the options by which the seal must count. */
export const sealed = async (folder: Folder): Promise<readonly string[]> => {
  assert.equal(folder.writ(['keygen', '--name', 'billing']).code, 0);
  const pem = readFileSync(join(folder.path, 'billing.pub'), 'utf8');
  folder.write({ 'trust.yaml': trustPolicy({ billing: pem }).replace('kinds: [Policy]', 'kinds: [PriceBook]') });
  const { code, err } = folder.writ(['sign', 'prices.yaml', '--key', 'billing.key']);
  assert.equal(code, 0, err);
  await signFile(folder, 'october.json');
  return ['--trust', join(folder.path, 'trust.yaml')];
};

/** The options that name what a bill is made of. */
export const inputOf = ({ path }: Folder): readonly string[] => {
  const files = [
    ['--prices', 'prices.yaml'],
    ['--subscription', 'acme.yaml'],
    ['--statement', 'october.json'],
  ] as const;
  return files.flatMap(([option, name]) => [option, join(path, name)]);
};

export const bill = (folder: Folder, command: string, ...more: readonly string[]): Promise<Ran> => {
  const input = inputOf(folder);
  const by = ['--statement-key', join(folder.path, 'billing.pub')];
  const signed = command === 'preview' || more.includes('--statement-key') ? [] : by;
  const moment = command === 'reconcile' ? [] : ['--at', '2025-11-01T00:00:00Z'];
  return runInProcess(['bill', command, ...input, ...signed, ...moment, ...more]);
};
