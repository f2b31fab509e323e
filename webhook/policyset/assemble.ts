// SPDX-License-Identifier: Apache-2.0
/**
 * Which documents are enforced, decided from what the cluster shows now and what was enforced before. Pure.
 *
 * In: what stands (`Enforcement`), one offer for each Policy object (its bytes already judged: seal, schema, compilation)
 * and the inventories, one for each source, which the operator writes last. Out: what stands now, what was refused and
 * what each source still waits for. A source stands as exactly one whole commit or not at all: its inventory is followed
 * only once every document that it names is held, so the order in which objects arrive never shows. Nothing leaves
 * because an object was damaged: the last good bytes stand (law 4). Only `loader.ts` calls it.
 */
import type { Inventory } from '../../crds/inventory.ts';
import { sourceLabel } from '../../crds/kinds.ts';
import type { Policy } from '../../crds/generated/types.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { checkMarks, raiseMarks } from './marks.ts';
import type { Marks } from './marks.ts';

/** A document that verified and compiled. */
export type HeldDocument = {
  readonly name: string;
  /** `sha256:…` of the signed bytes. */
  readonly digest: string;
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly expiresMs: number | undefined;
  readonly policy: Policy;
  readonly compiled: CompiledPolicy;
  readonly signers: readonly string[];
};

export type Judged = { readonly ok: true; readonly document: HeldDocument } | { readonly ok: false; readonly problem: Problem };

/** What one Policy object offers; `source` is the value of its source label. */
export type Offer = { readonly name: string; readonly source: string | undefined; readonly judged: Judged };

export type Commit = { readonly inventory: Inventory; readonly documents: ReadonlyMap<string, HeldDocument> };

export type Enforcement = {
  readonly commits: ReadonlyMap<string, Commit>;
  /** Policies that belong to no commit, by name. */
  readonly loose: ReadonlyMap<string, HeldDocument>;
  /** By digest: everything that may still be needed to make a commit whole. */
  readonly held: ReadonlyMap<string, HeldDocument>;
  readonly marks: Marks;
};

export type Missing = { readonly name: string; readonly digest: string; readonly problem: Problem | undefined };
/** A commit that its inventory orders and that cannot be followed yet. */
export type Pending = { readonly source: string; readonly revision: string; readonly missing: readonly Missing[] };

export type Assembled = {
  readonly enforcement: Enforcement;
  /** What is enforced, sorted by name, one document a name. */
  readonly documents: readonly HeldDocument[];
  readonly refused: ReadonlyMap<string, Problem>;
  readonly pending: readonly Pending[];
};

export type AssembleState = {
  readonly previous: Enforcement;
  readonly offers: readonly Offer[];
  readonly inventories: readonly Inventory[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
};

export const nothingEnforced: Enforcement = { commits: new Map(), loose: new Map(), held: new Map(), marks: new Map() };

const wantedPolicies = (inventory: Inventory): Inventory['documents'] =>
  inventory.documents.filter((document) => document.kind === 'Policy');

const collectHeld = ({ previous, offers, inventories }: AssembleState): Map<string, HeldDocument> => {
  const held = new Map<string, HeldDocument>();
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
  readonly held: ReadonlyMap<string, HeldDocument>;
  readonly offered: ReadonlyMap<string, Offer>;
  readonly marks: Marks;
};

/** The commit that an inventory names, or what stands in its way. */
const completeCommit = (inventory: Inventory, { held, offered, marks }: Lookup): Commit | readonly Missing[] => {
  const documents = new Map<string, HeldDocument>();
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
const newerOf = (one: HeldDocument | undefined, other: HeldDocument): HeldDocument => {
  if (one === undefined || other.version > one.version) return other;
  return other.version === one.version && other.digest < one.digest ? other : one;
};

const assembleLoose = (state: AssembleState, named: ReadonlySet<string>, refused: Map<string, Problem>): Map<string, HeldDocument> => {
  const loose = new Map<string, HeldDocument>();
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
    if (!commits.has(source) && labelled.has(sourceLabel(source))) commits.set(source, commit);
  }

  const byName = new Map<string, HeldDocument>();
  for (const commit of commits.values()) {
    for (const document of commit.documents.values()) byName.set(document.name, newerOf(byName.get(document.name), document));
  }
  const loose = assembleLoose(state, new Set(byName.keys()), refused);
  for (const document of loose.values()) byName.set(document.name, document);
  const documents = [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { enforcement: { commits, loose, held, marks: raiseMarks(previous.marks, documents) }, documents, refused, pending };
};
