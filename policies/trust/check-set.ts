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
import type { SealedKind } from '../../crds/kinds.ts';
import { SET_KIND } from '../../crds/marks.ts';
import { documentKey } from '../currency/index.ts';
import { UNKNOWN_TIER, kindOfFile } from '../currency/removal.ts';
import type { SetProof } from '../currency/removal.ts';
import { digestOf } from '../document/digest.ts';
import type { Problem } from '../problem.ts';
import { MAX_BUNDLES, readBundle } from './bundle.ts';
import { countSeal } from './check-seal.ts';
import { applyRules } from './rules.ts';
import type { RuleOutcome } from './rules.ts';
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

export type SetCheck = {
  readonly trust: Trust;
  /** Now, epoch milliseconds. */
  readonly at: number;
  /** Kinds of what the source orders or ordered, whatever the set lists. */
  readonly ordered?: Iterable<string> | undefined;
};

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

/** Sets end documents of these kinds. Of the first that a source has it is that its sets are led. */
const LEADING: readonly SealedKind[] = ['Policy', 'Ruleset', 'TierCatalog', 'PriceBook', 'License'];

/**
 * Those who signed the same, if they may decide about what leads the source: about its Policies, where it has any, else about its
 * Rulesets, and so on. One sequence is counted for all that a source orders, so a key that may decide about less, or is too few
 * alone, could raise it beyond what anybody can follow, or contradict those who may.
 */
const setOf = (same: readonly Counted[], { trust, ordered = [] }: SetCheck): SetProof | undefined => {
  const [first] = same;
  if (first === undefined) return undefined;
  const signers = new Set(same.map(({ signer }) => signer));
  const tiers = new Set([undefined, ...trust.rules.flatMap(({ publisherTiers }) => [...publisherTiers])]);
  const outcomeOf = (kind: string, tier: string | undefined): RuleOutcome['kind'] => applyRules(trust, { kind, tier }, signers).kind;
  const ruled = (kind: string): readonly (string | undefined)[] => [...tiers].filter((tier) => outcomeOf(kind, tier) !== 'no-rule');
  const mayDecide = (kind: string, tier: string | undefined): boolean => {
    if (tier !== UNKNOWN_TIER) return outcomeOf(kind, tier) === 'granted';
    const asked = ruled(kind);
    return asked.length > 0 && asked.every((one) => outcomeOf(kind, one) === 'granted');
  };
  const kinds = new Set([...ordered, ...[...first.said.files.keys()].map(kindOfFile)]);
  const leading = LEADING.find((kind) => kinds.has(kind) && ruled(kind).length > 0);
  const counts =
    leading === undefined ? LEADING.some((kind) => ruled(kind).some((tier) => mayDecide(kind, tier))) : mayDecide(leading, UNKNOWN_TIER);
  return counts ? { ...first.said, signers: [...signers].toSorted(), mayDecide } : undefined;
};

/** Of a set that names no source: that of all. */
const leastSequence = ({ minimums }: Trust, source: string | undefined): number =>
  source === undefined
    ? [...minimums].reduce((least, [key, version]) => (key.startsWith(`${SET_KIND}/`) ? Math.max(least, version) : least), 0)
    : (minimums.get(documentKey({ kind: SET_KIND, name: source })) ?? 0);

const check = (bundles: readonly string[], by: SetCheck): SetOutcome => {
  const { trust, at } = by;
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
  if (counted.length === 0) return refuse(first ?? { code: 'SEAL_MISSING', message: 'there is no seal of a set' }, untilMs);
  const sets = [...Map.groupBy(counted, ({ said }) => said.digest).values()].flatMap((same) => setOf(same, by) ?? []);
  const [newest, ...others] = sets.toSorted((a, b) => b.sequence - a.sequence);
  if (newest === undefined) {
    const signers = [...new Set(counted.map(({ signer }) => signer))].toSorted().join(', ');
    return refuse(
      { code: 'SEAL_THRESHOLD', message: `those who signed the set (${signers}) may not decide about what leads this source` },
      untilMs,
    );
  }
  const least = leastSequence(trust, newest.source);
  if (newest.sequence < least)
    return refuse(
      { code: 'SEAL_BELOW_MINIMUM', message: `the trust policy takes sequence ${least} or higher, this is ${newest.sequence}` },
      untilMs,
    );
  if (others.some(({ sequence }) => sequence === newest.sequence))
    return refuse({ code: 'SET_EQUIVOCATION', message: `two set seals of sequence ${newest.sequence} say different things` }, untilMs);
  return { ok: true, set: newest, untilMs };
};

/** The newest set that counts. Fails closed. */
export const verifySet = (bundles: readonly string[], by: SetCheck): SetOutcome => {
  try {
    return check(bundles, by);
  } catch {
    return { ok: false, problem: { code: 'SEAL_MALFORMED', message: 'the seal of the set cannot be checked' }, untilMs: undefined };
  }
};
