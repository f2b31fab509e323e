// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

/** `sha256:` and the hex digest of the bytes: the one way in which a document is named. */
export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
