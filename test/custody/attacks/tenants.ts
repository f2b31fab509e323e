// SPDX-License-Identifier: Apache-2.0
// Attacks on Tenants where a rule of the trust policy names the kind: the bounds of a tenant are an order too.
import type { Mark } from '../../../crds/marks.ts';
import { digestOf } from '../../../policies/document/digest.ts';
import { seal } from '../../../policies/trust/seal.ts';
import { withTenantDefaults } from '../../../policies/tenant-object.ts';
import { pairs, trustOf } from './gate.ts';
import type { Attack, Control, Pair, TenantWrite } from './gate.ts';

const by = trustOf({
  rules: [
    { kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['alice'] }] },
    { kinds: ['Tenant'], allOf: [{ threshold: 1, principals: ['bob'] }] },
  ],
});

type Spec = Readonly<Record<string, unknown>>;
type Sealed = { readonly name?: string; readonly as?: string; readonly signer?: Pair };

/** As the API server holds it; `as`: the name of the object, where that is not the document's. */
const tenant = (spec: Spec, { name = 'acme', as = name, signer = pairs.bob }: Sealed = {}) => {
  const document = `${JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name }, spec })}\n`;
  const bundles = [seal(Buffer.from(document), signer.privateKey)];
  return { metadata: { name: as }, spec: withTenantDefaults(spec), signature: { document, bundles } };
};

const wide = { namespaces: { quota: 100 } };
const narrow = { namespaces: { quota: 1 } };
const standing = tenant({ version: 3, ...narrow });

/** What the marks say once version `version` of it was in force. */
const markAt = (version: number, spec: Spec, more: Partial<Mark> = {}): Mark => {
  const { document } = tenant({ version, ...spec }).signature;
  return { kind: 'Tenant', name: 'acme', version, digest: digestOf(Buffer.from(document)), ...more };
};
const leaving = { ...narrow, deletionPolicy: 'Orphan' };
const ended = markAt(3, leaving, { mayEnd: true, gone: true });

const write = (after: TenantWrite['after'], before: TenantWrite['before'] = standing): TenantWrite => ({ before, after, by });

export const tenantAttacks: readonly Attack[] = [
  {
    name: 'tenant: edited under its seal',
    code: 'SPEC_DIFFERS',
    attempt: () => write({ ...standing, spec: { ...standing.spec, ...wide } }),
  },
  {
    name: 'tenant: without its seal',
    code: 'POLICY_UNSIGNED',
    attempt: () => write({ metadata: standing.metadata, spec: withTenantDefaults({ version: 4, ...wide }) }),
  },
  { name: 'tenant: an older sealed version', code: 'POLICY_ROLLBACK', attempt: () => write(tenant({ version: 2, ...wide })) },
  { name: 'tenant: another of the same version', code: 'POLICY_EQUIVOCATION', attempt: () => write(tenant({ version: 3, ...wide })) },
  { name: 'tenant: one from before it had a version', code: 'SEAL_VERSION', attempt: () => write(tenant(wide)) },
  {
    name: 'tenant: a first one without a version, which any other could take the place of',
    code: 'SEAL_VERSION',
    attempt: () => ({ before: undefined, after: tenant(narrow), by }),
  },
  {
    name: "tenant: another's sealed bounds",
    code: 'POLICY_NAME_MISMATCH',
    attempt: () => write(tenant({ version: 9, ...wide }, { name: 'umbrella', as: 'acme' })),
  },
  {
    name: 'tenant: sealed by whom the rules know for policies only',
    code: 'SEAL_THRESHOLD',
    attempt: () => write(tenant({ version: 4, ...wide }, { signer: pairs.alice })),
  },
  { name: 'tenant: deleted where no seal says that it may go', code: 'REMOVAL_UNSEALED', attempt: () => write(undefined) },
  {
    name: 'tenant: deleted after its spec alone was made to say that it may',
    code: 'REMOVAL_UNSEALED',
    attempt: () => write(undefined, { ...standing, spec: { ...standing.spec, deletionPolicy: 'Delete' } }),
  },
  {
    name: 'tenant: an older one after it was deleted',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({ before: undefined, after: tenant({ version: 2, ...wide }), by, mark: markAt(3, leaving, { mayEnd: true }) }),
  },
  {
    name: 'tenant: the very one that has ended',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({ before: undefined, after: tenant({ version: 3, ...leaving }), by, mark: ended }),
  },
  {
    name: 'tenant: another of the version that has ended',
    code: 'POLICY_EQUIVOCATION',
    attempt: () => ({ before: undefined, after: tenant({ version: 3, ...wide }), by, mark: ended }),
  },
  {
    name: 'tenant: an older one in the place of one that somebody spoilt while nobody was asked',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({ ...write(tenant({ version: 2, ...wide }), { ...standing, signature: undefined }), mark: markAt(3, narrow) }),
  },
  {
    name: 'tenant: deleted by the leave of an older one that was put in its place',
    code: 'REMOVAL_UNSEALED',
    attempt: () => ({ ...write(undefined, tenant({ version: 2, ...leaving })), mark: markAt(3, narrow) }),
  },
];

export const tenantControls: readonly Control[] = [
  { name: 'a tenant under a higher version', attempt: () => write(tenant({ version: 4, ...wide })) },
  { name: 'a tenant that gets its first version', attempt: () => write(tenant({ version: 1, ...narrow }), tenant(wide)) },
  {
    name: 'a tenant that ended and comes again under a higher version',
    attempt: () => ({ before: undefined, after: tenant({ version: 4, ...narrow }), by, mark: ended }),
  },
  {
    name: 'a tenant that is put back as its mark has it',
    attempt: () => ({ before: undefined, after: standing, by, mark: markAt(3, narrow) }),
  },
  { name: 'a tenant that goes as its seal says', attempt: () => write(undefined, tenant({ version: 4, deletionPolicy: 'Orphan' })) },
];
