// SPDX-License-Identifier: Apache-2.0
// By whose authorities and logs a bundle is judged: the trusted root that a person gives, or that of a public Sigstore, which
// lies here. roots/ holds what those two published by TUF in October 2026, as the packages `sigstore` of PyPI (4.5.1) and
// `@sigstore/tuf` of npm (5.0.1) carry it. A log that came later is unknown to it, so the bundle is refused: give a newer root.
import { Buffer } from 'node:buffer';
import { readTrustedRoot } from '../../policies/trust/trusted-root.ts';
import type { TrustedRoot } from '../../policies/trust/trusted-root.ts';
import { readBytes } from '../files.ts';
import { UserError } from '../output.ts';
import publicGood from './roots/sigstore.json' with { type: 'json' };
import staging from './roots/sigstore-staging.json' with { type: 'json' };

export type RootChoice = { readonly path?: string | undefined; readonly staging?: boolean | undefined };

export const chooseRoot = ({ path, staging: isStaging }: RootChoice): TrustedRoot => {
  const bytes = path === undefined ? Buffer.from(JSON.stringify(isStaging === true ? staging : publicGood)) : readBytes(path);
  const read = readTrustedRoot(bytes);
  if (read.ok) return read.root;
  throw new UserError([{ code: 'TRUST_ROOT_INVALID', message: `${path ?? 'the trusted root of Sigstore'}: ${read.why}` }]);
};
