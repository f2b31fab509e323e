// SPDX-License-Identifier: Apache-2.0
// What is enforced, judged anew because the trust policy has changed: the objects that it came from may be gone or other ones
// by now, so each document is judged from the bytes and seals that it came with. One that is good no more is not dropped:
// it stays, and what it matches is closed until a good version comes (standing.ts). Only one without any seal goes, where
// such may not take part any more.
import { documentKey } from '../../policies/currency/index.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { Clock } from '../../process/clock.ts';
import { createSlices } from '../../process/slices.ts';
import type { Commit, Enforcement, Offer, StandingDocument } from './enforcement.ts';
import { isWeaker } from './weaker.ts';

export type RetrustInput = {
  readonly enforcement: Enforcement;
  /** Judged under the new trust policy. */
  readonly offers: readonly Offer[];
  readonly trust: Trust;
  readonly clock: Clock;
};

/** Undefined: it may not even close. */
const judgeAgain = (document: PolicyDocument, trust: Trust, atMs: number): PolicyDocument | undefined => {
  const judged = document.again(trust, atMs);
  if (judged.ok) return judged.document;
  // A trust policy past its date says nothing new of what stands.
  if (judged.problem.code === 'TRUST_EXPIRED') return document;
  return document.unsigned === true ? undefined : { ...document, withdrawn: judged.problem };
};

export const retrust = async ({ enforcement, offers, trust, clock }: RetrustInput): Promise<Enforcement> => {
  const { commits, standing, held } = enforcement;
  const good = new Map(
    offers.flatMap(({ judged }) =>
      judged.ok && judged.document.withdrawn === undefined ? [[judged.document.digest, judged.document]] : [],
    ),
  );
  const slices = createSlices(clock);
  const known = new Map<PolicyDocument, PolicyDocument | undefined>();
  const all = [...held.values(), ...[...standing.values()].map(({ document }) => document)];
  for (const commit of commits.values()) all.push(...commit.documents.values());
  for (const document of all) {
    if (known.has(document)) continue;
    const same = good.get(document.digest);
    // The object still has it, with seals that count: the same bytes without any are another thing.
    const isThere = same !== undefined && documentKey(same) === documentKey(document) && !isWeaker(same, document);
    known.set(document, isThere ? same : judgeAgain(document, trust, clock.now()));
    await slices.rest();
  }
  const only = <K>(documents: ReadonlyMap<K, PolicyDocument>): Map<K, PolicyDocument> =>
    new Map(
      [...documents].flatMap(([key, document]) => {
        const now = known.get(document);
        return now === undefined ? [] : [[key, now] as const];
      }),
    );
  return {
    ...enforcement,
    held: only(held),
    standing: new Map(
      [...standing].flatMap(([key, one]): readonly (readonly [string, StandingDocument])[] => {
        const document = known.get(one.document);
        return document === undefined ? [] : [[key, { ...one, document }]];
      }),
    ),
    commits: new Map(
      [...commits].map(([source, commit]): readonly [string, Commit] => [source, { ...commit, documents: only(commit.documents) }]),
    ),
  };
};
