// SPDX-License-Identifier: Apache-2.0
// The marks may only rise, to documents that are here and verify, or become gone where the seals say so; and they stay. Both
// directions matter: a lower mark lets an old order back in, a higher one than there is would keep every newer one out.
import { isDeepStrictEqual } from 'node:util';
import { SET_KIND, decodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { INVENTORY_LABEL, MARKS_FINALIZER, TRUST_POLICY_NAME, isSealedKind } from '../../crds/kinds.ts';
import { isImmutable, isRecord } from '../../crds/wire.ts';
import { checkMark, documentKey, marksOf } from '../../policies/currency/index.ts';
import { fileOf } from '../../policies/currency/removal.ts';
import type { Marks } from '../../policies/currency/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { TENANT_KIND } from '../../policies/tenant-object.ts';
import { carries } from './change.ts';
import type { GuardedChange } from './change.ts';
import { ruleRemoval } from './removal.ts';
import { firstRefusal, held, pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import type { GuardView } from './view.ts';

const lowered = (message: string): Ruling => refuse({ code: 'MARK_LOWERED', message, path: 'data' });

const orders = ({ source, kind, name, digest }: Mark, { inventories }: GuardView): boolean =>
  inventories.some(
    (inventory) =>
      inventory.source === source &&
      inventory.documents.some((document) => document.kind === kind && document.name === name && document.digest === digest),
  );

/**
 * Whose set seal may end it: as it was, or as this replica knows it; the first time also who orders it now, since this replica
 * may know another who does. Of what is gone it means nothing any more.
 */
const isSourceProven = (mark: Mark, before: Mark | undefined, view: GuardView): boolean =>
  mark.gone === true ||
  mark.kind === 'TrustPolicy' ||
  mark.source === before?.source ||
  mark.source === view.standing(mark.kind, mark.name)?.source ||
  (before === undefined && orders(mark, view));

const isProven = ({ kind, name, version, digest }: Mark, { trust, held, marks, setOf }: GuardView): boolean => {
  const known = marks.get(documentKey({ kind, name }));
  if (known?.version === version && known.digest === digest) return true;
  if (kind === SET_KIND) {
    const set = setOf(name);
    return set?.sequence === version && set.digest === digest;
  }
  if (kind === 'TrustPolicy') {
    const known = trust === undefined ? [] : [trust, ...trust.predecessors];
    return name === TRUST_POLICY_NAME && known.some((one) => one.version === version && one.digest === digest);
  }
  const document = held(digest);
  if (document?.unsigned === true || document?.withdrawn !== undefined) return false;
  return document !== undefined && document.kind === kind && document.name === name && document.version === version;
};

type TenantMark = { readonly mark: Mark; readonly before: Mark | undefined };

/** `mayEnd` is of these very bytes; and it has ended where it may, is not there, and no commit is about to bring it back. */
const ruleTenantMark = ({ mark, before }: TenantMark, view: GuardView): Ruling => {
  const { kind, name, version, digest, source, mayEnd, gone } = mark;
  const { isThere, standing, departed } = view.tenant(name);
  const known = view.marks.get(documentKey(mark));
  const proof = [before, known, standing, departed].find(
    (one) => one !== undefined && one.version === version && one.digest === digest && one.mayEnd === mayEnd,
  );
  const unproven = (message: string): Ruling => refuse({ code: 'MARK_UNPROVEN', message, path: 'data' }, 'anything');
  if (proof === undefined || source !== undefined) return unproven(`no sealed Tenant ${name} here is version ${version} ${digest}`);
  if (gone !== true) return pass;
  if (mayEnd !== true) {
    const message = `${fileOf(mark)} may not end: its sealed document does not say so`;
    return refuse({ code: 'REMOVAL_UNSEALED', message, path: 'spec.deletionPolicy' });
  }
  const isOrdered = view.inventories.some(({ documents }) => documents.some((one) => one.kind === kind && one.name === name));
  return isThere || isOrdered ? unproven(`Tenant ${name} is ${isThere ? 'there' : 'ordered by an inventory'}`) : pass;
};

const ruleMark = (mark: Mark, before: Mark | undefined, view: GuardView): Ruling => {
  const { kind, name, version, digest, gone } = mark;
  const retired = gone === true;
  const stale: Problem | undefined = checkMark(before, { kind, name, version, digest, retired });
  if (stale !== undefined) return lowered(`${stale.code}: ${stale.message}`);
  if (kind === TENANT_KIND) return isDeepStrictEqual(mark, before) ? pass : ruleTenantMark({ mark, before }, view);
  if (!isSourceProven(mark, before, view)) {
    const message = `${kind} ${name} is not known here to come from the source ${mark.source ?? 'none'}`;
    return refuse({ code: 'MARK_UNPROVEN', message, path: 'data' }, 'anything');
  }
  if (before?.version === version && before.digest === digest && before.gone === gone) return pass;
  if (!isProven(mark, view)) {
    const message = `no verified document says ${kind} ${name} version ${version} ${digest} here`;
    return refuse({ code: 'MARK_UNPROVEN', message, path: 'data' }, 'anything');
  }
  if (gone !== true) return pass;
  if (!isSealedKind(kind)) return refuse({ code: 'MARK_UNPROVEN', message: `${kind} ${name} never ends`, path: 'data' });
  if (view.held(digest)?.retired === true) return pass;
  return ruleRemoval({ kind, name }, view);
};

const finalizersOf = (object: unknown): readonly unknown[] => {
  const metadata: unknown = isRecord(object) ? object['metadata'] : undefined;
  const finalizers: unknown = isRecord(metadata) ? metadata['finalizers'] : undefined;
  return Array.isArray(finalizers) ? finalizers : [];
};

const isBeingDeleted = (object: unknown): boolean => {
  const metadata: unknown = isRecord(object) ? object['metadata'] : undefined;
  return isRecord(metadata) && metadata['deletionTimestamp'] !== undefined && metadata['deletionTimestamp'] !== null;
};

export const ruleMarks = ({ name, before, after }: Pick<GuardedChange, 'name' | 'before' | 'after'>, view: GuardView): Ruling => {
  // One that nothing can be written into the operator makes anew, with all that it knows.
  const mayGo = view.isLeaving || isImmutable(before);
  if (after === undefined) return mayGo ? pass : lowered(`ConfigMap ${name} keeps old orders from coming back, so it stays`);
  if (isImmutable(after) && !isImmutable(before)) return held(`nothing could be written into ConfigMap ${name} any more`, 'immutable');
  if (carries(after, INVENTORY_LABEL) && !carries(before, INVENTORY_LABEL)) {
    return held(`ConfigMap ${name} is no inventory`, 'metadata.labels');
  }
  // With the last finalizer an object goes that somebody deleted while nobody was asked.
  if (!mayGo && isBeingDeleted(after) && finalizersOf(before).includes(MARKS_FINALIZER) && !finalizersOf(after).includes(MARKS_FINALIZER)) {
    return lowered(`the finalizer ${MARKS_FINALIZER} is what keeps ConfigMap ${name}`);
  }
  const wanted = decodeMarks(after);
  if (wanted === undefined) return lowered(`ConfigMap ${name} could not be read back as marks`);
  const standing: Marks = marksOf(decodeMarks(before) ?? []);
  const listed = marksOf(wanted);
  for (const key of standing.keys()) if (!listed.has(key)) return lowered(`the mark of ${key} is missing`);
  return firstRefusal(wanted.map((mark) => ruleMark(mark, standing.get(documentKey(mark)), view)));
};
