// SPDX-License-Identifier: Apache-2.0
// Under which key what was verified in one commit is kept for the next: everything that a good outcome depends on but the
// time of expiry, which the caller checks.
import { createHash } from 'node:crypto';
import type { Trust } from '../../policies/trust/index.ts';
import type { ManifestDocument } from './index.ts';

/** Changes when a key begins or ceases to be valid, so that a seal is never judged by the keys of another day. */
const validKeys = (trust: Trust, atMs: number): string =>
  [...trust.keys.values()]
    .filter((key) => key.validFromMs <= atMs && atMs < key.validUntilMs)
    .map((key) => key.hint)
    .join(' ');

export const memoKeys = (trust: Trust, atMs: number): ((document: ManifestDocument) => string) => {
  const standing = `${trust.digest} ${validKeys(trust, atMs)}`;
  return ({ path, bytes, bundles }) => {
    const hash = createHash('sha256').update(JSON.stringify([standing, path, bundles]));
    return hash.update(bytes).digest('base64');
  };
};
