// SPDX-License-Identifier: Apache-2.0
// The trust policy of a commit goes ahead of all else that the commit asks for: it is believed for its own bytes, whoever brings
// it, and whoever could hold up any document of a commit could hold up a revocation otherwise.
import { trustPolicies } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Problem } from '../../policies/problem.ts';
import { firstDifference } from '../../policies/document/difference.ts';
import { attempt, perform } from './call.ts';
import { replacing } from './plan.ts';
import type { AppliedObject, DesiredObject } from './plan.ts';

/** Writes it where other bytes stand, or others that prove them; its labels, and what is around its bytes, are put right with the rest of the commit. */
export const bringTrust = async (
  desired: readonly DesiredObject[],
  { client, signal }: { readonly client: KubeClient; readonly signal: AbortSignal },
): Promise<readonly Problem[]> => {
  const target = desired.find(({ kind }) => kind === trustPolicies.kind);
  if (target === undefined) return [];
  const live = await client.get<AppliedObject>(target.resource, { name: target.name }, { signal });
  if (live !== undefined && firstDifference(target.object.signature, live.signature) === undefined) return [];
  const reason = live === undefined ? 'new' : 'changed';
  return attempt(target, () => perform({ kind: 'apply', target, reason, ...replacing(target, live) }, { client, signal, dryRun: false }));
};
