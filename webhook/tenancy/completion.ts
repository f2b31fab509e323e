// SPDX-License-Identifier: Apache-2.0
/**
 * POST /complete: a pod of a tenant in, the same with what its tenant's bounds ask for and it leaves open.
 *
 * It fails open: whatever is not known here leaves the pod as it is, and POST /tenancy, which fails closed, judges what the pod
 * is in the end. In: the review's text. Out: a JSON patch, or a plain pass; nothing is refused, and nothing is stored.
 */
import { parseReview } from '../../policies/decide/request.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import { completeEphemeral, completePod } from '../../policies/tenancy/completion.ts';
import type { PatchOperation } from '../../policies/tenancy/completion.ts';
import type { TenantBounds } from '../../policies/tenancy/bounds.ts';
import { encodeProblem } from '../admission/answer.ts';
import { guardedElsewhere } from '../guard/change.ts';
import { encodePassed, encodePatched } from './answer.ts';
import type { TenancyDeps } from './index.ts';

export type Completed = {
  readonly status: number;
  readonly body: string;
  readonly outcome: 'completed' | 'unchanged' | 'malformed';
  /** Empty where nobody's namespace was asked about. */
  readonly tenant: string;
};

const operationsFor = (request: AdmissionRequest, bounds: TenantBounds): readonly PatchOperation[] => {
  const { operation, resource, subResource, object, oldObject } = request;
  if (resource.group !== '' || resource.resource !== 'pods') return [];
  if (operation === 'CREATE' && subResource === '') return completePod(object, bounds);
  return operation === 'UPDATE' && subResource === 'ephemeralcontainers'
    ? completeEphemeral({ pod: object, before: oldObject }, bounds)
    : [];
};

const boundsOf = async (tenant: string, deps: CompletionDeps): Promise<TenantBounds | undefined> => {
  try {
    return (await deps.tenantOf(tenant))?.bounds;
  } catch (error) {
    deps.onError(error);
    return undefined;
  }
};

export type CompletionDeps = Pick<TenancyDeps, 'namespaceTenant' | 'tenantOf' | 'onError'>;

export const handleCompletion = async (text: string, deps: CompletionDeps): Promise<Completed> => {
  const parsed = parseReview(text);
  if (!parsed.ok) return { status: 400, body: encodeProblem(parsed.problem), outcome: 'malformed', tenant: '' };
  const { request } = parsed;
  const strange = guardedElsewhere(request, request.namespace);
  if (strange !== undefined) return { status: 400, body: encodeProblem(strange), outcome: 'malformed', tenant: '' };
  const found = await deps.namespaceTenant(request);
  const tenant = found.kind === 'tenant' ? found.tenant : '';
  const bounds = tenant === '' ? undefined : await boundsOf(tenant, deps);
  const operations = bounds === undefined ? [] : operationsFor(request, bounds);
  return operations.length === 0
    ? { status: 200, body: encodePassed(request.uid), outcome: 'unchanged', tenant }
    : { status: 200, body: encodePatched(request.uid, operations), outcome: 'completed', tenant };
};
