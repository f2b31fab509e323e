// SPDX-License-Identifier: Apache-2.0
// What was judged before: known bytes and seals under the same trust policy are not judged again until time may change it.
import { hash } from 'node:crypto';
import { atOnce } from './steps.ts';
import { createKept } from './compile/kept.ts';
import { createMemo } from './memo.ts';
import { artifactOf, createJudge, unsignedBytes } from './policy-object.ts';
import type { Judge, JudgeInSteps, Judged, SealedObject } from './policy-object.ts';
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

/** By the bytes and the seals, whatever object carries them. */
const createKeys = (): ((trust: Trust, object: SealedObject) => string) => {
  // The same object in the cache of an informer has the same bytes.
  const keys = new WeakMap<SealedObject, string>();
  const keyOf = (object: SealedObject): string => {
    const known = keys.get(object);
    if (known !== undefined) return known;
    const { document = '', bundles = [], members = [] } = object.signature ?? {};
    const signed =
      object.signature === undefined ? `unsigned ${hash('sha256', unsignedBytes(object))}` : hash('sha256', document, 'base64url');
    const others = hash('sha256', JSON.stringify([bundles, members]), 'base64url');
    const key = `${object.kind ?? 'Policy'} ${object.metadata.name} ${signed} ${others}`;
    keys.set(object, key);
    return key;
  };
  // The root may come after the trust policy that pins it.
  return (trust, object) => `${trust.digest} ${trust.root.ok} ${keyOf(object)}`;
};

export const rememberJudgements = (judge: JudgeInSteps = createJudge()): JudgeMemory => {
  const memo = createMemo<Remembered>();
  const keyUnder = createKeys();
  const recall = (key: string, atMs: number): Judged | undefined => {
    const known = memo.recall(key);
    return known !== undefined && stands(known, atMs) ? known.judged : undefined;
  };
  const judgeInSteps: JudgeInSteps = function* (object, trust, atMs) {
    const key = keyUnder(trust, object);
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
        const artifact = recall(keyUnder(trust, object), atMs) === undefined ? artifactOf(object) : undefined;
        if (artifact !== undefined) yield artifact;
      }
    },
    forgetUnseen: () => memo.sweep(),
  };
};

/** In UTF-16 units of documents, members and bundles: some hundred policies, or the largest release. */
const MOST_SHARED = 1_000_000;

const sizeOf = ({ signature, spec }: SealedObject): number => {
  if (signature === undefined) return JSON.stringify(spec ?? null).length;
  const { document, bundles = [], members = [] } = signature;
  const texts = [document, ...bundles, ...members.map((member) => member.document)];
  return texts.reduce((sum, text) => sum + text.length, 0);
};

/**
 * The same judge for those of a process who are shown the same objects: what one of them has just found good, the next one need not
 * verify, parse and compile. Holds the last of them, whoever writes ever new ones; no refusal, and nothing that was taken away.
 */
export const shareJudgements = (judge: JudgeInSteps, most = MOST_SHARED): JudgeInSteps => {
  const kept = createKept<Remembered>(most);
  const keyUnder = createKeys();
  return function* (object, trust, atMs) {
    const key = keyUnder(trust, object);
    const known = kept.recall(key);
    if (known !== undefined && stands(known, atMs)) return known.judged;
    const judged = yield* judge(object, trust, atMs);
    if (judged.ok && judged.document.withdrawn === undefined) kept.keep(key, { judged, atMs }, sizeOf(object));
    return judged;
  };
};
