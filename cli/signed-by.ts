// SPDX-License-Identifier: Apache-2.0
// Whether a file that was issued under a signature still has one that a key verifies.
import { existsSync } from 'node:fs';
import { readArtifact } from './bundle/artifact.ts';
import { judgeBundle } from './bundle/judge.ts';
import { chooseRoot } from './bundle/roots.ts';
import { readText } from './files.ts';
import type { readPublicKeyFile } from './public-key.ts';
import { bundlePath } from './signed-file.ts';

type Key = ReturnType<typeof readPublicKeyFile>['publicKey'];

/** What is wrong with a bundle that is said to sign the file, or undefined. */
export const bundleFault = (path: string, { bundle, key }: { readonly bundle: string; readonly key: Key }): string | undefined => {
  const outcome = judgeBundle({ bundle: readText(bundle), artifact: readArtifact(path), expected: { key }, root: chooseRoot(undefined) });
  return outcome.ok ? undefined : `${bundle}: ${outcome.problem.code}: ${outcome.problem.message}`;
};

/** What is wrong, and with which file; undefined where the key signed it as it is. */
export const signatureFault = (path: string, key: Key): string | undefined => {
  const bundle = bundlePath(path);
  return existsSync(bundle) ? bundleFault(path, { bundle, key }) : `${path}: it has no signature`;
};
