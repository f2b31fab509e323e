// SPDX-License-Identifier: Apache-2.0
// What is told of each GitSource whether or not anybody looks at its remote: one that is suspended has no syncs to be counted.
import { keyOf } from '../kube/objects.ts';
import type { LiveGitSource } from './controllers/live.ts';
import type { OperatorMetrics } from './metrics.ts';

export const showSuspended = (
  { suspended }: Pick<OperatorMetrics, 'suspended'>,
  gitSources: { list(): readonly Pick<LiveGitSource, 'metadata' | 'spec'>[] },
): void =>
  suspended.onCollect(() => {
    // What is deleted has no series any more.
    suspended.clear();
    for (const object of gitSources.list()) suspended.set({ source: keyOf(object) }, object.spec.suspend === true ? 1 : 0);
  });
