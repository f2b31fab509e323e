// SPDX-License-Identifier: Apache-2.0
// By whose authorities and logs a bundle is judged: the trusted root that a person gives, or that of the public Sigstore as
// the package `@sigstore/tuf` carries it, with which clients begin. A log that came later is unknown to it, so what it
// witnesses is refused: give a newer root.
import { Buffer } from 'node:buffer';
import seeds from '@sigstore/tuf/seeds.json' with { type: 'json' };
import { readTrustedRoot } from '../../policies/trust/trusted-root.ts';
import type { TrustedRoot } from '../../policies/trust/trusted-root.ts';
import { readBytes } from '../files.ts';
import { UserError } from '../output.ts';

// Of the one repository that the package knows.
const [publicRoot = ''] = Object.values(seeds).map(({ targets }) => targets['trusted_root.json']);

/** Of the file, or without one of the public Sigstore. */
export const chooseRoot = (path: string | undefined): TrustedRoot => {
  const read = readTrustedRoot(path === undefined ? Buffer.from(publicRoot, 'base64') : readBytes(path));
  if (read.ok) return read.root;
  throw new UserError([{ code: 'TRUST_ROOT_INVALID', message: `${path ?? 'the trusted root of Sigstore'}: ${read.why}` }]);
};
