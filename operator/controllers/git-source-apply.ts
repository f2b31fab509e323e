// SPDX-License-Identifier: Apache-2.0
// The objects of a commit → the cluster: observe, plan, act. What is recorded comes from the API server, not from a cache:
// an old inventory would make the plan forget what it has to delete.
import { inventoryFits, inventoryName } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { configMaps, sourceLabel, writKinds } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { marksFit } from '../../crds/marks.ts';
import { isImmutable, isRecord } from '../../crds/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError, isConflict, isFenced, isForbidden, isTransient } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { checkMark, documentKey, endMarks, markedSet, raiseMarks } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import type { Problem } from '../../policies/problem.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { applyCommit } from '../apply/execute.ts';
import { bringTrust } from '../apply/trust-ahead.ts';
import { objectKey, objectTitle } from '../apply/identity.ts';
import { plan } from '../apply/plan.ts';
import type { AppliedObject, DesiredObject, Plan, PlanOptions, RecordedObject } from '../apply/plan.ts';
import type { CommitObjects, CommitSet } from './commit.ts';
import type { LiveGitSource } from './live.ts';
import type { MarkLedger } from './mark-ledger.ts';
import { hintedInventories, inventoryIn, ownersElsewhere } from './ownership.ts';
import { keptFor, removals, setRefusal } from './removal.ts';

export type CommitToApply = {
  readonly key: string;
  readonly source: LiveGitSource;
  readonly revision: string;
  readonly objects: CommitObjects;
  /** Epoch ms: the commit's own time, and when we heard of it. */
  readonly committedAtMs: number;
  readonly receivedAtMs: number;
};

export type ApplyDeps = {
  readonly client: KubeClient;
  /** The live object of one of our kinds, from the caches. */
  readonly liveObject: (kind: string, name: string) => AppliedObject | undefined;
  /** What the operator applied from a source, whatever inventory names it, from the caches. */
  readonly liveOwned: (source: string) => readonly { readonly resource: Resource; readonly name: string }[];
  readonly systemNamespace: string;
  /** One for all sources. */
  readonly claims: Claims;
  /** Of all sources, from the caches. */
  readonly inventories: () => readonly Inventory[];
  /** Deletes an inventory that nothing can be written into, and tells. */
  readonly clear: (configMap: KubeObject, signal: AbortSignal) => Promise<void>;
  /** From the caches. */
  readonly gitSources: { get(key: string): LiveGitSource | undefined };
  /** Of the publisher of a ruleset in the cluster, from its verified bytes. */
  readonly tierOf: (object: { readonly kind: string; readonly name: string }) => string | undefined;
  /** What was enforced before, and may not be lowered or left out. */
  readonly marks: MarkLedger;
  /** Makes the API server ask about what these match too, beside what it asks about now; why not, if it cannot yet. */
  readonly widen: (source: string, policies: readonly CompiledPolicy[], signal: AbortSignal) => Promise<Problem | undefined>;
  /** The commit that was widened for is applied: what only the one before needed may go. */
  readonly settle: (source: string) => void;
};

export type Applied =
  | { readonly ok: true; readonly wrote: boolean; readonly drifted: readonly string[]; readonly kept: readonly string[] }
  /** `transient`: it may go through by itself later; `error` then says what the API server said, if it was that. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly transient: boolean; readonly error?: unknown };

type Refused = Extract<Applied, { ok: false }>;

/** Total but for bugs and for the end of leadership: what the API server says no to is told, not only logged. */
const told = async <T>(deed: () => Promise<T>, signal: AbortSignal): Promise<T | Refused> => {
  try {
    return await deed();
  } catch (error) {
    if (signal.aborted || isFenced(error)) throw error;
    if (isTransient(error) || isConflict(error)) {
      const message = error instanceof Error ? error.message : 'no answer';
      return { ok: false, problems: [{ code: 'APPLY_INTERRUPTED', message }], transient: true, error };
    }
    if (!(error instanceof KubeApiError)) throw error;
    return { ok: false, problems: [{ code: 'APPLY_REFUSED', message: error.message }], transient: isForbidden(error), error };
  }
};

/** The trust policy that a commit brings, before anything that is in the cluster may refuse the rest of it; undefined = it stands. */
export const bringTrustAhead = (
  { client }: Pick<ApplyDeps, 'client'>,
  { desired }: Pick<CommitObjects, 'desired'>,
  signal: AbortSignal,
): Promise<Refused | undefined> =>
  told(async (): Promise<Refused | undefined> => {
    const problems = await bringTrust(desired, { client, signal });
    return problems.length === 0 ? undefined : { ok: false, problems, transient: false };
  }, signal);

export const bringToCluster = (deps: ApplyDeps, commit: CommitToApply, signal: AbortSignal): Promise<Applied> =>
  told(() => bring(deps, commit, signal), signal);

/** Objects that a source is about to apply, by `objectKey`: while the caches show none of them, nothing else tells that they are taken. */
export type Claims = Map<string, string>;

/**
 * Two sources that name the same new object at the same time would each find it free, and each write the other's over: the
 * first one is let through, the other is told whose it is.
 */
const claim = (claims: Claims, { key, objects }: CommitToApply): Problem | (() => void) => {
  const taken = objects.desired.find((object) => (claims.get(objectKey(object)) ?? key) !== key);
  if (taken !== undefined) {
    const owner = sourceLabel(claims.get(objectKey(taken)) ?? '');
    const message = `${objectTitle(taken)} is just being applied from the source ${owner}`;
    return { code: 'APPLY_OWNED_ELSEWHERE', message, at: taken.positionOf(['metadata', 'name']) };
  }
  for (const object of objects.desired) claims.set(objectKey(object), key);
  return () => {
    for (const object of objects.desired) claims.delete(objectKey(object));
  };
};

const bring = async (deps: ApplyDeps, commit: CommitToApply, signal: AbortSignal): Promise<Applied> => {
  const claimed = claim(deps.claims, commit);
  // The other may yet fail, so this is tried again; once it went through, the object itself says whose it is.
  if (typeof claimed !== 'function') return { ok: false, problems: [claimed], transient: true };
  try {
    return await bringClaimed(deps, commit, signal);
  } finally {
    claimed();
  }
};

const bringClaimed = async (deps: ApplyDeps, commit: CommitToApply, signal: AbortSignal): Promise<Applied> => {
  const { client, systemNamespace: namespace } = deps;
  const { key, objects } = commit;
  const known = deps.marks.known();
  const setProblem = setRefusal({ source: key, objects, known });
  const stale = [...staleVersions(objects, known), ...(setProblem === undefined ? [] : [setProblem])];
  if (stale.length > 0) return { ok: false, problems: stale, transient: false };
  const configMap = await client.get<KubeObject>(configMaps, { namespace, name: inventoryName(key) }, { signal });
  const recordedInventory = inventoryIn(configMap);
  const wanted = new Set(objects.desired.map(objectKey));
  const whose = (entry: RecordedObject): string | undefined =>
    wanted.has(objectKey(entry)) ? undefined : keptFor(entry, { source: key, known, inventories: deps.inventories() });
  const isStrange = (entry: RecordedObject): boolean => whose(entry) !== undefined;
  const found = deps.liveOwned(key).map(ownedObject);
  const owned = found.filter((entry) => !isStrange(entry));
  // Without an inventory, which somebody may have deleted, what carries our mark is what was applied: the guards of prune hold.
  const named = recordedInventory?.documents.flatMap(recordedObject) ?? found;
  const recorded = named.filter((entry) => !isStrange(entry));
  const strangers = new Map([...named, ...found].filter(isStrange).map((entry) => [objectKey(entry), entry]));
  const live = await observe(deps, { desired: objects.desired, applied: [...recorded, ...owned], signal });
  const planned = plan({
    desired: objects.desired,
    recorded,
    leftovers: owned,
    live,
    elsewhere: ownersElsewhere({
      source: key,
      desired: objects.desired,
      recorded: recordedInventory === undefined ? [] : recorded,
      known,
      inventories: [
        ...deps.inventories(),
        ...(await hintedInventories({ client, namespace, source: key, desired: objects.desired, live, signal })),
      ],
      exists: (source) => deps.gitSources.get(source) !== undefined,
    }),
    options: planOptions(commit),
  });
  if (!planned.ok) return { ok: false, problems: [planned.problem], transient: false };
  const { kept } = planned.plan;
  const isUnsealed = (entry: RecordedObject): boolean => bearsNoSeal(live.get(objectKey(entry)));
  const { tierOf } = deps;
  const leaving = removals({ source: key, objects, recorded, leftovers: owned, kept, isUnsealed, tierOf, own: deps.marks.own(), known });
  if (leaving.problems.length > 0) return { ok: false, problems: leaving.problems, transient: false };
  const applied: readonly Marked[] = [...objects.sealed, ...(objects.set === undefined ? [] : [markedSet(key, objects.set.proof)])];
  if (!marksFit([...endMarks(raiseMarks(known, applied), leaving.ended).values()])) {
    const message = `the marks of ${known.size} documents fill their ConfigMap; no more can be followed`;
    return { ok: false, problems: [{ code: 'APPLY_TOO_MANY', message }], transient: false };
  }
  const inventory = withSet(commit, carriedSet(deps.marks, recordedInventory), (one) => inventoryOf(planned.plan, one, live));
  const isHeld = isImmutable(configMap);
  const inventoryStands = !isHeld && recordedInventory !== undefined && fingerprint(recordedInventory) === fingerprint(inventory);
  const outcome = await applyCommit({
    plan: planned.plan,
    inventory,
    inventoryStands,
    clearInventory: isHeld && configMap !== undefined ? () => deps.clear(configMap, signal) : undefined,
    namespace,
    client,
    widen: () => deps.widen(key, objects.policies, signal),
    signal,
  });
  if (!outcome.ok) return outcome;
  deps.marks.record({ applied, ended: leaving.ended });
  deps.settle(key);
  return {
    ok: true,
    wrote: outcome.applied + outcome.deleted > 0 || !inventoryStands,
    drifted: planned.plan.drifted.map(({ target, difference }) => `${objectTitle(target)} ${difference}`),
    kept: [
      ...planned.plan.kept.map(({ target, reason }) => `${objectTitle(target)} (${reason})`),
      ...[...strangers.values()].map((entry) => `${objectTitle(entry)} (${whose(entry)})`),
    ],
  };
};

/** Where it is the commit's own there is no other way; one that is carried on must have room. */
const withSet = (commit: CommitToApply, carried: CommitSet | undefined, make: (commit: CommitToApply) => Inventory): Inventory => {
  if (commit.objects.set !== undefined || carried === undefined) return make(commit);
  const inventory = make({ ...commit, objects: { ...commit.objects, set: carried } });
  return inventoryFits(inventory) ? inventory : make(commit);
};

/**
 * The set seal in force goes on with the next inventory, where a commit brings none: a replica that missed the commit which it
 * came with learns from it what has ended.
 */
const carriedSet = (marks: Pick<MarkLedger, 'setIn'>, recorded: Inventory | undefined): CommitSet | undefined => {
  const proof = recorded?.sets === undefined ? undefined : marks.setIn(recorded);
  return proof === undefined ? undefined : { proof, bundles: recorded?.sets ?? [] };
};

/** An old order may not be given again, and one version is one document; replicas refuse it too, but later and elsewhere. */
export const staleVersions = ({ desired, sealed }: Pick<CommitObjects, 'desired' | 'sealed'>, known: Marks): Problem[] =>
  sealed.flatMap((document): Problem[] => {
    const problem = checkMark(known.get(documentKey(document)), document);
    if (problem === undefined) return [];
    const found = desired.find(({ kind, name }) => kind === document.kind && name === document.name);
    return [{ ...problem, ...(found === undefined ? {} : { at: found.positionOf(['spec', 'version']) }) }];
  });

const ownedObject = ({ resource, name }: { readonly resource: Resource; readonly name: string }): RecordedObject => ({
  resource,
  group: resource.group,
  kind: resource.kind,
  name,
  digest: '',
});

type Observed = { readonly desired: readonly DesiredObject[]; readonly applied: readonly RecordedObject[]; readonly signal: AbortSignal };

// What is to go is asked for, not looked up: a cache that has not heard of an object yet would have it left for ever, and
// one that has an older version of it would have the deletion refused.
const observe = async (
  { client, liveObject }: ApplyDeps,
  { desired, applied, signal }: Observed,
): Promise<ReadonlyMap<string, AppliedObject>> => {
  const live = new Map<string, AppliedObject>();
  const known = new Set(applied.map(objectKey));
  const read = async (identity: DesiredObject | RecordedObject): Promise<void> => {
    const object = await client.get<AppliedObject>(identity.resource, { name: identity.name }, { signal });
    if (object !== undefined) live.set(objectKey(identity), object);
  };
  const unknown: DesiredObject[] = [];
  for (const identity of desired) {
    const object = liveObject(identity.kind, identity.name);
    if (object !== undefined) live.set(objectKey(identity), object);
    // One that is new to this source may have come from another a moment ago.
    else if (!known.has(objectKey(identity))) unknown.push(identity);
  }
  await Promise.all(unknown.map(read));
  const wanted = new Set(desired.map(objectKey));
  for (const identity of applied) {
    const key = objectKey(identity);
    if (!wanted.has(key) && !live.has(key)) await read(identity);
  }
  return live;
};

const planOptions = ({ key, source }: CommitToApply): PlanOptions => {
  const { apply, prune } = source.spec;
  return {
    source: sourceLabel(key),
    driftPolicy: apply?.driftPolicy ?? 'Correct',
    prune: {
      policy: prune?.policy ?? 'Enabled',
      allowEmpty: prune?.allowEmpty ?? false,
      maxDeletions: String(prune?.maxDeletions ?? '10%'),
    },
  };
};

const recordedObject = (document: Inventory['documents'][number]): readonly RecordedObject[] => {
  const resource = writKinds.find(({ group, kind }) => group === document.group && kind === document.kind);
  return resource === undefined
    ? []
    : [{ resource, group: resource.group, kind: resource.kind, name: document.name, digest: document.digest }];
};

/**
 * What the cluster holds of the commit, its keepers included. What was found by its label alone has no recorded digest: it
 * is named by the document that it carries. An object without one, such as a Tenant, is left out; its label is found again.
 */
export const inventoryOf = (planned: Pick<Plan, 'kept'>, commit: InventoryFacts, live: ReadonlyMap<string, AppliedObject>): Inventory => {
  const kept = planned.kept.flatMap(({ target, ours }) => {
    const digest = target.digest === '' ? liveDigest(live.get(objectKey(target))) : target.digest;
    return ours && digest !== undefined ? [{ ...target, digest }] : [];
  });
  const documents = [...commit.objects.desired, ...kept].map(({ group, kind, name, digest, resource }) => ({
    group,
    version: resource.version,
    plural: resource.plural,
    kind,
    name,
    digest,
  }));
  const [committedAt, receivedAt] = [timeText(commit.committedAtMs), timeText(commit.receivedAtMs)];
  return {
    source: commit.key,
    revision: commit.revision,
    ...(committedAt === undefined ? {} : { committedAt }),
    ...(receivedAt === undefined ? {} : { receivedAt }),
    documents: documents.toSorted((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1)),
    ...(commit.objects.set === undefined ? {} : { sets: commit.objects.set.bundles }),
  };
};

type InventoryFacts = Pick<CommitToApply, 'key' | 'revision' | 'committedAtMs' | 'receivedAtMs'> & {
  readonly objects: Pick<CommitObjects, 'desired' | 'set'>;
};

const bearsNoSeal = (object: AppliedObject | undefined): boolean => {
  const signature: unknown = object?.signature;
  const bundles = isRecord(signature) ? signature['bundles'] : undefined;
  return isRecord(signature) && (bundles === undefined || (Array.isArray(bundles) && bundles.length === 0));
};

const liveDigest = (object: AppliedObject | undefined): string | undefined => {
  const signature: unknown = object?.signature;
  const document = isRecord(signature) ? signature['document'] : undefined;
  return typeof document === 'string' ? digestOf(Buffer.from(document)) : undefined;
};

const [FIRST_MS, LAST_MS] = [Date.parse('0000-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')];
// A committer may write any date; one that RFC 3339 cannot say must not make the whole inventory unreadable.
const timeText = (ms: number): string | undefined => (ms >= FIRST_MS && ms <= LAST_MS ? new Date(ms).toISOString() : undefined);

// Times are left out: looking again at the same commit is no reason to write.
const fingerprint = ({ revision, documents, sets = [] }: Inventory): string =>
  [revision, JSON.stringify(sets), ...documents.map((document) => `${objectKey(document)} ${document.digest}`).toSorted()].join('\n');
