// SPDX-License-Identifier: Apache-2.0
// Rights in a tenant's namespace are not lent to accounts of a namespace that the giver does not rule, in whatever way those are named.
import { SYSTEM_NAMESPACE } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { assertAllowed, assertRefused } from './attempt.ts';
import type { Manifest } from './isolated-tenant.ts';
import { roleBindings } from './resources.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const REFUSED = /ValidatingAdmissionPolicy 'writ-tenant-bindings'.*subjects must not be accounts of a namespace in which you may not/s;

const binding = (subjects: readonly unknown[]): Manifest => ({
  metadata: { name: 'lent', namespace: 'red-one' },
  roleRef: { apiGroup, kind: 'ClusterRole', name: 'view' },
  subjects,
});

const account = (namespace: string): unknown => ({ kind: 'ServiceAccount', name: 'default', namespace });

/** Every way to name an account of the namespace. */
const namings = (namespace: string): readonly (readonly [what: string, subject: unknown])[] => [
  ['an account', account(namespace)],
  ['the group of its accounts', { apiGroup, kind: 'Group', name: `system:serviceaccounts:${namespace}` }],
  ['an account by its user name', { apiGroup, kind: 'User', name: `system:serviceaccount:${namespace}:default` }],
];

/** `owner`: of the tenant red alone; `ruler`: may write bindings everywhere. All are dry runs. */
export const assertNothingLent = async ({ owner, ruler }: Readonly<Record<'owner' | 'ruler', KubeClient>>): Promise<void> => {
  const lent = (...subjects: readonly unknown[]): Promise<unknown> => owner.create(roleBindings, binding(subjects), { dryRun: true });
  const own = ['red-one', 'red-two'].flatMap((namespace) => namings(namespace).map(([, subject]) => subject));
  await assertAllowed(() => lent(...own), 'accounts of the tenant itself');
  for (const foreign of ['blue-one', 'of-nobody', SYSTEM_NAMESPACE])
    for (const [what, subject] of namings(foreign)) {
      await assertRefused(() => lent(subject), REFUSED, `${what} of ${foreign}`);
      await assertRefused(() => lent(...own, subject), REFUSED, `${what} of ${foreign} among one's own`);
    }
  const three = ['red-two', 'blue-one', 'blue-two'].map(account);
  await assertRefused(() => lent(...three), /accounts of two other namespaces at the most/, 'three other namespaces');
  // Who rules both namespaces lends between them.
  const byRuler = (): Promise<unknown> => ruler.create(roleBindings, binding([account('blue-one')]), { dryRun: true });
  await assertAllowed(byRuler, 'an account of blue, by who may write bindings there');
};
