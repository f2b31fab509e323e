// SPDX-License-Identifier: Apache-2.0
// `trusted_root.json` → the authorities and logs by which keyless seals are judged, without any network.
//
// The file has no signature of its own here: the trust policy carries its digest, so whoever may change whose seal counts
// may change this too, and nobody else. Read strictly where the library guesses: an authority without a first day would
// count since 1970, and a chain out of order would be searched for a way through it.
// Format: github.com/sigstore/protobuf-specs, sigstore_trustroot.proto.
import type { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { TrustedRoot as TrustedRootFormat } from '@sigstore/protobuf-specs';
import { toTrustMaterial } from '@sigstore/verify';
import type { TrustMaterial } from '@sigstore/verify';
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { digestOf } from '../document/digest.ts';
import { own } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { createRecent } from '../recent.ts';
import { fixWholeDer, verifyOnce } from './fixed-der.ts';
import { bytesAt, objectAt, objectsAt, parseStrictBytes, textAt } from './strict-json.ts';

const MAX_ROOT_BYTES = 256 * 1024;
const MAX_AUTHORITIES = 32;
const MAX_CHAIN = 8;

const MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.trustedroot(?:\+json;version=0\.[12]|\.v0\.[12]\+json)$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/** Authorities and logs, ready for the library. */
export type TrustedRoot = {
  readonly material: Omit<TrustMaterial, 'publicKey'>;
  /** Certificates of the authorities between leaf and root, base64 of DER: what a bundle may carry beside its own. */
  readonly intermediates: ReadonlySet<string>;
  /** `sha256:hex` of the file. */
  readonly digest: string;
  /** The file itself. */
  readonly bytes: Uint8Array;
  /** Since when each of its authorities and logs is valid, epoch milliseconds. */
  readonly startsMs: readonly number[];
};

export type TrustedRootOutcome = { readonly ok: true; readonly root: TrustedRoot } | { readonly ok: false; readonly why: string };

const SECTIONS = ['certificateAuthorities', 'timestampAuthorities', 'tlogs', 'ctlogs'] as const;

const isPeriod = (holder: JsonObject | undefined): boolean => {
  const period = holder === undefined ? undefined : objectAt(holder, 'validFor');
  const start = period === undefined ? undefined : textAt(period, 'start');
  const end = period === undefined ? undefined : own(period, 'end');
  return start !== undefined && TIME.test(start) && (end === undefined || (typeof end === 'string' && TIME.test(end)));
};

const isSelfIssued = (certificate: X509Certificate): boolean => certificate.checkIssued(certificate);

/** From the first certificate, each issued by the next, to one that is issued by itself. */
const isChain = (certificates: readonly X509Certificate[]): boolean =>
  certificates.length > 0 &&
  certificates.every((certificate, index) => {
    const issuer = certificates[index + 1] ?? certificate;
    return (index === 0 || certificate.ca) && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });

/** DER of the chain of one authority; undefined where it is none. Older files of Sigstore have some chains from the root down. */
const chainOf = (authority: JsonObject, order: 'up' | 'either'): readonly Buffer[] | undefined => {
  const chain = objectAt(authority, 'certChain');
  const list = chain === undefined ? undefined : objectsAt(chain, 'certificates');
  if (list === undefined || list.length > MAX_CHAIN) return undefined;
  const ders = list.flatMap((certificate) => bytesAt(certificate, 'rawBytes') ?? []);
  const certificates = ders.map((der) => new X509Certificate(der));
  const isGood = isChain(certificates) || (order === 'either' && isChain(certificates.toReversed()));
  return ders.length === list.length && isGood ? ders : undefined;
};

const problemIn = function* (root: JsonObject): Steps<string | undefined> {
  if (!MEDIA_TYPE.test(textAt(root, 'mediaType') ?? '')) return 'mediaType is not that of a Sigstore trusted root';
  for (const section of SECTIONS) {
    const entries = objectsAt(root, section);
    if (entries === undefined || entries.length > MAX_AUTHORITIES) return `${section} is not a list of at most ${MAX_AUTHORITIES} objects`;
    for (const [index, entry] of entries.entries()) {
      yield;
      const isLog = section === 'tlogs' || section === 'ctlogs';
      if (!isPeriod(isLog ? objectAt(entry, 'publicKey') : entry)) return `${section}[${index}] does not say since when it is valid`;
      const order = section === 'timestampAuthorities' ? 'up' : 'either';
      if (!isLog && chainOf(entry, order) === undefined)
        return `${section}[${index}].certChain is not a chain from the signing certificate to its root`;
    }
  }
  return undefined;
};

const startsOf = (root: JsonObject): readonly number[] =>
  SECTIONS.flatMap((section) => objectsAt(root, section) ?? []).flatMap((entry) => {
    const holder = objectAt(entry, 'publicKey') ?? entry;
    const period = objectAt(holder, 'validFor');
    const start = period === undefined ? undefined : textAt(period, 'start');
    return start === undefined ? [] : [Date.parse(start)];
  });

const build = function* (root: JsonObject, bytes: Uint8Array, digest: string): Steps<TrustedRoot> {
  const { publicKey: _, ...material } = toTrustMaterial(TrustedRootFormat.fromJSON(root));
  yield;
  for (const { certChain } of [...material.certificateAuthorities, ...material.timestampAuthorities])
    for (const certificate of certChain) {
      fixWholeDer(certificate.root);
      verifyOnce(certificate);
    }
  yield;
  const chains = (objectsAt(root, 'certificateAuthorities') ?? []).flatMap((authority) => chainOf(authority, 'either') ?? []);
  const intermediates = chains.filter((der) => !isSelfIssued(new X509Certificate(der)));
  return {
    material,
    intermediates: new Set(intermediates.map((der) => der.toString('base64'))),
    digest,
    bytes,
    startsMs: startsOf(root),
  };
};

const read = function* (bytes: Uint8Array, digest: string): Steps<TrustedRootOutcome> {
  const json = parseStrictBytes(bytes);
  if (json === undefined) return { ok: false, why: 'not a JSON object without repeated keys' };
  try {
    const why = yield* problemIn(json);
    if (why !== undefined) return { ok: false, why };
    yield;
    return { ok: true, root: yield* build(json, bytes, digest) };
  } catch {
    return { ok: false, why: 'a key or a certificate in it cannot be read' };
  }
};

/** By digest: each version in a chain of trust policies brings its root, mostly the same, and to read it takes milliseconds. */
const lately = createRecent<TrustedRootOutcome>(4);

/** `readTrustedRoot` in steps: the first of a process takes tens of milliseconds. */
export const readTrustedRootInSteps = function* (bytes: Uint8Array): Steps<TrustedRootOutcome> {
  if (bytes.length > MAX_ROOT_BYTES) return { ok: false, why: `more than ${MAX_ROOT_BYTES} bytes` };
  const digest = digestOf(bytes);
  const outcome = lately.recall(digest) ?? (yield* read(bytes, digest));
  lately.keep(digest, outcome);
  return outcome;
};

/** Total. Whether these are the pinned bytes is the caller's to ask first. */
export const readTrustedRoot = atOnce(readTrustedRootInSteps);
