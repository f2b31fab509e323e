// SPDX-License-Identifier: Apache-2.0
/**
 * What the bounds of a tenant say: of workloads to POST /validate, which is asked about each of them anyway, of everything else to
 * POST /tenancy, one AdmissionReview in, one answer out.
 *
 * In: the review's text; the namespaces and tenants that this replica holds, the quota ledgers. Out: pass, or a refusal with
 * a line for each breach of the tenant's bounds. Order: parse → whose namespace → the bounds' pure verdict → where a
 * quota is summed over the tenant's namespaces, a reservation. Only the reservation calls the API server, and a Tenant that the
 * cache does not hold yet. Beside it `completion.ts` is POST /complete. `webhook/server` calls both; they know no server.
 * Total: whatever the text is, the answer is a verdict or a coded refusal.
 */
import type { QuotaReservation } from '../../crds/quota-ledger.ts';
import { parseReview } from '../../policies/decide/request.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import { toJson } from '../../policies/cel/index.ts';
import { ownMap, ownText } from '../../policies/subject/paths.ts';
import type { Problem } from '../../policies/problem.ts';
import { amountsOf } from '../../policies/quota/index.ts';
import { tenancyProblems } from '../../policies/tenancy/index.ts';
import { bounded, raised } from '../../policies/tenancy/summed-quota.ts';
import { encodeProblem } from '../admission/answer.ts';
import { OPERATOR_SERVICE_ACCOUNT } from '../../crds/kinds.ts';
import { guardedElsewhere } from '../guard/change.ts';
import { encodePassed, encodeRefused } from './answer.ts';
import type { NamespaceTenant } from './namespace-tenant.ts';
import type { Reservations } from './reservations.ts';
import type { Bound, TenantLookup } from './tenants.ts';
import { useAnswer } from './use.ts';
import type { UseAnswer, UseStanding } from './use.ts';

export type TenancyRefusal = {
  readonly problems: readonly [Problem, ...Problem[]];
  readonly user: string;
  readonly operation: AdmissionRequest['operation'];
  readonly object: string;
  readonly dryRun: boolean;
};

export type TenancyReviewed = {
  readonly status: number;
  readonly body: string;
  readonly outcome: 'passed' | 'refused' | 'malformed';
  /** Empty where nobody's namespace was asked about. */
  readonly tenant: string;
  readonly refusal: TenancyRefusal | undefined;
};

export type TenancyDeps = {
  readonly namespaceTenant: NamespaceTenant;
  readonly tenantOf: TenantLookup;
  /** Why nothing is known of what counts of a Tenant; undefined where it is. */
  readonly unknownTenant: (name: string) => Problem | undefined;
  readonly isTenantNamespace: (name: string) => boolean;
  readonly reservations: Reservations;
  readonly standingOf: UseStanding;
  readonly systemNamespace: string;
  readonly clock: { now(): number };
  readonly onError: (error: unknown) => void;
};

/** `passed` may say something all the same. */
export type BoundsVerdict = UseAnswer;

export type Asked = { readonly request: AdmissionRequest; readonly tenant: string };

const passed = ({ request, tenant }: Asked, told?: Extract<BoundsVerdict, { kind: 'passed' }>): TenancyReviewed => ({
  status: 200,
  body: encodePassed(request.uid, told),
  outcome: 'passed',
  tenant,
  refusal: undefined,
});

/** For the log. */
export const refusalOf = (request: AdmissionRequest, problems: readonly [Problem, ...Problem[]]): TenancyRefusal => {
  const { userInfo, operation, resource, namespace, name, dryRun } = request;
  const object = `${resource.resource}/${namespace === '' ? '' : `${namespace}/`}${name}`;
  return { problems, user: userInfo.username, operation, object, dryRun };
};

const refused = ({ request, tenant }: Asked, problems: readonly [Problem, ...Problem[]]): TenancyReviewed => ({
  status: 200,
  body: encodeRefused(request.uid, problems),
  outcome: 'refused',
  tenant,
  refusal: refusalOf(request, problems),
});

/** What the object is to be let in for; undefined where no quota speaks of it. */
const reservationOf = (request: AdmissionRequest, { hard }: Bound, atMs: number): QuotaReservation | undefined => {
  const { operation, resource, object, oldObject, namespace } = request;
  if (hard.size === 0 || object === null || (operation !== 'CREATE' && operation !== 'UPDATE')) return undefined;
  const isNew = operation === 'CREATE';
  // A create of a subresource makes nothing that is counted.
  if (isNew && request.subResource !== '') return undefined;
  const collection = { group: resource.group, plural: resource.resource };
  const wanted = bounded(amountsOf(collection, toJson(object)), hard);
  const amounts = isNew ? wanted : bounded(raised(amountsOf(collection, toJson(oldObject)), wanted), hard);
  if (amounts.size === 0) return undefined;
  const metadata = ownMap(object, 'metadata');
  const name = ownText(metadata, 'name') ?? request.name;
  const uid = ownText(metadata, 'uid') ?? request.uid;
  const ref = { group: resource.group, plural: resource.resource, namespace, name: name === '' ? request.uid : name };
  return { uid, at: new Date(atMs).toISOString(), ref, amounts, ...(isNew ? {} : { raisedTo: wanted }) };
};

const PASSED: BoundsVerdict = { kind: 'passed', warnings: [], audit: undefined };

const judge = (request: AdmissionRequest, bound: Bound, deps: TenancyDeps): BoundsVerdict | Promise<BoundsVerdict> => {
  const operator = `system:serviceaccount:${deps.systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}`;
  const { isTenantNamespace } = deps;
  const facts = { request, bounds: bound.bounds, isTenantNamespace, isOperator: request.userInfo.username === operator };
  const [first, ...more] = tenancyProblems(facts);
  if (first !== undefined) return { kind: 'refused', problems: [first, ...more] };
  const use = useAnswer(request, bound, deps.standingOf);
  if (use.kind === 'refused') return use;
  const reservation = reservationOf(request, bound, deps.clock.now());
  if (reservation === undefined) return use;
  return deps.reservations
    .ask(bound.bounds.tenant, { reservation, hard: bound.hard, dryRun: request.dryRun })
    .then((granted) => (granted.ok ? use : { kind: 'refused', problems: [granted.problem] }));
};

/** Waits only for a Tenant that the cache does not hold yet, and for a reservation. */
export const judgeBounds = ({ request, tenant }: Asked, deps: TenancyDeps): BoundsVerdict | Promise<BoundsVerdict> => {
  const unread = (error: unknown): BoundsVerdict => {
    deps.onError(error);
    return { kind: 'refused', problems: [{ code: 'TENANT_UNKNOWN', message: `Tenant ${tenant} could not be read` }] };
  };
  const unknown = deps.unknownTenant(tenant);
  if (unknown !== undefined) return { kind: 'refused', problems: [unknown] };
  const bound = deps.tenantOf(tenant);
  if (bound === undefined) return PASSED;
  if (!(bound instanceof Promise)) return judge(request, bound, deps);
  return bound.then((late) => (late === undefined ? PASSED : judge(request, late, deps)), unread);
};

export const handleTenancy = async (text: string, deps: TenancyDeps): Promise<TenancyReviewed> => {
  const parsed = parseReview(text);
  const malformed = (problem: Problem): TenancyReviewed => ({
    status: 400,
    body: encodeProblem(problem),
    outcome: 'malformed',
    tenant: '',
    refusal: undefined,
  });
  if (!parsed.ok) return malformed(parsed.problem);
  const { request } = parsed;
  const strange = guardedElsewhere(request, deps.systemNamespace);
  if (strange !== undefined) return malformed(strange);
  const found = await deps.namespaceTenant(request);
  if (found.kind === 'nobody') return passed({ request, tenant: '' });
  if (found.kind === 'unknown') return refused({ request, tenant: '' }, [found.problem]);
  const asked: Asked = { request, tenant: found.tenant };
  const verdict = await judgeBounds(asked, deps);
  return verdict.kind === 'passed' ? passed(asked, verdict) : refused(asked, verdict.problems);
};
