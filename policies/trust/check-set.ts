// SPDX-License-Identifier: Apache-2.0
/**
 * The seal of a whole repository, read for what it does not list: which files a source has, by whose word.
 *
 * In: the bundles that came with a commit, a `Trust`, the time. Out: one set that counts now, with those who signed just
 * that, or a coded refusal. Each bundle is checked as a seal of a file is (check-seal.ts); signatures count together where
 * they say the same of source, sequence and files. Whether the sequence is current and what may end by it is
 * policies/currency. Total.
 */
import { createHash } from 'node:crypto';
import type { SetProof } from '../currency/removal.ts';
import { digestOf } from '../document/digest.ts';
import type { Problem } from '../problem.ts';
import { MAX_BUNDLES, readBundle } from './bundle.ts';
import { countSeal } from './check-seal.ts';
import { applyRules } from './rules.ts';
import { turnAt } from './term.ts';
import type { Term } from './term.ts';
import type { Statement } from './statement.ts';
import { isPast } from './trust.ts';
import type { Trust } from './trust.ts';

/** `untilMs`: the first moment at which time alone may change the outcome, epoch milliseconds; undefined = never. */
export type SetOutcome = { readonly untilMs: number | undefined } & (
  | { readonly ok: true; readonly set: SetProof }
  | { readonly ok: false; readonly problem: Problem }
);

type Counted = { readonly said: Said; readonly signer: string };
type Said = Pick<SetProof, 'source' | 'sequence' | 'files' | 'digest'>;

const NO_BYTES = Buffer.alloc(0);

const saidBy = ({ kind, source, sequence, files }: Statement): Said | undefined => {
  if (kind !== 'set' || sequence === undefined || files === undefined) return undefined;
  const listed = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const digest = `sha256:${createHash('sha256')
    .update(JSON.stringify([source ?? '', sequence, listed]))
    .digest('hex')}`;
  return { source, sequence, files, digest };
};

const check = (bundles: readonly string[], trust: Trust, at: number): SetOutcome => {
  const refuse = (problem: Problem, untilMs?: number): SetOutcome => ({ ok: false, problem, untilMs });
  if (isPast(trust.expires, at)) return refuse({ code: 'TRUST_EXPIRED', message: `the trust policy ${trust.digest} has expired` });
  if (bundles.length > MAX_BUNDLES)
    return refuse({ code: 'SEAL_TOO_LARGE', message: `${bundles.length} bundles of a set, at most ${MAX_BUNDLES}` });
  const counted: Counted[] = [];
  const terms: Term[] = [];
  let first: Problem | undefined;
  for (const text of bundles) {
    const read = readBundle(text);
    const said = read.ok && read.seal.proof.kind === 'statement' ? saidBy(read.seal.proof.statement) : undefined;
    if (!read.ok || said === undefined) {
      first ??= read.ok ? { code: 'SEAL_STATEMENT', message: 'it is no set that names each of its files once' } : read.problem;
      continue;
    }
    const outcome = countSeal(read.seal, { bytes: NO_BYTES, digest: digestOf(NO_BYTES), trust, at });
    if (outcome.term !== undefined) terms.push(outcome.term);
    if (outcome.ok) counted.push({ said, signer: outcome.seal.principal.name });
    else first ??= outcome.problem;
  }
  const { untilMs } = turnAt(at, terms);
  const newest = counted.reduce<Said | undefined>(
    (best, { said }) => (best !== undefined && best.sequence >= said.sequence ? best : said),
    undefined,
  );
  if (newest === undefined) return refuse(first ?? { code: 'SEAL_MISSING', message: 'there is no seal of a set' }, untilMs);
  const same = counted.filter(({ said }) => said.digest === newest.digest);
  if (counted.some(({ said }) => said.sequence === newest.sequence && said.digest !== newest.digest))
    return refuse({ code: 'SET_EQUIVOCATION', message: `two set seals of sequence ${newest.sequence} say different things` }, untilMs);
  const signers = new Set(same.map(({ signer }) => signer));
  const set: SetProof = {
    ...newest,
    signers: [...signers].toSorted(),
    mayDecide: (kind, tier) => applyRules(trust, { kind, tier }, signers).kind === 'granted',
  };
  return { ok: true, set, untilMs };
};

/** The newest set that counts. Fails closed. */
export const verifySet = (bundles: readonly string[], trust: Trust, at: number): SetOutcome => {
  try {
    return check(bundles, trust, at);
  } catch {
    return { ok: false, problem: { code: 'SEAL_MALFORMED', message: 'the seal of the set cannot be checked' }, untilMs: undefined };
  }
};
