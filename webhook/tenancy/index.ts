// SPDX-License-Identifier: Apache-2.0
/**
 * POST /tenancy: one AdmissionReview about an object in a tenant's namespace in, one answer out.
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
import { encodePassed, encodeRefused } from './answer.ts';
import type { NamespaceTenant } from './namespace-tenant.ts';
import type { Reservations } from './reservations.ts';
import type { Bound, TenantLookup } from './tenants.ts';

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
  readonly isTenantNamespace: (name: string) => boolean;
  readonly reservations: Reservations;
  readonly systemNamespace: string;
  readonly clock: { now(): number };
  readonly onError: (error: unknown) => void;
};

type Asked = { readonly request: AdmissionRequest; readonly tenant: string };

const passed = ({ request, tenant }: Asked): TenancyReviewed => ({
  status: 200,
  body: encodePassed(request.uid),
  outcome: 'passed',
  tenant,
  refusal: undefined,
});

const refused = ({ request, tenant }: Asked, problems: readonly [Problem, ...Problem[]]): TenancyReviewed => {
  const { uid, userInfo, operation, resource, namespace, name, dryRun } = request;
  const object = `${resource.resource}/${namespace === '' ? '' : `${namespace}/`}${name}`;
  const refusal = { problems, user: userInfo.username, operation, object, dryRun };
  return { status: 200, body: encodeRefused(uid, problems), outcome: 'refused', tenant, refusal };
};

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

const judge = async (asked: Asked, bound: Bound, deps: TenancyDeps): Promise<TenancyReviewed> => {
  const { request, tenant } = asked;
  const operator = `system:serviceaccount:${deps.systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}`;
  const { isTenantNamespace } = deps;
  const facts = { request, bounds: bound.bounds, isTenantNamespace, isOperator: request.userInfo.username === operator };
  const [first, ...more] = tenancyProblems(facts);
  if (first !== undefined) return refused(asked, [first, ...more]);
  const reservation = reservationOf(request, bound, deps.clock.now());
  if (reservation === undefined) return passed(asked);
  const granted = await deps.reservations.ask(tenant, { reservation, hard: bound.hard, dryRun: request.dryRun });
  return granted.ok ? passed(asked) : refused(asked, [granted.problem]);
};

const lookUp = async (tenant: string, { tenantOf, onError }: TenancyDeps): Promise<Bound | Problem | undefined> => {
  try {
    return await tenantOf(tenant);
  } catch (error) {
    onError(error);
    return { code: 'TENANT_UNKNOWN', message: `Tenant ${tenant} could not be read` };
  }
};

export const handleTenancy = async (text: string, deps: TenancyDeps): Promise<TenancyReviewed> => {
  const parsed = parseReview(text);
  if (!parsed.ok) {
    return { status: 400, body: encodeProblem(parsed.problem), outcome: 'malformed', tenant: '', refusal: undefined };
  }
  const { request } = parsed;
  const found = await deps.namespaceTenant(request);
  if (found.kind === 'nobody') return passed({ request, tenant: '' });
  if (found.kind === 'unknown') return refused({ request, tenant: '' }, [found.problem]);
  const asked: Asked = { request, tenant: found.tenant };
  const bound = await lookUp(found.tenant, deps);
  if (bound === undefined) return passed(asked);
  return 'code' in bound ? refused(asked, [bound]) : judge(asked, bound, deps);
};
