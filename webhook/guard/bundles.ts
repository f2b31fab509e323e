// SPDX-License-Identifier: Apache-2.0
// Bundles are written in the one form in which they are stored. Asked of writes alone: what an earlier version of Writ stored counts
// on with replicas, who judge what a bundle proves, and passes while only metadata changes; the next apply writes it anew.
import { signatureOf } from '../../policies/sealed-shape.ts';
import { storedForm } from '../../policies/trust/stored-form.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';

type Json = Readonly<Record<string, unknown>>;

const isOdd = (bundle: string): boolean => storedForm(bundle) !== bundle;

/** The path of the first that is written otherwise. */
export const oddAt = (place: string, bundles: readonly string[] | undefined): string | undefined => {
  const index = (bundles ?? []).findIndex(isOdd);
  return index === -1 ? undefined : `${place}[${index}]`;
};

export const oddForm = (path: string): Ruling =>
  refuse({ code: 'SEAL_FORM', message: 'the bundle says the same in other bytes than those in which it is stored', path });

/** Of the object's own seals and of those in its chain. */
export const ruleBundles = (after: Json | undefined): Ruling => {
  const signature = signatureOf(after?.['signature']);
  if (signature === undefined) return pass;
  const path =
    oddAt('signature.bundles', signature.bundles) ??
    (signature.chain ?? []).map(({ bundles }, index) => oddAt(`signature.chain[${index}].bundles`, bundles)).find((at) => at !== undefined);
  return path === undefined ? pass : oddForm(path);
};
