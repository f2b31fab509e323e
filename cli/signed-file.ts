// SPDX-License-Identifier: Apache-2.0
// A file that is issued under a signature, beside which it lies: FILE.sigstore.json.
import { existsSync } from 'node:fs';
import { writeNew } from './files.ts';
import type { Signer } from './signing/signer.ts';

export const bundlePath = (path: string): string => `${path}.sigstore.json`;

/**
 * Writes what is not there yet; the caller has seen that a file which is there says the same. The signature comes last: a file without
 * one was never issued, and is finished by the next try. Returns the path of the signature.
 */
export const writeSigned = async (file: { readonly path: string; readonly text: string; readonly signer: Signer }): Promise<string> => {
  const { path, text, signer } = file;
  if (!existsSync(path)) writeNew(path, text, 0o644);
  const bundle = bundlePath(path);
  if (!existsSync(bundle)) writeNew(bundle, await signer.seal({ message: Buffer.from(text) }), 0o644);
  return bundle;
};
