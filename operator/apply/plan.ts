// SPDX-License-Identifier: Apache-2.0
/**
 * Desired objects, what was recorded as applied, and what is live → what to do, in order. Pure: no clock, no I/O.
 *
 * In: verified objects of one commit, the inventory of the commit before, the live objects of both. Out: operations, or a
 * refusal that changes nothing. What a source never applied is never deleted, and a plan that would delete much asks a
 * person first: a prune that nobody meant is the second-worst accident of this field.
 */
import type { Resource } from '../../crds/kinds.ts';
import { MANAGED_BY, MANAGED_BY_LABEL, PRUNE_ANNOTATION, SOURCE_LABEL, SYNC_FIELD_MANAGER, writKinds } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Problem, SourcePosition } from '../../policies/problem.ts';
import { anyDifference, firstDifference, firstExtra } from '../../policies/document/difference.ts';
import type { ObjectIdentity } from './identity.ts';
import { objectKey, objectTitle } from './identity.ts';

/** One of our kinds as it is on the wire: what we declare of it, or what is live. */
export type AppliedObject = KubeObject & { readonly spec?: unknown; readonly signature?: unknown };

export type DesiredObject = ObjectIdentity & {
  readonly resource: Resource;
  readonly object: AppliedObject;
  /** sha256 of the document's bytes; an object is written again when this differs from what was recorded. */
  readonly digest: string;
  /** The file it comes from, for messages. */
  readonly path: string;
  /** Where a field of the object stands in that file. */
  readonly positionOf: (path: readonly (string | number)[]) => SourcePosition;
};

export type RecordedObject = ObjectIdentity & { readonly resource: Resource; readonly digest: string };

export type PlanOptions = {
  /** The value of the ownership label: `sourceLabel` of the GitSource. */
  readonly source: string;
  readonly driftPolicy: 'Correct' | 'Detect' | 'Ignore';
  readonly prune: { readonly policy: 'Enabled' | 'Disabled'; readonly allowEmpty: boolean; readonly maxDeletions: string };
};

export type PlanInput = {
  readonly desired: readonly DesiredObject[];
  readonly recorded: readonly RecordedObject[];
  /**
   * Objects that carry this source's mark though no inventory names them: what a commit left behind that was broken off
   * before its inventory, or before its deletions. They never were, or are no longer, enforced.
   */
  readonly leftovers?: readonly RecordedObject[];
  /** Live objects by `objectKey`. */
  readonly live: ReadonlyMap<string, AppliedObject>;
  /** By `objectKey`: the other source that orders it. Labels do not say it; anybody may write them. */
  readonly elsewhere?: ReadonlyMap<string, string>;
  readonly options: PlanOptions;
};

export type Operation =
  | {
      readonly kind: 'apply';
      readonly target: DesiredObject;
      readonly reason: 'new' | 'changed' | 'drifted';
      readonly difference?: string;
      /** Somebody else owns fields of the live object, which an apply would leave. */
      readonly replaces?: true;
    }
  | { readonly kind: 'delete'; readonly target: RecordedObject; /** What was looked at. */ readonly seen: AppliedObject };

export type KeptObject = { readonly target: RecordedObject; readonly reason: string; readonly ours: boolean };

export type Plan = {
  readonly operations: readonly Operation[];
  /** Objects that differ from their document and are left so, because the source says Detect. */
  readonly drifted: readonly { readonly target: DesiredObject; readonly difference: string }[];
  /** Objects that left the tree and stay in the cluster, with the reason. `ours` ones stay recorded and enforced. */
  readonly kept: readonly KeptObject[];
};

export type PlanOutcome = { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly problem: Problem };

const APPLY_ORDER: readonly string[] = writKinds.map(({ kind }) => kind);

const applyRank = (kind: string): number => {
  const rank = APPLY_ORDER.indexOf(kind);
  return rank === -1 ? APPLY_ORDER.length : rank;
};

const label = (object: KubeObject, name: string): string | undefined => object.metadata.labels?.[name];

export const plan = (input: PlanInput): PlanOutcome => {
  const desiredKeys = new Set(input.desired.map(objectKey));
  const gone = input.recorded.filter((entry) => !desiredKeys.has(objectKey(entry)));
  const refusal = foreignOwner(input) ?? pruneRefusal(input, gone);
  if (refusal !== undefined) return { ok: false, problem: refusal };
  const writes = planWrites(input);
  const prune = planPrune(input, gone);
  // No budget counts them: the commit that gave them up was within it, or never had them enforced.
  const known = new Set([...desiredKeys, ...input.recorded.map(objectKey)]);
  const sweep = planPrune(
    input,
    (input.leftovers ?? []).filter((entry) => !known.has(objectKey(entry))),
  );
  return {
    ok: true,
    plan: {
      operations: [...writes.operations, ...prune.operations, ...sweep.operations],
      drifted: writes.drifted,
      kept: [...prune.kept, ...sweep.kept.map((kept) => ({ ...kept, ours: false }))],
    },
  };
};

const foreignOwner = ({ desired, elsewhere }: PlanInput): Problem | undefined => {
  for (const target of desired) {
    const owner = elsewhere?.get(objectKey(target));
    if (owner === undefined) continue;
    const message = `${objectTitle(target)} already comes from the source ${owner}`;
    return { code: 'APPLY_OWNED_ELSEWHERE', message, at: target.positionOf(['metadata', 'name']) };
  }
  return undefined;
};

const pruneRefusal = ({ desired, recorded, options }: PlanInput, gone: readonly RecordedObject[]): Problem | undefined => {
  if (options.prune.policy === 'Disabled' || gone.length === 0) return undefined;
  if (desired.length === 0 && !options.prune.allowEmpty) {
    return {
      code: 'PRUNE_EMPTY',
      message: `the tree holds no document while ${recorded.length} objects are applied`,
      path: 'spec.prune.allowEmpty',
    };
  }
  const budget = deletionBudget(options.prune.maxDeletions, recorded.length);
  if (gone.length <= budget) return undefined;
  return {
    code: 'PRUNE_BUDGET',
    message: `the commit removes ${gone.length} of ${recorded.length} objects, spec.prune.maxDeletions ${options.prune.maxDeletions} allows ${budget}`,
    path: 'spec.prune.maxDeletions',
  };
};

/** `10%` of what is applied, rounded up so that one deletion is always possible unless it says `0` or `0%`; or a count. */
export const deletionBudget = (maxDeletions: string, applied: number): number => {
  if (!maxDeletions.endsWith('%')) return Number.parseInt(maxDeletions, 10);
  return Math.ceil((Number.parseInt(maxDeletions, 10) * applied) / 100);
};

type Sealed = Pick<AppliedObject, 'spec' | 'signature'>;

/** What the live object says beyond its document. */
const extraOf = ({ object }: DesiredObject, current: AppliedObject): string | undefined => {
  const said = ({ spec, signature }: Sealed): Sealed => ({ spec, signature });
  return firstExtra(said(object), said(current));
};

const isPartOfDocument = (fields: unknown): boolean => isRecord(fields) && ('f:spec' in fields || 'f:signature' in fields);

/**
 * Whether anything but our applies owns fields of the document: whoever may write the object may apply the same to it in
 * another name, and of that only a replacement leaves nothing.
 */
const isSharedWithOthers = (target: DesiredObject, current: AppliedObject): boolean => {
  const { managedFields } = current.metadata;
  if (managedFields === undefined) return extraOf(target, current) !== undefined;
  const others = managedFields.filter(({ manager, operation }) => manager !== SYNC_FIELD_MANAGER || operation !== 'Apply');
  return others.some(({ fieldsV1, subresource }) => (subresource ?? '') === '' && isPartOfDocument(fieldsV1));
};

/** What an apply of it would leave, a replacement does not. */
export const replacing = (target: DesiredObject, current: AppliedObject | undefined): { readonly replaces?: true } =>
  current !== undefined && isSharedWithOthers(target, current) ? { replaces: true } : {};

// The API server fills in fields of a Tenant by its schema.
const differenceOf = (target: DesiredObject, current: AppliedObject): string | undefined =>
  firstDifference(target.object, current) ?? (target.kind === 'Tenant' ? undefined : extraOf(target, current));

const planWrites = ({ desired, recorded, live, options }: PlanInput): Pick<Plan, 'operations' | 'drifted'> => {
  const digests = new Map(recorded.map((entry) => [objectKey(entry), entry.digest]));
  const operations: Operation[] = [];
  const drifted: { target: DesiredObject; difference: string }[] = [];
  for (const target of desired.toSorted((a, b) => applyRank(a.kind) - applyRank(b.kind) || (objectKey(a) < objectKey(b) ? -1 : 1))) {
    const key = objectKey(target);
    const current = live.get(key);
    const known = digests.get(key);
    if (known !== target.digest) {
      if (current === undefined || differenceOf(target, current) !== undefined) {
        operations.push({ kind: 'apply', target, reason: known === undefined ? 'new' : 'changed', ...replacing(target, current) });
      }
      continue;
    }
    const difference = current === undefined ? 'metadata.name' : differenceOf(target, current);
    if (difference === undefined) continue;
    // Replicas take a commit whole or not at all: without an object that the inventory names, or without its signed bytes,
    // one that starts now would keep tenants closed. So much is put back whatever the source says of drift.
    const isNeeded = current === undefined || firstDifference(target.object.signature, current.signature) !== undefined;
    if (options.driftPolicy === 'Ignore' && !isNeeded) continue;
    if (options.driftPolicy === 'Correct' || isNeeded) {
      operations.push({ kind: 'apply', target, reason: 'drifted', difference, ...replacing(target, current) });
    } else drifted.push({ target, difference });
  }
  return { operations, drifted };
};

/** All that the decision to delete goes by: what else is written to the object, such as its status, is no reason to keep it. */
const goneBy = ({ metadata, spec, signature }: AppliedObject): object => ({
  uid: metadata.uid,
  owner: [metadata.labels?.[SOURCE_LABEL], metadata.labels?.[MANAGED_BY_LABEL]],
  prune: metadata.annotations?.[PRUNE_ANNOTATION],
  spec,
  signature,
});

/** Whether the object that was planned to be deleted is still the one that was looked at. */
export const mayStillGo = (seen: AppliedObject, live: AppliedObject): boolean => anyDifference(goneBy(seen), goneBy(live)) === undefined;

const planPrune = ({ live, options }: PlanInput, gone: readonly RecordedObject[]): Pick<Plan, 'operations' | 'kept'> => {
  const operations: Operation[] = [];
  const kept: KeptObject[] = [];
  for (const target of gone.toSorted((a, b) => applyRank(b.kind) - applyRank(a.kind))) {
    const current = live.get(objectKey(target));
    if (current === undefined) continue;
    const { uid, resourceVersion } = current.metadata;
    if (label(current, SOURCE_LABEL) !== options.source || label(current, MANAGED_BY_LABEL) !== MANAGED_BY) {
      kept.push({ target, reason: 'it no longer carries the labels of this source', ours: false });
      continue;
    }
    const reason = keepReason(target, current, options);
    if (reason !== undefined || uid === undefined || resourceVersion === undefined) {
      kept.push({ target, reason: reason ?? 'the API server gave it no uid', ours: true });
    } else {
      operations.push({ kind: 'delete', target, seen: current });
    }
  }
  return { operations, kept };
};

const keepReason = (target: RecordedObject, current: AppliedObject, options: PlanOptions): string | undefined => {
  if (options.prune.policy === 'Disabled') return 'spec.prune.policy is Disabled';
  if (target.kind === 'TrustPolicy') return 'trust is never pruned: delete it by hand if you mean it';
  if (current.metadata.annotations?.[PRUNE_ANNOTATION] === 'Disabled') return `annotation ${PRUNE_ANNOTATION} is Disabled`;
  if (target.kind === 'Tenant' && deletionPolicyOf(current) === 'Protect') return 'spec.deletionPolicy is Protect';
  return undefined;
};

// Protect is the default: a Tenant that says nothing is kept.
const deletionPolicyOf = ({ spec }: AppliedObject): unknown =>
  typeof spec === 'object' && spec !== null && 'deletionPolicy' in spec ? spec.deletionPolicy : 'Protect';
