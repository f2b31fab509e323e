// SPDX-License-Identifier: Apache-2.0
// What a bundle is held against: a file, or nothing but its SHA-256.
import { existsSync } from 'node:fs';
import { hash } from 'node:crypto';
import { readBytes } from '../files.ts';

export type Artifact = {
  /** As the person named it. */
  readonly name: string;
  /** Hexadecimal digits. */
  readonly sha256: string;
  /** Undefined where the digest alone is known. */
  readonly bytes: Uint8Array | undefined;
};

const DIGEST = /^sha256:([0-9a-f]{64})$/;

/** A digest, unless a file bears that very name: so says the protocol of Sigstore's conformance suite. */
export const readArtifact = (name: string): Artifact => {
  const digest = DIGEST.exec(name)?.[1];
  if (digest !== undefined && !existsSync(name)) return { name, sha256: digest, bytes: undefined };
  const bytes = readBytes(name);
  return { name, sha256: hash('sha256', bytes), bytes };
};
