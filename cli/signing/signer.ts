// SPDX-License-Identifier: Apache-2.0
/**
 * The signer port: who makes the signature of a seal, and where.
 *
 * In: what is to be sealed. Out: a Sigstore bundle. A key in a file signs in this process (here), a key in an HSM or a KMS
 * by a command (`external-signer.ts`), an identity by Fulcio, Rekor and a timestamp authority (`keyless-signer.ts`). Whoever
 * made it, a signature is verified before it is handed on. Imported by the commands that seal.
 */
import type { KeyObject } from 'node:crypto';
import { hintOf } from '../../policies/trust/key.ts';
import { makeSeal } from '../../policies/trust/seal.ts';
import type { Sealed } from '../../policies/trust/seal.ts';

export type Signer = {
  /** By which its bundles can be told from those of others; undefined where each has a certificate of its own. */
  readonly hint: string | undefined;
  /** For people: `the key HINT`. */
  readonly title: string;
  /** JSON text of a bundle. Throws UserError where it cannot be made. */
  readonly seal: (sealed: Sealed) => Promise<string>;
};

export const keySigner = (key: KeyObject): Signer => {
  const hint = hintOf(key);
  return { hint, title: `the key ${hint}`, seal: async (sealed) => makeSeal(sealed, key) };
};
