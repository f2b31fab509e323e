// SPDX-License-Identifier: Apache-2.0
// A Tenant as its sealed bytes have it, where a rule of the trust policy names the kind: guard and operator judge it alike. No
// version of a Tenant retires it, and no set seal ends it: its own document says whether it may be deleted. What was deleted so
// has ended, and comes again under a higher version only.
import type { Tenant } from '../crds/generated/objects.ts';
import { isRecord } from '../crds/wire.ts';
import type { Marked } from './currency/index.ts';
import { fileOf } from './currency/removal.ts';
import type { Problem } from './problem.ts';
import { signatureOf } from './sealed-shape.ts';
import type { Artifact } from './trust/check-bundles.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';
import { atOnce } from './steps.ts';
import type { Steps } from './steps.ts';
import { verifyInSteps } from './trust/index.ts';
import type { Trust } from './trust/index.ts';

export const TENANT_KIND = 'Tenant';

export type TenantObject = { readonly metadata: { readonly name: string }; readonly signature?: unknown };

export type TenantDocument = Marked & { readonly kind: typeof TENANT_KIND; readonly retired: false; readonly spec: Tenant['spec'] };

export type JudgedTenant = { readonly ok: true; readonly document: TenantDocument } | { readonly ok: false; readonly problem: Problem };

export type TenantJudging = { readonly trust: Trust; readonly atMs: number; readonly evidence?: EvidenceMemory | undefined };

/** Whether the trust policy asks for the seal of Tenants; else RBAC decides who writes them. */
export const sealsTenants = ({ rules }: Trust): boolean => rules.some(({ kinds }) => kinds.has(TENANT_KIND));

/** What the API server fills in by the schema of Tenants, the only one of our schemas that has defaults below spec. */
export const withTenantDefaults = <S extends object>(spec: S): S => {
  const namespaces = isRecord(spec) ? spec['namespaces'] : undefined;
  return {
    suspend: false,
    admission: 'Open',
    deletionPolicy: 'Protect',
    ...spec,
    ...(isRecord(namespaces) ? { namespaces: { prefixPolicy: 'None', adoptionPolicy: 'Never', ...namespaces } } : {}),
  };
};

/** What is to be verified of it; undefined where there is nothing. */
export const tenantArtifact = ({ metadata: { name }, signature: given }: TenantObject): Artifact | undefined => {
  const signature = signatureOf(given);
  if (signature === undefined) return undefined;
  return { bytes: Buffer.from(signature.document), bundles: signature.bundles ?? [], file: fileOf({ kind: TENANT_KIND, name }) };
};

/** `untilMs`: from when on time alone may change it. */
export type LookedTenant = { readonly judged: JudgedTenant; readonly untilMs: number | undefined };

/** In steps of some milliseconds each. Total: whatever the object holds. */
export const judgeTenantInSteps = function* (object: TenantObject, { trust, atMs, evidence }: TenantJudging): Steps<LookedTenant> {
  const { name } = object.metadata;
  const no = (problem: Problem, untilMs?: number): LookedTenant => ({ judged: { ok: false, problem }, untilMs });
  const artifact = tenantArtifact(object);
  if (artifact === undefined)
    return no({ code: 'POLICY_UNSIGNED', message: `tenant ${name} carries no signed document`, path: 'signature' });
  const outcome = yield* verifyInSteps({ ...artifact, evidence }, trust, atMs);
  const { untilMs } = outcome.turn;
  if (!outcome.ok) return no(outcome.problem, untilMs);
  const { document } = outcome;
  if (document.kind !== TENANT_KIND || document.name !== name) {
    const message = `the object is Tenant ${name}, its document is ${document.kind} ${document.name}`;
    return no({ code: 'POLICY_NAME_MISMATCH', message }, untilMs);
  }
  const { version, digest } = document;
  const { spec } = document.object;
  const { deletionPolicy } = spec;
  const mayEnd = deletionPolicy === 'Orphan' || deletionPolicy === 'Delete' ? { mayEnd: true as const } : {};
  return {
    judged: { ok: true, document: { kind: TENANT_KIND, name, version, digest, retired: false, ...mayEnd, spec } },
    untilMs,
  };
};

const look = atOnce(judgeTenantInSteps);

export const judgeTenant = (object: TenantObject, judging: TenantJudging): JudgedTenant => look(object, judging).judged;
