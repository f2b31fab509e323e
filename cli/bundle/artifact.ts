// SPDX-License-Identifier: Apache-2.0
// What a bundle is held against: a file of any size, or nothing but its SHA-256.
import { Buffer } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { eachChunk } from '../files.ts';

export type Artifact = {
  /** As the person named it. */
  readonly name: string;
  /** Hexadecimal digits. */
  readonly sha256: string;
  /** Of a file that was read, hexadecimal digits. */
  readonly sha384?: string;
  readonly sha512?: string;
  /** Undefined where digests alone are known. */
  readonly bytes: Uint8Array | undefined;
};

/** Undefined where it cannot be known. */
export const digestOf = ({ sha256, bytes, ...others }: Artifact, algorithm: 'sha256' | 'sha384' | 'sha512'): string | undefined => {
  if (algorithm === 'sha256') return sha256;
  return others[algorithm] ?? (bytes === undefined ? undefined : hash(algorithm, bytes));
};

const DIGEST = /^sha256:([0-9a-f]{64})$/i;

/** A larger file is hashed as it is read and not kept. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

const read = (name: string, maxKeptBytes: number): Artifact => {
  const hashes = { sha256: createHash('sha256'), sha384: createHash('sha384'), sha512: createHash('sha512') };
  const kept: Buffer[] = [];
  let total = 0;
  for (const chunk of eachChunk(name)) {
    for (const hash of Object.values(hashes)) hash.update(chunk);
    total += chunk.length;
    if (total <= maxKeptBytes) kept.push(Buffer.from(chunk));
    else kept.length = 0;
  }
  const [sha256, sha384, sha512] = [hashes.sha256.digest('hex'), hashes.sha384.digest('hex'), hashes.sha512.digest('hex')];
  return { name, sha256, sha384, sha512, bytes: total <= maxKeptBytes ? Buffer.concat(kept) : undefined };
};

/** A digest, unless a file bears that very name: so says the protocol of Sigstore's conformance suite. */
export const readArtifact = (name: string, maxKeptBytes = MAX_KEPT_BYTES): Artifact => {
  const digest = DIGEST.exec(name)?.[1];
  if (digest !== undefined && !existsSync(name)) return { name, sha256: digest.toLowerCase(), bytes: undefined };
  return read(name, maxKeptBytes);
};
