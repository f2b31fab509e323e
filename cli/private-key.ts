// SPDX-License-Identifier: Apache-2.0
// A private key file → a key that can seal.
import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SUPPORTED_KEYS, keyRefusal } from '../policies/trust/key.ts';
import { isCosignKey, openCosignKey } from './cosign-key.ts';
import { readText } from './files.ts';
import { UserError } from './output.ts';
import type { Terminal } from './output.ts';

export const PASSWORD_VARIABLE = 'WRIT_KEY_PASSWORD';
const COSIGN_PASSWORD_VARIABLE = 'COSIGN_PASSWORD';

const unreadable = (message: string, hint?: string): UserError =>
  new UserError([{ code: 'KEY_UNREADABLE', message, ...(hint === undefined ? {} : { hint }) }]);

/** From the environment; cosign's keys may have an empty one. */
export const passwordFrom = (terminal: Terminal): string | undefined =>
  terminal.env[PASSWORD_VARIABLE] ?? terminal.env[COSIGN_PASSWORD_VARIABLE];

const passwordFor = async (path: string, terminal: Terminal): Promise<string> => {
  const password = passwordFrom(terminal) ?? (await terminal.askSecret?.(`password of ${path}: `));
  if (password === undefined)
    throw unreadable(`${path}: the key is encrypted`, `put its password into ${PASSWORD_VARIABLE} or ${COSIGN_PASSWORD_VARIABLE}`);
  return password;
};

const parsePem = (path: string, pem: string, passphrase: string | undefined): KeyObject => {
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    throw unreadable(passphrase === undefined ? `${path}: not a private key in PEM` : `${path}: the password does not open it`);
  }
};

const parseCosign = (path: string, pem: string, password: string): KeyObject => {
  const outcome = openCosignKey(pem, password);
  if (outcome.kind === 'key') return outcome.key;
  throw unreadable(
    outcome.kind === 'wrong-password' ? `${path}: the password does not open it` : `${path}: not a key file as cosign writes it`,
  );
};

/** Reads a private key in PEM, plain, in PKCS#8's encryption or in cosign's. */
export const readPrivateKey = async (path: string, terminal: Terminal): Promise<KeyObject> => {
  const pem = readText(path);
  const password = pem.includes('ENCRYPTED') ? await passwordFor(path, terminal) : undefined;
  const key = isCosignKey(pem) ? parseCosign(path, pem, password ?? '') : parsePem(path, pem, password);
  const refusal = keyRefusal(key);
  if (refusal !== undefined) throw unreadable(`${path}: ${refusal.message}`, `make one with \`writ keygen\`: ${SUPPORTED_KEYS}`);
  return key;
};
