// SPDX-License-Identifier: Apache-2.0
// What a request would change, as far as the guard is concerned: one of our kinds, or a ConfigMap that Writ goes by. The
// webhook configuration says the same to the API server; this holds also where somebody widened that.
import { INVENTORY_LABEL, GROUP, MARKS_LABEL, MARKS_NAME, configMaps, sealedKinds, tenants, trustPolicies } from '../../crds/kinds.ts';
import type { SealedKind } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import { toJson } from '../../policies/cel/index.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import type { Problem } from '../../policies/problem.ts';

export type GuardedKind = SealedKind | 'Tenant' | 'TrustPolicy' | 'Inventory' | 'Marks';

type Json = Readonly<Record<string, unknown>>;

/** Before and after, one of them at least; a change of neither bytes nor meaning is none. */
export type GuardedChange = {
  readonly kind: GuardedKind;
  readonly name: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
};

const OWN_KINDS = new Map<string, GuardedKind>([...sealedKinds, tenants, trustPolicies].map(({ plural, kind }) => [plural, kind]));

const recordAt = (value: unknown, key: string): Json | undefined => {
  const found: unknown = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isRecord(found) ? found : undefined;
};

const jsonOf = (value: AdmissionRequest['object']): Json | undefined => {
  const json = toJson(value);
  return isRecord(json) ? json : undefined;
};

export const carries = (object: Json | undefined, label: string): boolean => {
  const labels = recordAt(recordAt(object, 'metadata'), 'labels');
  return labels !== undefined && Object.hasOwn(labels, label) && labels[label] === 'true';
};

const nameOf = (object: Json | undefined): string | undefined => {
  const name = recordAt(object, 'metadata')?.['name'];
  return typeof name === 'string' ? name : undefined;
};

/** A label that comes or goes makes or ends an inventory, or the marks, as surely as the object itself. */
const configMapChange = (label: string, kind: GuardedKind, request: AdmissionRequest): GuardedChange | undefined => {
  const [before, after] = [jsonOf(request.oldObject), jsonOf(request.object)];
  const [held, wanted] = [carries(before, label), carries(after, label)];
  if (!held && !wanted) return undefined;
  const name = nameOf(wanted ? after : before) ?? request.name;
  return { kind, name, before: held ? before : undefined, after: wanted ? after : undefined };
};

/** `undefined`: none of the guard's business. */
export const changeOf = (request: AdmissionRequest, systemNamespace: string): GuardedChange | undefined => {
  const { resource, subResource, namespace } = request;
  if (subResource !== '' || request.operation === 'CONNECT') return undefined;
  if (resource.group === '' && resource.resource === configMaps.plural) {
    if (namespace !== systemNamespace) return undefined;
    // The name says which it is: each may carry the label of the other, written while nobody was asked.
    const isMarks = (nameOf(jsonOf(request.object) ?? jsonOf(request.oldObject)) ?? request.name) === MARKS_NAME;
    return isMarks ? configMapChange(MARKS_LABEL, 'Marks', request) : configMapChange(INVENTORY_LABEL, 'Inventory', request);
  }
  const kind = resource.group === GROUP ? OWN_KINDS.get(resource.resource) : undefined;
  if (kind === undefined) return undefined;
  const [before, after] = [jsonOf(request.oldObject), jsonOf(request.object)];
  return { kind, name: nameOf(after ?? before) ?? request.name, before, after };
};

const refuseAt = (where: string, { resource }: AdmissionRequest): Problem => {
  const name = resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
  return { code: 'REQUEST_NOT_FOUND', message: `${name} are not judged ${where}: the API server was told to ask elsewhere than it has to` };
};

/** For every other endpoint: what the guard judges is not let in because somebody had the API server ask there. */
export const guardedElsewhere = (request: AdmissionRequest, systemNamespace: string): Problem | undefined =>
  changeOf(request, systemNamespace) === undefined ? undefined : refuseAt('here, but by the guard', request);

/** For the guard: a workload is not let in because somebody had the API server ask here about it. */
export const strangeToGuard = (request: AdmissionRequest): Problem | undefined => {
  const { group, resource } = request.resource;
  return group === GROUP || (group === '' && resource === configMaps.plural) ? undefined : refuseAt('by the guard', request);
};
