// SPDX-License-Identifier: Apache-2.0
/**
 * The heavy step of a seal's check as a piece of work for another thread: plain data in, plain data out.
 *
 * In: a document with its bundles, a trust policy, what is remembered. Out: tasks for what is not remembered yet; and, on the
 * other side, the outcome of one. Whoever ran them keeps the outcomes in the `EvidenceMemory`, where the check finds them; what
 * is not found there it proves by itself, so nothing here decides anything. Pure. webhook/, operator/ and benchmarks import it.
 */
import type { KeyObject } from 'node:crypto';
import { digestOf } from '../document/digest.ts';
import { isFor, readBundle, signedBytes } from './bundle.ts';
import type { Seal } from './bundle.ts';
import { readCertificate } from './certificate.ts';
import type { Artifact } from './check-bundles.ts';
import { checkEvidence } from './evidence.ts';
import type { EvidenceOutcome } from './evidence.ts';
import { createEvidenceMemory, evidenceKey } from './evidence-memory.ts';
import type { EvidenceMemory } from './evidence-memory.ts';
import { isSignedBy, readKeyDer } from './key.ts';
import { readTrustedRoot } from './trusted-root.ts';
import type { TrustedRoot } from './trusted-root.ts';
import type { Trust } from './trust.ts';

export type EvidenceTask = {
  /** Under which the outcome is kept. */
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly bundle: string;
  readonly root: Uint8Array;
  readonly rootDigest: string;
  /** SubjectPublicKeyInfo of the key that the bundle names; undefined where it carries a certificate. */
  readonly keyDer: Uint8Array | undefined;
};

/** Whether anything but a signature is to be proven. */
const isHeavy = ({ signatory, logEntries, isTimestamped }: Seal): boolean =>
  signatory.kind === 'certificate' || logEntries.length > 0 || isTimestamped;

/** By which the bundle says that it was signed; undefined where nothing could make it a seal. */
const publicKeyOf = ({ signatory }: Seal, trust: Trust): KeyObject | undefined => {
  if (signatory.kind === 'key') return trust.keys.get(signatory.hint)?.publicKey;
  const read = readCertificate(signatory.der);
  return read.ok && read.certificate.key.refusal === undefined ? read.certificate.key.publicKey : undefined;
};

/** What is worth proving elsewhere before the artifact is verified here. Total. */
export const evidenceTasks = ({ bytes, bundles }: Artifact, trust: Trust, memory: EvidenceMemory): readonly EvidenceTask[] => {
  if (!trust.root.ok || bundles.length === 0) return [];
  const { digest: rootDigest, bytes: root } = trust.root.root;
  const digest = digestOf(bytes);
  return bundles.flatMap((bundle): readonly EvidenceTask[] => {
    const key = evidenceKey(bundle, { digest, rootDigest });
    if (memory.recall(key) !== undefined) return [];
    const read = readBundle(bundle);
    if (!read.ok || !isHeavy(read.seal) || !isFor(read.seal, bytes)) return [];
    const publicKey = publicKeyOf(read.seal, trust);
    // The check comes to evidence after the signature only.
    if (publicKey === undefined || !isSignedBy(signedBytes(read.seal, bytes), read.seal.signature, publicKey)) return [];
    const keyDer = read.seal.signatory.kind === 'key' ? publicKey.export({ type: 'spki', format: 'der' }) : undefined;
    return [{ key, bytes, bundle, root, rootDigest, keyDer }];
  });
};

export type ProveAheadInput = {
  readonly artifacts: Iterable<Artifact>;
  readonly trust: Trust;
  readonly memory: EvidenceMemory;
  /** Another thread, for instance; it may fail, then the check does the work itself. */
  readonly run: (task: EvidenceTask) => Promise<EvidenceOutcome | undefined>;
  /** Asked after each artifact: lets other work of this thread go first. */
  readonly rest: () => boolean | Promise<boolean>;
};

/** What is in the hands of `run` at once, so that memory is bounded whatever there is to do. */
const MAX_UNDER_WAY = 64;

/** Proves what verifying these artifacts will ask for. Resolves when all of it is remembered or has failed. */
export const proveAhead = async ({ artifacts, trust, memory, run, rest }: ProveAheadInput): Promise<void> => {
  const underWay = new Set<Promise<void>>();
  const prove = async (task: EvidenceTask): Promise<void> => {
    try {
      const outcome = await run(task);
      if (outcome !== undefined) memory.keep(task.key, outcome);
    } catch {
      // The check finds nothing remembered and proves it here.
    }
  };
  for (const artifact of artifacts) {
    for (const task of evidenceTasks(artifact, trust, memory)) {
      const done = prove(task).finally(() => underWay.delete(done));
      underWay.add(done);
      if (underWay.size >= MAX_UNDER_WAY) await Promise.race(underWay);
    }
    await rest();
  }
  await Promise.all(underWay);
};

/** How a process proves ahead, and what it remembers of it. */
export type Proving = {
  readonly memory: EvidenceMemory;
  /** Resolves when verifying these artifacts has nothing heavy left to do. */
  readonly ahead: (artifacts: Iterable<Artifact>, trust: Trust) => Promise<void>;
};

/** For where nothing else waits: nothing is proven ahead, and the check proves as it goes. */
export const provingHere = (): Proving => ({ memory: createEvidenceMemory(), ahead: async () => undefined });

/** Undefined: it is no work that can be done; the check says why. */
export type ProveTask = (task: EvidenceTask) => EvidenceOutcome | undefined;

/** One for each thread: it keeps the root that it read last. */
export const createProver = (): ProveTask => {
  let last: { readonly digest: string; readonly root: TrustedRoot } | undefined;
  const rootOf = ({ root: bytes, rootDigest: digest }: EvidenceTask): TrustedRoot | undefined => {
    if (last?.digest === digest) return last.root;
    const read = readTrustedRoot(bytes);
    if (!read.ok) return undefined;
    last = { digest, root: read.root };
    return read.root;
  };
  return (task) => {
    const root = rootOf(task);
    const read = readBundle(task.bundle);
    if (root === undefined || !read.ok) return undefined;
    const { seal } = read;
    const { bytes, keyDer } = task;
    if (seal.signatory.kind === 'certificate') {
      const certificate = readCertificate(seal.signatory.der);
      return certificate.ok
        ? checkEvidence({ bytes, seal, key: certificate.certificate.key.publicKey, certificate: certificate.certificate, root })
        : undefined;
    }
    const key = keyDer === undefined ? undefined : readKeyDer(Buffer.from(keyDer));
    return key === undefined ? undefined : checkEvidence({ bytes, seal, key: key.publicKey, certificate: undefined, root });
  };
};
