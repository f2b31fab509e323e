// SPDX-License-Identifier: Apache-2.0
// What would go: a sealed document may go where nothing that is enforced goes with it, or where a seal says so. A deletion
// that slips through while nobody is asked opens nothing: replicas keep what stands, and the operator puts it back.
import { SET_KIND } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import type { SealedKind } from '../../crds/kinds.ts';
import { checkMark, documentKey, markedSet } from '../../policies/currency/index.ts';
import { UNKNOWN_TIER, fileOf, mayRemove } from '../../policies/currency/removal.ts';
import type { SetProof, Standing } from '../../policies/currency/removal.ts';
import { judgeTenant } from '../../policies/tenant-object.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { needsSeal } from './sealed.ts';
import type { GuardView } from './view.ts';

export type Removal = {
  readonly kind: SealedKind;
  readonly name: string;
  /** The set seal that comes with the change, beside that of the document's source in the cluster. */
  readonly set?: SetProof | undefined;
};

type Marked = { readonly kind: SealedKind; readonly name: string; readonly mark: Mark | undefined };

/**
 * A replica that starts holds nothing yet, and must not keep the operator from finishing a commit: what the marks say of the
 * document's source counts then, under the newest set seal that the marks of the cluster know, so that only a newer one ends
 * it. What this replica marked itself may be that newer one already.
 */
const standingByMark = ({ kind, name, mark }: Marked, { told }: GuardView): Standing => {
  const source = mark?.source;
  const set = source === undefined ? undefined : told().get(documentKey({ kind: SET_KIND, name: source }));
  const tier = kind === 'Ruleset' ? UNKNOWN_TIER : undefined;
  return { kind, name, version: mark?.version ?? 0, digest: mark?.digest ?? '', source, sequence: set?.version ?? 0, tier };
};

/** A replica that began with its mark and never held the document cannot see it end by itself; the operator marks that. */
const isToldGone = ({ kind, name, mark }: Marked, { told }: GuardView): boolean => {
  const said = told().get(documentKey({ kind, name }));
  return said?.gone === true && said.version === mark?.version && said.digest === mark.digest;
};

/** One that somebody put back, while nobody was asked, ends nothing any more. */
const setInForce = (source: string, { setOf, marks }: GuardView): SetProof | undefined => {
  const set = setOf(source);
  if (set === undefined) return undefined;
  const marked = markedSet(source, set);
  return checkMark(marks.get(documentKey(marked)), marked) === undefined ? set : undefined;
};

/** Whether the document of this name may end now. */
export const ruleRemoval = ({ kind, name, set }: Removal, view: GuardView): Ruling => {
  const mark = view.marks.get(documentKey({ kind, name }));
  const standing = view.standing(kind, name);
  // Never enforced, or ended by seal: nothing depends on the object.
  if ((mark === undefined && standing === undefined) || mark?.gone === true) return pass;
  // Nobody sealed its coming, so nobody has to seal its going.
  if (mark === undefined && standing?.unsigned === true) return pass;
  if (standing === undefined && isToldGone({ kind, name, mark }, view)) return pass;
  const known = standing ?? standingByMark({ kind, name, mark }, view);
  const problem = mayRemove(known, set ?? (known.source === undefined ? undefined : setInForce(known.source, view)));
  return problem === undefined ? pass : refuse(problem, 'anything');
};

type TenantRemoval = { readonly name: string; readonly before: Readonly<Record<string, unknown>> | undefined };

/** No version of a Tenant retires it: its own sealed document says whether it may go. */
export const ruleTenantRemoval = ({ name, before }: TenantRemoval, { trust, marks, atMs, evidence }: GuardView): Ruling => {
  if (trust === undefined) {
    return refuse({ code: 'TRUST_MISSING', message: `without a trust policy tenant ${name} cannot be judged` }, 'trust');
  }
  if (!needsSeal('Tenant', trust)) return pass;
  const mark = marks.get(documentKey({ kind: 'Tenant', name }));
  const judged = judgeTenant({ ...before, metadata: { name } }, { trust, atMs, evidence });
  const version = judged.ok ? judged.document.version : 0;
  // What was brought back while nobody was asked has ended before.
  if (mark?.gone === true && version <= mark.version) return pass;
  const stale = mark === undefined || !judged.ok ? undefined : checkMark(mark, judged.document);
  if (stale !== undefined) {
    const message = `${fileOf({ kind: 'Tenant', name })} may not end by what stands: ${stale.message}`;
    return refuse({ code: 'REMOVAL_UNSEALED', message, path: 'spec.deletionPolicy' });
  }
  if (judged.ok && judged.document.mayEnd === true) return pass;
  const message = `${fileOf({ kind: 'Tenant', name })} may not end: its sealed document does not say so`;
  return refuse({
    code: 'REMOVAL_UNSEALED',
    message,
    hint: 'seal it with spec.deletionPolicy: Orphan or Delete first',
    path: 'spec.deletionPolicy',
  });
};
