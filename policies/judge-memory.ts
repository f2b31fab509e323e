// SPDX-License-Identifier: Apache-2.0
// What was judged before: known bytes and seals under the same trust policy are not judged again until time may change it.
import { hash } from 'node:crypto';
import { digestOf } from './document/digest.ts';
import { atOnce, finish } from './steps.ts';
import type { Steps } from './steps.ts';
import { createKept } from './compile/kept.ts';
import { createMemo } from './memo.ts';
import { artifactOf, createJudge, unsignedBytes } from './policy-object.ts';
import type { Judge, JudgeInSteps, Judged, SealedObject } from './policy-object.ts';
import { MAX_BUNDLES } from './trust/bundle.ts';
import { mayCount } from './trust/check-seal.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';
import type { Artifact, Trust } from './trust/index.ts';
import { isCurrent } from './trust/term.ts';

export type JudgeMemory = {
  /** Known bytes under the same trust cost nothing. */
  readonly judge: Judge;
  readonly judgeInSteps: JudgeInSteps;
  /** What judging these objects will have to verify. */
  toVerify(objects: Iterable<SealedObject>, trust: Trust, atMs: number): Iterable<Artifact>;
  /** Forgets what was not asked for since the last call: after a look at all objects, what no object holds any more. */
  forgetUnseen(): void;
};

type Remembered = { readonly judged: Judged; readonly atMs: number };

const stands = ({ judged: { ok, untilMs }, atMs }: Remembered, nowMs: number): boolean => isCurrent({ isGood: ok, atMs, untilMs }, nowMs);

type Keys = {
  /** By the bytes, whatever seals and object carry them. */
  readonly bytes: string;
  /** And by the seals. */
  readonly all: string;
};

const createKeys = (): ((trust: Trust, object: SealedObject) => Keys) => {
  // The same object in the cache of an informer has the same bytes.
  const keys = new WeakMap<SealedObject, Keys>();
  const keysOf = (object: SealedObject): Keys => {
    const known = keys.get(object);
    if (known !== undefined) return known;
    const { document = '', bundles = [], members = [] } = object.signature ?? {};
    const signed =
      object.signature === undefined ? `unsigned ${hash('sha256', unsignedBytes(object))}` : hash('sha256', document, 'base64url');
    const hashOf = (part: readonly unknown[]): string => hash('sha256', JSON.stringify(part), 'base64url');
    const bytes = `${object.kind ?? 'Policy'} ${object.metadata.name} ${signed} ${hashOf(members)}`;
    const found = { bytes, all: `${bytes} ${hashOf(bundles)}` };
    keys.set(object, found);
    return found;
  };
  return (trust, object) => {
    // The root may come after the trust policy that pins it.
    const by = `${trust.digest} ${trust.root.ok}`;
    const { bytes, all } = keysOf(object);
    return { bytes: `${by} ${bytes}`, all: `${by} ${all}` };
  };
};

export const rememberJudgements = (judge: JudgeInSteps = createJudge()): JudgeMemory => {
  const memo = createMemo<Remembered>();
  const keysUnder = createKeys();
  const recall = (key: string, atMs: number): Judged | undefined => {
    const known = memo.recall(key);
    return known !== undefined && stands(known, atMs) ? known.judged : undefined;
  };
  const judgeInSteps: JudgeInSteps = function* (object, trust, atMs) {
    const key = keysUnder(trust, object).all;
    const known = recall(key, atMs);
    if (known !== undefined) return known;
    const judged = yield* judge(object, trust, atMs);
    memo.keep(key, { judged, atMs });
    return judged;
  };
  return {
    judge: atOnce(judgeInSteps),
    judgeInSteps,
    toVerify: function* (objects, trust, atMs) {
      for (const object of objects) {
        const artifact = recall(keysUnder(trust, object).all, atMs) === undefined ? artifactOf(object) : undefined;
        if (artifact !== undefined) yield artifact;
      }
    },
    forgetUnseen: () => memo.sweep(),
  };
};

/** In UTF-16 units of documents, members and bundles: some hundred policies, or the largest release. */
const MOST_SHARED = 1_000_000;

const sizeOf = ({ signature }: SealedObject): number => {
  if (signature === undefined) return 0;
  const { document, bundles = [], members = [] } = signature;
  const texts = [document, ...bundles, ...members.map((member) => member.document)];
  return texts.reduce((sum, text) => sum + text.length, 0);
};

/** What of a sealed object is judged: the rest is as large as whoever wrote it wants. */
const judgedOf = ({ kind, metadata: { name }, signature }: SealedObject): SealedObject => ({
  ...(kind === undefined ? {} : { kind }),
  metadata: { name },
  ...(signature === undefined ? {} : { signature }),
});

/** The bundles that may count under this trust policy, now or at another time: of those that never do anybody makes ever other ones. */
const worthOf = function* (object: SealedObject, trust: Trust, { at, evidence }: { readonly at: number } & SharedMemory): Steps<string> {
  const { bytes, bundles } = artifactOf(object) ?? { bytes: Buffer.of(), bundles: [] };
  const context = { bytes, digest: digestOf(bytes), trust, at, evidence };
  const worth: string[] = [];
  for (const bundle of bundles) {
    yield;
    if (mayCount(bundle, context)) worth.push(bundle);
  }
  return JSON.stringify(worth);
};

export type SharedMemory = {
  /** In UTF-16 units. */
  readonly most?: number;
  /** What was proven before of seals. */
  readonly evidence?: EvidenceMemory | undefined;
};

/**
 * The same judge for those of a process who are shown the same objects: what one of them has just found good, the next one need not
 * verify, parse and compile, also where there are other bundles beside those that count. Holds the last of them, whoever writes ever
 * new ones; no refusal, nothing that was taken away, and nothing without a seal: that is judged otherwise where it has bundles.
 */
export const shareJudgements = (judge: JudgeInSteps, { most = MOST_SHARED, evidence }: SharedMemory = {}): JudgeInSteps => {
  const kept = createKept<Remembered & { readonly object: SealedObject; readonly key: string }>(most);
  const keysUnder = createKeys();
  return function* (object, trust, atMs) {
    const { bytes, all: key } = keysUnder(trust, object);
    const known = kept.recall(bytes);
    if (known?.judged.ok === true && stands(known, atMs)) {
      if (known.key === key) return known.judged;
      const isReadable = (object.signature?.bundles ?? []).length <= MAX_BUNDLES;
      const by = { at: atMs, evidence };
      if (isReadable && (yield* worthOf(object, trust, by)) === (yield* worthOf(known.object, trust, by))) {
        // Under the next trust policy its own bundles are asked.
        const sealed = judgedOf(object);
        const again = (next: Trust, nowMs: number): Judged => finish(judge(sealed, next, nowMs));
        return { ...known.judged, document: { ...known.judged.document, again } };
      }
    }
    const judged = yield* judge(object, trust, atMs);
    if (judged.ok && judged.document.withdrawn === undefined && judged.document.unsigned !== true)
      kept.keep(bytes, { judged, atMs, object: judgedOf(object), key }, sizeOf(object));
    return judged;
  };
};
