// SPDX-License-Identifier: Apache-2.0
// What takes long to verify is verified before it is ruled on: what log entries, timestamps and certificates prove in the worker
// threads, a long document or the chain of a trust policy in steps between which others get their answers, one after the other
// (turns.ts): two at a time would make each step as long as both. A plain signature by a key is checked here: that takes less than a
// millisecond. The ruling itself, which is made in one piece, goes by what came of it, as long as that is of these very objects
// under the trust policy in force.
import { TRUST_POLICY_NAME } from '../../crds/kinds.ts';
import type { Steps } from '../../policies/steps.ts';
import { evidenceTasks } from '../../policies/trust/evidence-task.ts';
import type { Proving } from '../../policies/trust/evidence-task.ts';
import type { Artifact, Trust } from '../../policies/trust/index.ts';
import type { Clock } from '../../process/clock.ts';
import { createSlices } from '../../process/slices.ts';
import type { Slices } from '../../process/slices.ts';
import { oddInSteps } from './bundles.ts';
import type { GuardedChange } from './change.ts';
import { isMetadataOnly } from './meaning.ts';
import type { Asker } from './places.ts';
import { isUnsigned, judgingBy, needsSeal, sealedObjectOf, standingTenantInSteps, verifySealedInSteps } from './sealed.ts';
import type { DocumentKind, Verified } from './sealed.ts';
import type { Verifications } from './rules.ts';
import { loadInSteps } from './trust.ts';
import { createTurns } from './turns.ts';
import type { GuardView } from './view.ts';

/** In UTF-16 units: what has no more is verified within the milliseconds that any answer may take. */
const SHORT = 4_000;
const FEW_BUNDLES = 2;

const isLong = (object: GuardedChange['after']): boolean => {
  const { signature, spec } = sealedObjectOf('', object);
  if (signature === undefined) return JSON.stringify(spec ?? null).length > SHORT;
  const { document, bundles = [], members = [] } = signature;
  return bundles.length > FEW_BUNDLES || members.reduce((sum, member) => sum + member.document.length, document.length) > SHORT;
};

const artifactOf = (object: GuardedChange['after']): Artifact | undefined => {
  const { signature } = sealedObjectOf('', object);
  return signature === undefined ? undefined : { bytes: Buffer.from(signature.document), bundles: signature.bundles ?? [], file: '' };
};

export type VerifiedAhead = Verifications & { readonly of: GuardedChange; readonly trust: Trust | undefined; readonly atMs: number };

const isCurrent = ({ untilMs = Number.POSITIVE_INFINITY }: Verified, sinceMs: number, atMs: number): boolean =>
  sinceMs <= atMs && atMs < untilMs;

/** Whether it is what verifying anew would find. */
export const isStill = (ahead: VerifiedAhead, change: GuardedChange, { trust, atMs }: GuardView): boolean =>
  ahead.of === change &&
  ahead.trust === trust &&
  ahead.atMs <= atMs &&
  [ahead.sealed?.after, ahead.sealed?.before].every((verified) => verified === undefined || isCurrent(verified, ahead.atMs, atMs));

const resting = async <T>(steps: Steps<T>, slices: Slices): Promise<T> => {
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) await slices.rest();
  return step.value;
};

const isSealedDocument = (kind: GuardedChange['kind']): kind is DocumentKind =>
  kind !== 'Inventory' && kind !== 'Marks' && kind !== 'TrustPolicy';

/** A trust policy that came by a chain of others, or brings a trusted root, takes as long as all of them. */
const isLongTrust = (object: GuardedChange['after']): boolean => {
  const { signature } = sealedObjectOf('', object);
  return signature !== undefined && (signature.chain !== undefined || signature.trustedRoot !== undefined || isLong(object));
};

type Ahead = Promise<VerifiedAhead | undefined> | 'full' | undefined;
/** Undefined: there is nothing to wait for; `full`: too much of it is waited for. It comes to nothing where its asker has gone. */
export type VerifyAhead = (change: GuardedChange, view: GuardView, asker: Asker) => Ahead;

type Work = {
  readonly toProve?: readonly Artifact[];
  readonly verify: (slices: Slices) => Promise<Omit<Verifications, 'odd'>>;
};

/** `proving`: its memory is that of the views. */
export const createVerifyAhead = (clock: Clock, proving: Proving): VerifyAhead => {
  const turns = createTurns();
  const trustWork = (change: GuardedChange, view: GuardView): Work | undefined => {
    const { name, after } = change;
    const isAsked = name === TRUST_POLICY_NAME && isLongTrust(after) && !isMetadataOnly(change);
    const loading = isAsked ? loadInSteps(after, view) : undefined;
    return loading && { verify: async (slices) => ({ loaded: await resting(loading, slices) }) };
  };
  const workOf = (change: GuardedChange, view: GuardView): Work | undefined => {
    const { kind, name, before, after } = change;
    if (kind === 'TrustPolicy') return trustWork(change, view);
    const { trust } = view;
    if (trust === undefined || after === undefined || !isSealedDocument(kind) || !needsSeal(kind, trust)) return undefined;
    if (isMetadataOnly(change)) return undefined;
    const artifact = artifactOf(after);
    const toProve = artifact === undefined || evidenceTasks(artifact, trust, proving.memory).length === 0 ? [] : [artifact];
    if (toProve.length === 0 && !isLong(after) && !isLong(before)) return undefined;
    const judging = judgingBy(trust, view);
    const verifyBoth: Work['verify'] = async (slices) => {
      const verify = (object: GuardedChange['after']): Promise<Verified> =>
        resting(verifySealedInSteps({ kind, name, object }, judging), slices);
      const verified = await verify(after);
      return {
        sealed: {
          after: verified,
          before: isUnsigned(verified) && before !== undefined ? await verify(before) : undefined,
          standing: kind === 'Tenant' ? await resting(standingTenantInSteps(name, before), slices) : undefined,
        },
      };
    };
    return { toProve, verify: verifyBoth };
  };
  return (change, view, asker) => {
    const { trust, atMs } = view;
    const found = workOf(change, view);
    if (found === undefined) return undefined;
    const { toProve = [], verify } = found;
    const prepare = trust === undefined || toProve.length === 0 ? undefined : () => proving.ahead(toProve, trust);
    const work = async (): Promise<VerifiedAhead> => {
      const slices = createSlices(clock);
      const verified = await verify(slices);
      return { of: change, trust, atMs, ...verified, odd: await resting(oddInSteps(change.after), slices) };
    };
    return turns.take(asker, { prepare, work }) ?? 'full';
  };
};
