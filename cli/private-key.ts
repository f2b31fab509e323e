// SPDX-License-Identifier: Apache-2.0
// A private key file → a key that can seal.
import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isP256 } from '../policies/trust/key.ts';
import { readText } from './files.ts';
import { UserError } from './output.ts';
import type { Terminal } from './output.ts';

export const PASSPHRASE_VARIABLE = 'WRIT_KEY_PASSPHRASE';

const unreadable = (message: string, hint?: string): UserError =>
  new UserError([{ code: 'KEY_UNREADABLE', message, ...(hint === undefined ? {} : { hint }) }]);

export const passphraseFrom = (terminal: Terminal): string | undefined => {
  const passphrase = terminal.env[PASSPHRASE_VARIABLE];
  return passphrase === '' ? undefined : passphrase;
};

const parse = (path: string, pem: string, passphrase: string | undefined): KeyObject => {
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    const wrong = passphrase !== undefined && pem.includes('ENCRYPTED');
    throw unreadable(wrong ? `${path}: the passphrase in ${PASSPHRASE_VARIABLE} does not open it` : `${path}: not a private key in PEM`);
  }
};

/** Reads an ECDSA P-256 private key; the passphrase of an encrypted one comes from the environment. */
export const readPrivateKey = (path: string, terminal: Terminal): KeyObject => {
  const pem = readText(path);
  if (/ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY/.test(pem)) {
    throw unreadable(`${path}: a key in cosign's own encryption`, 'sign with `cosign sign-blob --key … --bundle FILE.sigstore.json FILE`');
  }
  const passphrase = passphraseFrom(terminal);
  if (pem.includes('ENCRYPTED') && passphrase === undefined) {
    throw unreadable(`${path}: the key is encrypted`, `put its passphrase into ${PASSPHRASE_VARIABLE}`);
  }
  const key = parse(path, pem, passphrase);
  if (!isP256(key))
    throw unreadable(`${path}: the key is ${key.asymmetricKeyType ?? 'unknown'}, only ECDSA P-256 can seal`, 'make one with `writ keygen`');
  return key;
};
