// SPDX-License-Identifier: Apache-2.0
// Bundles are written in the one form in which they are stored. Asked of writes alone: what an earlier version of Writ stored counts
// on with replicas, who judge what a bundle proves, and passes while only metadata changes; the next apply writes it anew.
import { signatureOf } from '../../policies/sealed-shape.ts';
import { storedForm } from '../../policies/trust/stored-form.ts';
import { atOnce } from '../../policies/steps.ts';
import type { Steps } from '../../policies/steps.ts';
import { refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';

type Json = Readonly<Record<string, unknown>>;

const isOdd = (bundle: string): boolean => storedForm(bundle) !== bundle;

/** The place of the first that is written otherwise. */
export const oddAt = (place: string, bundles: readonly string[] | undefined): string | undefined => {
  const index = (bundles ?? []).findIndex(isOdd);
  return index === -1 ? undefined : `${place}[${index}]`;
};

export const oddForm = (path: string): Ruling =>
  refuse({ code: 'SEAL_FORM', message: 'the bundle says the same in other bytes than those in which it is stored', path });

/** The same of the object's own seals and those in its chain, one after the other in steps: a chain may have hundreds. */
export const oddInSteps = function* (after: Json | undefined): Steps<string | undefined> {
  const signature = signatureOf(after?.['signature']);
  const links = (signature?.chain ?? []).map(({ bundles }, index) => [`signature.chain[${index}].bundles`, bundles] as const);
  for (const [place, bundles = []] of [['signature.bundles', signature?.bundles] as const, ...links]) {
    for (const [index, bundle] of bundles.entries()) {
      if (isOdd(bundle)) return `${place}[${index}]`;
      yield;
    }
  }
  return undefined;
};

export const oddIn = atOnce(oddInSteps);
