// SPDX-License-Identifier: Apache-2.0
// A public key file.
import { SUPPORTED_KEYS, readPublicKey } from '../policies/trust/key.ts';
import type { PublicKey } from '../policies/trust/key.ts';
import { readText } from './files.ts';
import { UserError } from './output.ts';

export type PublicKeyFile = PublicKey & { /** As it stands in the file. */ readonly pem: string };

/** Whether its seals can count is in `refusal`. */
export const readPublicKeyFile = (path: string): PublicKeyFile => {
  const pem = readText(path);
  const key = readPublicKey(pem);
  if (key !== undefined) return { ...key, pem: `${pem.trim()}\n` };
  throw new UserError([
    { code: 'KEY_UNREADABLE', message: `${path}: not a public key`, hint: `give one PEM block BEGIN PUBLIC KEY: ${SUPPORTED_KEYS}` },
  ]);
};
