// SPDX-License-Identifier: Apache-2.0
// Makes the seals and writes them: all or none, the documents that were raised before their seals.
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { JsonObject } from '../../policies/document/json.ts';
import { readBundle } from '../../policies/trust/bundle.ts';
import type { Sealed } from '../../policies/trust/seal.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { readText, replaceFile } from '../files.ts';
import { UsageError } from '../output.ts';
import { nameIn, repositoriesOf, repositorySeal, sealPath } from '../seal-files.ts';
import { refuseToReplace, signatoryIn } from './sealable.ts';
import type { Sealable } from './sealable.ts';
import type { Signer } from './signer.ts';

/** `who`: the name in FILE.WHO.sigstore.json; `predicate`: of an approval or a set. */
export type EachOptions = { readonly proof: 'message' | 'approval'; readonly who: string | undefined; readonly predicate: JsonObject };
export type SetOptions = { readonly path: string; readonly sequence: number; readonly predicate: JsonObject };

export type Written = { readonly file: string; readonly bundle: string; readonly digest: string } & ReturnType<typeof signatoryIn>;

const sealedOf = ({ file, bytes, document }: Sealable, { proof, predicate }: EachOptions): Sealed =>
  proof === 'message'
    ? { message: bytes }
    : { statement: writeStatement('approval', [{ name: nameIn('.', file), digest: document.digest }], predicate) };

export const sealOne = (one: Sealable, signer: Signer, options: EachOptions): Promise<string> => signer.seal(sealedOf(one, options));

export const writeEach = async (sealables: readonly Sealable[], signer: Signer, options: EachOptions): Promise<readonly Written[]> => {
  const sealed: { readonly one: Sealable; readonly bundle: string; readonly path: string }[] = [];
  for (const one of sealables) {
    // One after the other: a token of a card or a log is not asked for many at once.
    const bundle = await sealOne(one, signer, options);
    const path = sealPath(one.file, options.who);
    refuseToReplace(path, [one], bundle);
    sealed.push({ one, bundle, path });
  }
  for (const { one, path, bundle } of sealed) {
    if (one.isChanged) replaceFile(one.file, new TextDecoder().decode(one.bytes));
    replaceFile(path, `${bundle}\n`);
  }
  return sealed.map(({ one: { file, document }, path, bundle }) => ({
    file,
    bundle: path,
    digest: document.digest,
    ...signatoryIn(bundle),
  }));
};

/** Where the set of these documents lies. */
export const setPath = (sealables: readonly Sealable[], { out, signer }: { readonly out?: string; readonly signer?: string }): string => {
  if (out !== undefined) return out;
  const roots = repositoriesOf(sealables.map(({ file }) => file));
  if (roots.length > 1) throw new UsageError(`the documents belong to several repositories, ${roots.join(' and ')}: give --out`);
  return relative('.', join(roots[0] ?? '.', repositorySeal(signer)));
};

/** Of the set that lies there, as far as it says so itself; sequence 0 where there is none. */
export const setBefore = (path: string): { readonly sequence: number; readonly source: string | undefined } => {
  const read = existsSync(path) ? readBundle(readText(path)) : undefined;
  const statement = read?.ok === true && read.seal.proof.kind === 'statement' ? read.seal.proof.statement : undefined;
  return { sequence: statement?.sequence ?? 0, source: statement?.source };
};

export const writeSet = async (sealables: readonly Sealable[], signer: Signer, options: SetOptions): Promise<readonly Written[]> => {
  const { path, sequence, predicate } = options;
  const subjects = sealables.map(({ file, document }) => ({ name: nameIn(dirname(path), file), digest: document.digest }));
  const bundle = await signer.seal({ statement: writeStatement('set', subjects, { sequence, ...predicate }) });
  const who = signatoryIn(bundle);
  refuseToReplace(path, sealables, bundle);
  replaceFile(path, `${bundle}\n`);
  return sealables.map(({ file, document }) => ({ file, bundle: path, digest: document.digest, ...who }));
};
