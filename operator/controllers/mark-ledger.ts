// SPDX-License-Identifier: Apache-2.0
// What the operator knows of the highest version of each sealed document: what it verified itself in this term, and what the
// object in the cluster said. Worked out from the caches at each question, so nothing has to happen in one order.
import type { Inventory } from '../../crds/inventory.ts';
import { SOURCE_LABEL, TRUST_POLICY_NAME, trustPolicies } from '../../crds/kinds.ts';
import { SET_KIND } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { checkMark, documentKey, endMarks, joinMarks, markedSet, marksOf, noMarks, raiseMarks } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import { UNKNOWN_TIER, listsDocument, mayRemove, ownerOf } from '../../policies/currency/removal.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { TENANT_KIND } from '../../policies/tenant-object.ts';
import { createSetReader } from '../../policies/trust/set-reader.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveSealed } from './live.ts';
import type { PolicyBook } from './policy-book.ts';
import { createTenantMarks } from './tenant-marks.ts';
import type { TenantMarksDeps } from './tenant-marks.ts';
import type { TrustHolder, TrustState } from './trust-policy.ts';

export type MarkLedger = {
  /** What this operator verified in its term. */
  own(): Marks;
  /** That, all that the object said since the term began, and all that is on record. */
  known(): Marks;
  /** That, but for what is on record alone: a mark without its document is refused by the guard. */
  provable(): Marks;
  /** What this operator verified, and what is on record, with what of both has ended: fit to be put on record. Nothing that the object says. */
  verified(): Marks;
  /** A commit was applied whole: what it brought, and what ended with it. */
  record(change: { readonly applied: readonly Marked[]; readonly ended: readonly Marked[] }): void;
  /** The set seal in an inventory, where it counts now and no newer one is marked. */
  setIn(inventory: Inventory): SetProof | undefined;
  /** Sealed Tenants that are marked and not there in that version. */
  missingTenants(): readonly Mark[];
  /** There is more to look at than one look takes. */
  isBehind(): boolean;
  /** Marks that are on record elsewhere. Those that were not known, or only lower. */
  recall(marks: readonly Mark[]): readonly Mark[];
  /** What stands in the object was read. `undefined`: it cannot be read. */
  hear(told: readonly Mark[] | undefined): void;
};

type LedgerDeps = {
  readonly sealed: { list(): readonly LiveSealed[] };
  readonly book: Pick<PolicyBook, 'judge'>;
  readonly inventories: () => readonly Inventory[];
  readonly trust: Pick<TrustHolder, 'current'>;
  readonly clock: Clock;
} & Omit<TenantMarksDeps, 'inventories'>;

type Looked = {
  readonly inventories: readonly Inventory[];
  readonly known: Marks;
  /** Source → the set seal in its inventory that counts now. */
  readonly sets: ReadonlyMap<string, SetProof>;
  /** Of the publishers of what is there, by `documentKey`. */
  readonly tiers: ReadonlyMap<string, string | undefined>;
};

type JudgedObject = { readonly object: LiveSealed; readonly document: PolicyDocument };

const judgedDocuments = ({ sealed, book }: LedgerDeps): readonly JudgedObject[] =>
  sealed.list().flatMap((object) => {
    const judged = book.judge(object);
    return judged.ok ? [{ object, document: judged.document }] : [];
  });

const tierOf = (document: Pick<Mark, 'kind' | 'name'>, tiers: Looked['tiers']): string | undefined => {
  const key = documentKey(document);
  return document.kind === 'Ruleset' && !tiers.has(key) ? UNKNOWN_TIER : tiers.get(key);
};

/** The source before has let it go: its set seal in force lists it no more. */
const isReleased = (mark: Mark, { known, sets, tiers }: Looked): boolean => {
  if (mark.source === undefined) return false;
  const sequence = (known.get(documentKey({ kind: SET_KIND, name: mark.source }))?.version ?? 1) - 1;
  return mayRemove({ ...mark, source: mark.source, sequence, tier: tierOf(mark, tiers) }, sets.get(mark.source)) === undefined;
};

/** Of a document that inventories name, as replicas come to it too. */
const sourceOf = (document: PolicyDocument, naming: readonly string[], looked: Looked): string | undefined => {
  const { known, sets, tiers } = looked;
  const mark = known.get(documentKey(document));
  const before = mark?.gone === true ? undefined : mark;
  const tier = tierOf(document, tiers);
  return ownerOf({
    before: before === undefined ? undefined : { source: before.source },
    claims: naming.toSorted().map((source) => ({ source, isSealed: listsDocument(sets.get(source), { ...document, tier }) })),
    isReleased: before?.source !== undefined && !naming.includes(before.source) && isReleased(before, looked),
  });
};

/** Documents that are enforced by what the cluster shows: named by an inventory in just these bytes, or claimed by no source. */
const appliedDocuments = (judged: readonly JudgedObject[], looked: Looked): readonly Marked[] => {
  const naming = new Map<string, string[]>();
  for (const { source, documents } of looked.inventories) {
    for (const one of documents) {
      const key = `${documentKey(one)} ${one.digest}`;
      naming.set(key, [...(naming.get(key) ?? []), source]);
    }
  }
  return judged.flatMap(({ object, document }): readonly Marked[] => {
    const { kind, name, version, digest, retired, unsigned, withdrawn } = document;
    // Without a seal that counts it is ordered by nobody, and raises no mark.
    if (unsigned === true || withdrawn !== undefined) return [];
    const sources = naming.get(`${documentKey({ kind, name })} ${digest}`) ?? [];
    if (sources.length === 0 && object.metadata.labels?.[SOURCE_LABEL] !== undefined) return [];
    const source = sourceOf(document, sources, looked);
    return [{ kind, name, version, digest, retired, isOwned: true, ...(source === undefined ? {} : { source }) }];
  });
};

/** Whoever wrote it: a process that starts must not follow an older one. */
const markedTrust = (state: TrustState): readonly Marked[] =>
  state.ok ? [{ kind: trustPolicies.kind, name: TRUST_POLICY_NAME, version: state.trust.version, digest: state.trust.digest }] : [];

const ENDED_BY_NO_SET: ReadonlySet<string> = new Set([SET_KIND, trustPolicies.kind, TENANT_KIND]);

/** What a set seal that is in force ends: it is of its source, and named by nobody any more. */
const endedBy = (set: SetProof, named: ReadonlySet<string>, { known, tiers }: Looked): readonly Marked[] => {
  const sequence = known.get(documentKey({ kind: SET_KIND, name: set.source ?? '' }))?.version ?? 0;
  return [...known.values()].filter((mark) => {
    if (ENDED_BY_NO_SET.has(mark.kind) || mark.gone === true || named.has(documentKey(mark))) return false;
    return mayRemove({ ...mark, source: mark.source, sequence, tier: tierOf(mark, tiers) }, set) === undefined;
  });
};

/** Of these only what is there in just that version. */
const endHeld = (marks: Marks, ended: readonly Marked[]): Marks =>
  endMarks(
    marks,
    ended.filter((document) => {
      const { version, digest } = marks.get(documentKey(document)) ?? {};
      return version === document.version && digest === document.digest;
    }),
  );

const endedTenants = (marks: readonly Mark[]): readonly Mark[] => marks.filter(({ kind, gone }) => kind === TENANT_KIND && gone === true);

export const createMarkLedger = (deps: LedgerDeps): MarkLedger => {
  const readSets = createSetReader();
  // Of one that is asked about, apart from those that are in force.
  const readAsked = createSetReader();
  const tenantMarks = createTenantMarks(deps);
  let own = noMarks;
  // By a seal. Which version that was may be hearsay, so it makes nothing that was verified.
  let ended = noMarks;
  let heard = noMarks;
  let recalled = noMarks;
  const told = (): Marks => joinMarks(heard, recalled);
  const mine = (): Marks => joinMarks(own, ended);
  const end = (documents: readonly Marked[]): void => {
    own = endHeld(own, documents);
    ended = endMarks(ended, documents);
  };

  const look = (): void => {
    const inventories = deps.inventories();
    const trust = deps.trust.current();
    const marks = joinMarks(mine(), told()).values();
    const sets: Looked['sets'] = trust.ok ? readSets(inventories, { trust: trust.trust, atMs: deps.clock.now(), marks }) : new Map();
    const judged = judgedDocuments(deps);
    const tiers = new Map(judged.map(({ document }) => [documentKey(document), document.ruleset?.spec.publisher?.tier]));
    const looked = (): Looked => ({ inventories, sets, tiers, known: joinMarks(mine(), told()) });
    const applied = appliedDocuments(judged, looked());
    own = tenantMarks.raise(raiseMarks(own, [...applied, ...markedTrust(trust)]), trust, deps.clock.now());
    const named = new Set([...applied, ...inventories.flatMap(({ documents }) => documents)].map(documentKey));
    for (const [source, proof] of sets) {
      const set = markedSet(source, proof);
      const now = looked();
      if (checkMark(now.known.get(documentKey(set)), set) !== undefined) continue;
      end(endedBy(proof, named, now));
      own = raiseMarks(own, [set]);
    }
  };

  // Once written it holds, whatever comes to stand under that name while nobody is asked.
  const joined = (ours: Marks, others: Marks): Marks =>
    tenantMarks.end(endMarks(joinMarks(ours, others), endedTenants([...others.values()])), deps.trust.current());
  const known = (): Marks => {
    look();
    return joined(mine(), told());
  };

  return {
    own: () => {
      look();
      return mine();
    },
    known,
    provable: () => {
      look();
      return joined(mine(), heard);
    },
    verified: () => {
      look();
      return joined(endHeld(joinMarks(own, recalled), [...ended.values()]), recalled);
    },
    recall: (marks) => {
      const before = known();
      recalled = joinMarks(recalled, marksOf(marks));
      return marks.filter((mark) => (before.get(documentKey(mark))?.version ?? 0) < mark.version);
    },
    record: ({ applied, ended: left }) => {
      end(left);
      // Of Tenants the object in the cluster is what is in force.
      own = raiseMarks(
        own,
        applied.filter(({ kind }) => kind !== TENANT_KIND),
      );
    },
    missingTenants: () => tenantMarks.missing(known(), deps.trust.current()),
    isBehind: () => tenantMarks.isBehind(),
    setIn: (inventory) => {
      const trust = deps.trust.current();
      if (!trust.ok) return undefined;
      const marks = joinMarks(mine(), told());
      const set = readAsked([inventory], { trust: trust.trust, atMs: deps.clock.now(), marks: marks.values() }).get(inventory.source);
      if (set === undefined) return undefined;
      const marked = markedSet(inventory.source, set);
      return checkMark(marks.get(documentKey(marked)), marked) === undefined ? set : undefined;
    },
    hear: (told) => {
      heard = endMarks(joinMarks(heard, marksOf(told ?? [])), endedTenants(told ?? []));
    },
  };
};
