// SPDX-License-Identifier: Apache-2.0
// Attacks on Tenants where a rule of the trust policy names the kind: the bounds of a tenant are an order too.
import { seal } from '../../../policies/trust/seal.ts';
import { withTenantDefaults } from '../../../webhook/guard/spec.ts';
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
];

export const tenantControls: readonly Control[] = [
  { name: 'a tenant under a higher version', attempt: () => write(tenant({ version: 4, ...wide })) },
  { name: 'a tenant that gets its first version', attempt: () => write(tenant({ version: 1, ...narrow }), tenant(wide)) },
  { name: 'a tenant that goes as its seal says', attempt: () => write(undefined, tenant({ version: 4, deletionPolicy: 'Orphan' })) },
];
