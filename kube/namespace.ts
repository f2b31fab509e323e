// SPDX-License-Identifier: Apache-2.0
// How a namespace goes: deleted first, then emptied, for which the finalizer in its spec stands. Who takes that away and puts
// another into its metadata has a namespace that is deleted for good, with all that is in it.
import type { KubeObject } from './objects.ts';

export type Going = 'no' | 'whole' | 'stuck';

export const goingOf = (namespace: KubeObject | undefined): Going => {
  if (namespace?.metadata.deletionTimestamp === undefined) return 'no';
  const { spec } = namespace as { readonly spec?: { readonly finalizers?: unknown } };
  return Array.isArray(spec?.finalizers) && spec.finalizers.includes('kubernetes') ? 'whole' : 'stuck';
};
