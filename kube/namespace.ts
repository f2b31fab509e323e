// SPDX-License-Identifier: Apache-2.0
// How a namespace goes: deleted first, then emptied, for which the finalizer in its spec stands. Who takes that away and puts
// another into its metadata has a namespace that is deleted for good, with all that is in it.
import { isRecord } from '../crds/wire.ts';

export type Going = 'no' | 'whole' | 'stuck';

export const goingOf = (namespace: unknown): Going => {
  const [metadata, spec] = isRecord(namespace) ? [namespace['metadata'], namespace['spec']] : [];
  if (!isRecord(metadata) || typeof metadata['deletionTimestamp'] !== 'string') return 'no';
  const finalizers: unknown = isRecord(spec) ? spec['finalizers'] : undefined;
  return Array.isArray(finalizers) && finalizers.includes('kubernetes') ? 'whole' : 'stuck';
};
