// SPDX-License-Identifier: Apache-2.0
/**
 * Which documents are enforced, decided from what the cluster shows now and what was enforced before. Pure.
 *
 * In: what stands (`Enforcement`), one offer for each Policy object (its bytes already judged: seal, schema, compilation)
 * and the inventories, one for each source, which the operator writes last. Out: what stands now, what was refused and
 * what each source still waits for, an inventory that must be there included. A source stands as exactly one whole commit or not at all: its inventory is followed
 * only once every document that it names is held, so the order in which objects arrive never shows. Nothing leaves
 * because an object was damaged: the last good bytes stand (law 4). Only `loader.ts` calls it.
 */
import { inventoryName } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { SOURCE_LABEL, sourceLabel } from '../../crds/kinds.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import { checkMarks, raiseMarks } from './marks.ts';
import type { Marks } from './marks.ts';

/** What one Policy object offers; `source` is the value of its source label. */
export type Offer = { readonly name: string; readonly source: string | undefined; readonly judged: Judged };

export type Commit = { readonly inventory: Inventory; readonly documents: ReadonlyMap<string, PolicyDocument> };

export type Enforcement = {
  readonly commits: ReadonlyMap<string, Commit>;
  /** Policies that belong to no commit, by name. */
  readonly loose: ReadonlyMap<string, PolicyDocument>;
  /** By digest: everything that may still be needed to make a commit whole. */
  readonly held: ReadonlyMap<string, PolicyDocument>;
  readonly marks: Marks;
};

export type Missing = { readonly name: string; readonly digest: string; readonly problem: Problem | undefined };
/** What must be followed and cannot be yet: a commit that its inventory orders, or a source whose inventory is not there. */
export type Pending = {
  readonly source: string;
  /** Empty where there is no inventory to say it. */
  readonly revision: string;
  readonly missing: readonly Missing[];
  /** Why, where it is not what is missing. */
  readonly why?: string;
};

export type Assembled = {
  readonly enforcement: Enforcement;
  /** What is enforced, sorted by name, one document a name. */
  readonly documents: readonly PolicyDocument[];
  readonly refused: ReadonlyMap<string, Problem>;
  readonly pending: readonly Pending[];
};

export type AssembleState = {
  readonly previous: Enforcement;
  readonly offers: readonly Offer[];
  readonly inventories: readonly Inventory[];
  /** Names of objects that carry the label of an inventory and are none. */
  readonly unreadable: readonly string[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
};

export const nothingEnforced: Enforcement = { commits: new Map(), loose: new Map(), held: new Map(), marks: new Map() };

const wantedPolicies = (inventory: Inventory): Inventory['documents'] =>
  inventory.documents.filter((document) => document.kind === 'Policy');

const collectHeld = ({ previous, offers, inventories }: AssembleState): Map<string, PolicyDocument> => {
  const held = new Map<string, PolicyDocument>();
  for (const inventory of inventories) {
    for (const { digest } of wantedPolicies(inventory)) {
      const document = previous.held.get(digest);
      if (document !== undefined) held.set(digest, document);
    }
  }
  for (const commit of previous.commits.values()) for (const document of commit.documents.values()) held.set(document.digest, document);
  for (const { judged } of offers) if (judged.ok) held.set(judged.document.digest, judged.document);
  return held;
};

type Lookup = {
  readonly held: ReadonlyMap<string, PolicyDocument>;
  readonly offered: ReadonlyMap<string, Offer>;
  readonly marks: Marks;
};

/** The commit that an inventory names, or what stands in its way. */
const completeCommit = (inventory: Inventory, { held, offered, marks }: Lookup): Commit | readonly Missing[] => {
  const documents = new Map<string, PolicyDocument>();
  const missing: Missing[] = [];
  for (const { name, digest } of wantedPolicies(inventory)) {
    const document = held.get(digest);
    if (document === undefined || document.name !== name) {
      const judged = offered.get(name)?.judged;
      missing.push({ name, digest, problem: judged?.ok === false ? judged.problem : undefined });
      continue;
    }
    const problem = checkMarks(marks, document);
    if (problem === undefined) documents.set(name, document);
    else missing.push({ name, digest, problem });
  }
  return missing.length > 0 ? missing : { inventory, documents };
};

const isCommit = (outcome: Commit | readonly Missing[]): outcome is Commit => 'inventory' in outcome;

/** Of two documents of one name (a policy that moves from one source to another) the newer order counts, whatever came first. */
const newerOf = (one: PolicyDocument | undefined, other: PolicyDocument): PolicyDocument => {
  if (one === undefined || other.version > one.version) return other;
  return other.version === one.version && other.digest < one.digest ? other : one;
};

const assembleLoose = (state: AssembleState, named: ReadonlySet<string>, refused: Map<string, Problem>): Map<string, PolicyDocument> => {
  const loose = new Map<string, PolicyDocument>();
  for (const { name, source, judged } of state.offers) {
    if (named.has(name)) continue;
    const standing = state.previous.loose.get(name);
    // A label alone, which nobody signs, must not switch a policy off: until a commit names it, the last bytes stand.
    if (source !== undefined || !judged.ok) {
      if (standing !== undefined) loose.set(name, standing);
      continue;
    }
    const { document } = judged;
    const expired = document.expiresMs !== undefined && document.expiresMs <= state.atMs;
    const problem: Problem | undefined =
      expired && standing !== undefined && standing.digest !== document.digest
        ? { code: 'POLICY_EXPIRED', message: `version ${document.version} was past its date when it came`, path: 'spec.expires' }
        : checkMarks(state.previous.marks, document);
    if (problem !== undefined) refused.set(name, problem);
    const kept = problem === undefined ? document : standing;
    if (kept !== undefined) loose.set(name, kept);
  }
  return loose;
};

/** `NAMESPACE.NAME` → `NAMESPACE/NAME`; a shortened label reads as it is. */
const sourceOfLabel = (label: string): string => label.replace('.', '/');

const INVENTORY_PREFIX = inventoryName('');

/**
 * What a replica that starts now cannot know: documents are good and their source's inventory, which says which of them
 * count, is missing or damaged. Others may hold that source's last commit, so deciding without it would be deciding by less.
 */
const inventoriesAwaited = (state: AssembleState, enforced: ReadonlySet<string>): readonly Pending[] => {
  const known = new Set(state.inventories.map(({ source }) => sourceLabel(source)));
  const damaged = state.unreadable.toSorted().map((name): Pending => {
    const source = name.startsWith(INVENTORY_PREFIX) ? sourceOfLabel(name.slice(INVENTORY_PREFIX.length)) : name;
    known.add(name.slice(INVENTORY_PREFIX.length));
    const why = `the inventory of ${source} cannot be read: reconcile that GitSource, or delete the ConfigMap ${name} if the source is gone`;
    return { source, revision: '', missing: [], why };
  });
  const awaited = new Map<string, Missing[]>();
  for (const { name, source, judged } of state.offers) {
    if (source === undefined || known.has(source) || !judged.ok || enforced.has(judged.document.digest)) continue;
    const missing = awaited.get(source) ?? [];
    missing.push({ name, digest: judged.document.digest, problem: undefined });
    awaited.set(source, missing);
  }
  const absent = [...awaited].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...damaged,
    ...absent.map(([label, missing]): Pending => {
      const source = sourceOfLabel(label);
      const found = `${missing.length} verified policies carry its label, first ${missing[0]?.name ?? ''}`;
      const cure = `if that GitSource was deleted, delete these policies or take their label ${SOURCE_LABEL} away`;
      const why = `the inventory of ${source} has not arrived: ${found}; wait until the commit is applied, or, ${cure}`;
      return { source, revision: '', missing, why };
    }),
  ];
};

export const assemble = (state: AssembleState): Assembled => {
  const { previous, offers, inventories } = state;
  const held = collectHeld(state);
  const offered = new Map(offers.map((offer) => [offer.name, offer]));
  const refused = new Map<string, Problem>();
  for (const { name, judged } of offers) if (!judged.ok) refused.set(name, judged.problem);

  const commits = new Map<string, Commit>();
  const pending: Pending[] = [];
  for (const inventory of inventories.toSorted((a, b) => (a.source < b.source ? -1 : 1))) {
    const outcome = completeCommit(inventory, { held, offered, marks: previous.marks });
    if (isCommit(outcome)) {
      commits.set(inventory.source, outcome);
      continue;
    }
    pending.push({ source: inventory.source, revision: inventory.revision, missing: outcome });
    for (const { name, problem } of outcome) if (problem !== undefined) refused.set(name, problem);
    const standing = previous.commits.get(inventory.source);
    if (standing !== undefined) commits.set(inventory.source, standing);
  }
  // Without its inventory a source stands until its last object is gone too, then it goes as a whole.
  const labelled = new Set(offers.map((offer) => offer.source));
  for (const [source, commit] of previous.commits) {
    if (commits.has(source)) continue;
    if (labelled.has(sourceLabel(source)) || state.unreadable.includes(inventoryName(source))) commits.set(source, commit);
  }

  const byName = new Map<string, PolicyDocument>();
  for (const commit of commits.values()) {
    for (const document of commit.documents.values()) byName.set(document.name, newerOf(byName.get(document.name), document));
  }
  const loose = assembleLoose(state, new Set(byName.keys()), refused);
  for (const document of loose.values()) byName.set(document.name, document);
  const documents = [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  pending.push(...inventoriesAwaited(state, new Set(documents.map(({ digest }) => digest))));
  return { enforcement: { commits, loose, held, marks: raiseMarks(previous.marks, documents) }, documents, refused, pending };
};
