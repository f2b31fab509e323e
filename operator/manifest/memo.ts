// SPDX-License-Identifier: Apache-2.0
// Under which key what was verified in one commit is kept for the next: everything that a good outcome depends on but the
// time, which the caller compares with the outcome's own `untilMs`.
import { createHash } from 'node:crypto';
import type { Trust } from '../../policies/trust/index.ts';
import type { ManifestDocument } from './index.ts';

export const memoKeys =
  (trust: Trust): ((document: ManifestDocument) => string) =>
  ({ path, bytes, bundles, members }) => {
    const files = members.map((member) => [member.path, createHash('sha256').update(member.bytes).digest('base64')]);
    const hash = createHash('sha256').update(JSON.stringify([trust.digest, path, bundles, files]));
    return hash.update(bytes).digest('base64');
  };
