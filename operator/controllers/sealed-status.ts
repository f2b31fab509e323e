// SPDX-License-Identifier: Apache-2.0
// What the status of every sealed document says alike: an edit without effect, replicas on their way, the commit that it came with, that its end is near, when to look again.
import { conditionReason } from '../../crds/conditions.ts';
import type { Inventory } from '../../crds/inventory.ts';
import type { SealedKind } from '../../crds/kinds.ts';
import type { RefusedPolicy } from '../../crds/replica.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { REFUSAL_LASTS_MS } from '../../policies/trust/term.ts';
import { closesAtMs, isClosed, isInGrace } from '../../policies/policy-object.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';

/** How long before its end a document is told to be renewed. */
const EXPIRING_MS = 14 * 24 * 3600_000;
/** Timers hold no longer than some weeks. */
const LOOK_MS = 24 * 3600_000;

type Told = { readonly metadata: { readonly name: string }; readonly status?: { readonly digest?: string; readonly revision?: string } };

export type Verdict = { readonly ready: ConditionInput; readonly others: readonly ConditionInput[] };

/** Where `spec` beside the document says something else; the path of that, undefined where nothing does. `others`: what is good all the same. */
export const specVerdict = (path: string | undefined, others: readonly ConditionInput[]): Verdict | undefined => {
  if (path === undefined) return undefined;
  const message = `${path} is not what the signed document says; the document counts, the edit has no effect`;
  return { ready: { type: 'Ready', status: 'False', reason: 'SpecDiffers', message }, others };
};

/** Where no replica lives, nothing is let through: `0 of 0` would read as if nothing applied. */
export const doneBy = (count: number, replicas: readonly unknown[]): ((what: string) => string) =>
  replicas.length === 0
    ? () => 'no replica of the webhook answers: tenants are closed until one does'
    : (what) => `${count} of ${replicas.length} replicas ${what}`;

type Waiting = {
  readonly name: string;
  /** Of each replica, by name. */
  readonly refusals: readonly Readonly<Record<string, RefusedPolicy>>[];
  readonly reason: string;
  readonly message: string;
  readonly others: readonly ConditionInput[];
};

/** While not all replicas follow: one of them refuses it, or they are on their way. */
export const waitingVerdict = ({ name, refusals, reason, message, others }: Waiting): Verdict => {
  const ready = { type: 'Ready', status: 'False' } as const;
  const refused = refusals.flatMap((held) => (Object.hasOwn(held, name) ? [held[name]] : []))[0];
  if (refused !== undefined) {
    const told = `${refused.code}: ${refused.message}; ${message}`;
    return { ready: { ...ready, reason: conditionReason(refused.code), message: told }, others };
  }
  return {
    ready: { ...ready, reason, message },
    others: [...others, { type: 'Reconciling', status: 'True', reason: 'Progressing', message }],
  };
};

/**
 * The commit that the document came with, which a later commit does not change: else each push would write the status of
 * every document. Only an inventory that names this very document counts: it is written after the object.
 */
export const revisionOf = (
  kind: SealedKind,
  { metadata, status }: Told,
  { digest, inventories }: { readonly digest: string | undefined; readonly inventories: readonly Inventory[] },
): string | undefined => {
  if (digest !== undefined && status?.digest === digest && status.revision !== undefined) return status.revision;
  return inventories.find(({ documents }) =>
    documents.some(
      (document) => document.kind === kind && document.name === metadata.name && (digest === undefined || document.digest === digest),
    ),
  )?.revision;
};

/** Ahead of its end, and while it goes on after it; there only while true. `then`: what happens at the end of it. */
export const expiringCondition = (document: PolicyDocument, nowMs: number, then: string): ConditionInput | undefined => {
  const { version, expiresMs, graceMs, retired, breakGlass } = document;
  if (expiresMs === undefined || retired || breakGlass !== undefined || nowMs < expiresMs - EXPIRING_MS || isClosed(document, nowMs))
    return undefined;
  const [end, close] = [expiresMs, expiresMs + graceMs].map((ms) => new Date(ms).toISOString());
  const fix = `sign and publish a newer version before ${then}`;
  const message = isInGrace(document, nowMs)
    ? `version ${version} ended at ${end} and goes on until ${close}; ${fix}`
    : `version ${version} ends at ${end}${graceMs === 0 ? '' : `, and goes on until ${close}`}; ${fix}`;
  return { type: 'Expiring', status: 'True', reason: isInGrace(document, nowMs) ? 'InGracePeriod' : 'EndsSoon', message };
};

/** In how many ms time alone may change what is told: the document ends, a seal does, a refusal is looked at again. */
export const nextLookMs = (judged: Judged, nowMs: number): number | undefined => {
  const { expiresMs, breakGlass } = judged.ok ? judged.document : {};
  const ahead = expiresMs === undefined ? undefined : expiresMs - EXPIRING_MS;
  const own = judged.ok ? [breakGlass?.fromMs, ahead, expiresMs, closesAtMs(judged.document)] : [];
  const delays = [judged.untilMs, ...own].flatMap((end) => (end === undefined || end <= nowMs ? [] : [end - nowMs]));
  if (!judged.ok) return Math.min(...delays, REFUSAL_LASTS_MS);
  return delays.length === 0 ? undefined : Math.min(...delays, LOOK_MS);
};
