// SPDX-License-Identifier: Apache-2.0
// Names that are made of users' words: cut where they would be too long, told apart by a digest then.
import { createHash } from 'node:crypto';

const DIGEST_LENGTH = 16;

export const shortened = (name: string, maxLength: number): string =>
  name.length <= maxLength
    ? name
    : `${name.slice(0, maxLength - DIGEST_LENGTH - 1).replace(/[^a-z0-9]+$/, '')}-${createHash('sha256').update(name).digest('hex').slice(0, DIGEST_LENGTH)}`;
