// SPDX-License-Identifier: Apache-2.0
// For tests: what bringing a commit to the cluster needs, where the cluster knows nothing before.
import type { KubeClient } from '../../kube/client.ts';
import { noMarks } from '../../policies/currency/index.ts';
import type { ApplyDeps } from './git-source-apply.ts';

export const applyDepsWith = (client: KubeClient): ApplyDeps => ({
  client,
  liveObject: () => undefined,
  liveOwned: () => [],
  tierOf: () => undefined,
  inventories: () => [],
  clear: async () => undefined,
  gitSources: { get: () => undefined },
  systemNamespace: 'writ-system',
  claims: new Map(),
  marks: {
    own: () => noMarks,
    known: () => noMarks,
    record: () => undefined,
    setIn: () => undefined,
    provable: () => noMarks,
    verified: () => noMarks,
    recall: () => [],
    missingTenants: () => [],
    isBehind: () => false,
    hear: () => undefined,
  },
  widen: async () => undefined,
  settle: () => undefined,
});
