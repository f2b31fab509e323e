// SPDX-License-Identifier: Apache-2.0
// A ConfigMap that somebody made immutable while nobody was asked can be written no more, and that cannot be taken back. It is
// deleted, whatever finalizers hold it, and made anew by who writes it, with all that is known.
import { configMaps } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';

export const deleteUnwritable = async (client: KubeClient, { metadata }: KubeObject, signal: AbortSignal): Promise<void> => {
  const { name, namespace, uid = '', finalizers = [], deletionTimestamp } = metadata;
  const ref = { namespace, name };
  if (deletionTimestamp === undefined) await client.delete(configMaps, ref, { preconditions: { uid }, signal });
  if (finalizers.length === 0) return;
  // Gone already where it was let go in between.
  const body = { metadata: { uid, finalizers: null } };
  await client.patch(configMaps, ref, { type: 'merge', body, signal });
};
