// SPDX-License-Identifier: Apache-2.0
// The one place of the pure code that hashes.
import { createHash } from 'node:crypto';

export const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** Of names and document digests, so that equal sets have equal digests whatever the order they were loaded in. */
export const setDigest = (documents: readonly { readonly name: string; readonly digest: string }[]): string =>
  sha256(
    documents
      .map(({ name, digest }) => `${JSON.stringify([name, digest])}\n`)
      .toSorted()
      .join(''),
  );
