// SPDX-License-Identifier: Apache-2.0
// Transparency logs: Rekor v1 (promises and proofs) and v2 (proofs alone), each with a tree of more than one leaf.
import { Buffer } from 'node:buffer';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { p256, sha256, spki } from './certificates.ts';
import type { Pair } from './certificates.ts';

export type Log = { readonly version: 1 | 2; readonly host: string; readonly key: Pair; readonly id: Buffer };

/** As it stands in a bundle. */
export type Entry = { [field: string]: unknown };

export type EntryOptions = {
  readonly kind: string;
  readonly version: string;
  readonly spec: object;
  /** When the log took it in. */
  readonly atMs: number;
  /** By whom promise and checkpoint are signed, if not by the log. */
  readonly signer?: Pair;
  /** Leaves the promise out, as some clients of v1 do. */
  readonly withoutPromise?: boolean;
  /** Within the tree of eleven leaves. */
  readonly place?: number;
};

const SIZE = 11;
const PLACE = 6;

const hashLeaf = (body: Buffer): Buffer => sha256(Buffer.from([0]), body);
const hashNode = (left: Buffer, right: Buffer): Buffer => sha256(Buffer.from([1]), left, right);
const splitAt = (count: number): number => 2 ** Math.floor(Math.log2(count - 1));

/** RFC 6962 2.1. */
const rootOf = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const split = splitAt(leaves.length);
  return hashNode(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
};

const pathTo = (index: number, leaves: readonly Buffer[]): readonly Buffer[] => {
  if (leaves.length === 1) return [];
  const split = splitAt(leaves.length);
  return index < split
    ? [...pathTo(index, leaves.slice(0, split)), rootOf(leaves.slice(split))]
    : [...pathTo(index - split, leaves.slice(split)), rootOf(leaves.slice(0, split))];
};

export const signNote = (text: string, { host, id }: Log, key: Pair): string => {
  const digest = key.privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = Buffer.concat([id.subarray(0, 4), sign(digest, Buffer.from(text), key.privateKey)]);
  return `${text}\n\u2014 ${host} ${signature.toString('base64')}\n`;
};

/** A log of v1 is named by its key, one of v2 as the signer of notes that it is (C2SP signed-note: name, algorithm, key). */
const logIdOf = (version: 1 | 2, host: string, key: KeyObject): Buffer =>
  version === 1 ? sha256(spki(key)) : sha256(Buffer.from(`${host}\n\u0001`), spki(key).subarray(-32));

/** v1 has many trees and names the one. */
const originOf = ({ version, host }: Log): string => (version === 1 ? `${host} - 1193050959916656506` : host);

export const createLog = (version: 1 | 2): Log => {
  const key = version === 1 ? p256() : generateKeyPairSync('ed25519');
  const host = `rekor${version}.test`;
  return { version, host, key, id: logIdOf(version, host, key.publicKey) };
};

/** The JSON that a promise signs is canonical (RFC 8785): here simply with its keys in order. */
const promise = (
  body: Buffer,
  { seconds, index }: { readonly seconds: number; readonly index: number },
  { id }: Log,
  key: Pair,
): string => {
  const payload = { body: body.toString('base64'), integratedTime: seconds, logID: id.toString('hex'), logIndex: index };
  return sign('sha256', Buffer.from(JSON.stringify(payload)), key.privateKey).toString('base64');
};

export const enter = (log: Log, options: EntryOptions): Entry => {
  const { kind, version, spec, atMs, place = PLACE } = options;
  const key = options.signer ?? log.key;
  const body = Buffer.from(JSON.stringify({ apiVersion: version, kind, spec }));
  const leaves = Array.from({ length: SIZE }, (_, index) => hashLeaf(index === place ? body : Buffer.from(`other ${index}`)));
  const root = rootOf(leaves).toString('base64');
  const promised = log.version === 1 && options.withoutPromise !== true;
  // The index within the whole of a v1 log is another than that within its newest tree.
  const index = promised ? 1_000_000 + place : place;
  const seconds = Math.floor(atMs / 1000);
  return {
    logIndex: String(index),
    logId: { keyId: log.id.toString('base64') },
    kindVersion: { kind, version },
    ...(promised
      ? { integratedTime: String(seconds), inclusionPromise: { signedEntryTimestamp: promise(body, { seconds, index }, log, key) } }
      : {}),
    inclusionProof: {
      logIndex: String(place),
      rootHash: root,
      treeSize: String(SIZE),
      hashes: pathTo(place, leaves).map((hash) => hash.toString('base64')),
      checkpoint: { envelope: signNote(`${originOf(log)}\n${SIZE}\n${root}\n`, log, key) },
    },
    canonicalizedBody: body.toString('base64'),
  };
};
