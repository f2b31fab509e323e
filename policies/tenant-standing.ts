// SPDX-License-Identifier: Apache-2.0
// What of a Tenant counts where the trust policy asks for its seal: what its own sealed bytes say, whatever its spec says; else what
// counted before in this process; else nothing is known of it, and it is closed. Status is no input. Pure and total.
import type { Tenant } from '../crds/generated/objects.ts';
import type { Mark } from '../crds/marks.ts';
import { checkMark } from './currency/index.ts';
import { anyDifference } from './document/difference.ts';
import { formatProblem } from './problem.ts';
import type { Problem } from './problem.ts';
import { withTenantDefaults } from './tenant-object.ts';
import type { JudgedTenant, TenantDocument, TenantObject } from './tenant-object.ts';

/** Cannot come from the API server, and stays where the spec is replaced. */
const UNSEALED = Symbol('unsealed');

export type Unsealed = { readonly problem: Problem; /** Nothing of it is known. */ readonly isClosed: boolean };

export type CountedObject = TenantObject & { readonly spec: Tenant['spec']; readonly [UNSEALED]?: Unsealed };

/** Why another spec counts than the one that the object had, or none; undefined where it counts as it is. */
export const unsealedOf = (tenant: CountedObject): Unsealed | undefined => tenant[UNSEALED];

/** `document` is absent where it counted before a seal was asked for. */
export type Standing = { readonly spec: Tenant['spec']; readonly document?: TenantDocument };

export type Counted<T> = {
  readonly object: T;
  readonly standing: Standing | undefined;
  /** It did not verify: time alone may change that. */
  readonly isRefused: boolean;
};

/** Whoever makes things for tenants leaves one that is suspended as it is, its end included. */
const CLOSED: Tenant['spec'] = { suspend: true, deletionPolicy: 'Protect' };

const withDefaults = new WeakMap<TenantDocument, Tenant['spec']>();
const sealedSpec = (document: TenantDocument): Tenant['spec'] => {
  const known = withDefaults.get(document) ?? withTenantDefaults(document.spec);
  withDefaults.set(document, known);
  return known;
};

const closedProblem = (name: string, why: string): Problem => ({
  code: 'TENANT_UNSEALED',
  message: `nothing that counts is known of Tenant ${name}: ${why}`,
});

export const goneProblem = (name: string): Problem => closedProblem(name, 'it is gone, and no seal let it go');

export type Counting = {
  readonly judged: JudgedTenant;
  readonly mark: Mark | undefined;
  /** What counted of this name before. */
  readonly standing: Standing | undefined;
};

export const countTenant = <T extends CountedObject>(live: T, { judged, mark, standing }: Counting): Counted<T> => {
  const { name } = live.metadata;
  const instead = (spec: Tenant['spec'], unsealed: Unsealed): T => ({ ...live, spec, [UNSEALED]: unsealed });
  const problem = judged.ok ? (checkMark(mark, judged.document) ?? checkMark(standing?.document, judged.document)) : judged.problem;
  if (judged.ok && problem === undefined) {
    const { document } = judged;
    const spec = sealedSpec(document);
    const path = anyDifference(spec, live.spec, 'spec');
    if (path === undefined) return { object: live, standing: { spec: live.spec, document }, isRefused: false };
    const message = `Tenant ${name} was changed beside its seal; version ${document.version}, as it is sealed, counts`;
    const unsealed = { problem: { code: 'TENANT_UNSEALED' as const, message, path }, isClosed: false };
    return { object: instead(spec, unsealed), standing: { spec, document }, isRefused: false };
  }
  const why = problem === undefined ? 'it is refused' : formatProblem(problem);
  if (standing === undefined)
    return { object: instead(CLOSED, { problem: closedProblem(name, why), isClosed: true }), standing, isRefused: true };
  const stands = standing.document === undefined ? 'what it said before a seal was asked for' : `version ${standing.document.version}`;
  const message = `Tenant ${name} is not as a seal has it, so ${stands} counts on: ${why}`;
  return { object: instead(standing.spec, { problem: { code: 'TENANT_UNSEALED', message }, isClosed: false }), standing, isRefused: true };
};
