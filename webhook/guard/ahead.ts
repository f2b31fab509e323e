// SPDX-License-Identifier: Apache-2.0
// What takes long to compile is compiled before it is ruled on, in pieces between which others get their answers. What comes of it
// is kept where compiling looks first, so that the ruling itself, which is made in one piece, compiles nothing: it parses, checks
// and verifies the document once more.
import { createSealedJudge } from '../../policies/sealed-object.ts';
import type { Clock } from '../../process/clock.ts';
import { createSlices } from '../../process/slices.ts';
import type { GuardedChange } from './change.ts';
import { sealedObjectOf } from './sealed.ts';
import type { GuardView } from './view.ts';

/** In UTF-16 units: what has no more is compiled within the milliseconds that any answer may take. */
const SHORT = 4_000;

const lengthOf = ({ signature, spec }: ReturnType<typeof sealedObjectOf>): number =>
  signature === undefined
    ? JSON.stringify(spec ?? null).length
    : (signature.members ?? []).reduce((sum, { document }) => sum + document.length, signature.document.length);

/** Undefined: there is nothing to wait for. Seals come first here too: nothing is compiled that the ruling would not compile. */
export const compileAhead = ({ kind, name, after }: GuardedChange, view: GuardView, clock: Clock): Promise<void> | undefined => {
  const { trust, evidence, atMs } = view;
  if (trust === undefined || after === undefined || (kind !== 'Policy' && kind !== 'Ruleset')) return undefined;
  const object = { ...sealedObjectOf(name, after), kind };
  if (lengthOf(object) <= SHORT) return undefined;
  const slices = createSlices(clock);
  const work = async (): Promise<void> => {
    for (const _ of createSealedJudge(evidence)(object, trust, atMs)) await slices.rest();
  };
  return work();
};
