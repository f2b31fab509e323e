// SPDX-License-Identifier: Apache-2.0
// The trust policy that was in force, put back from the audit log where an older one stands in its place, or none: whoever may write
// the cluster while nobody is asked can take the object and its mark away together, and then nothing else tells of it.
import { TRUST_POLICY_NAME, trustPolicies } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { regardingOf } from '../../kube/events.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { formatProblem, startOf } from '../../policies/problem.ts';
import type { TrustSignature } from '../../policies/trust/load.ts';
import { bringTrust } from '../apply/trust-ahead.ts';
import type { DesiredObject } from '../apply/plan.ts';
import type { LiveTrustPolicy } from './live.ts';

export type RestoreDeps = {
  readonly client: KubeClient;
  readonly informer: { get(name: string): LiveTrustPolicy | undefined };
  /** `problem`: why the object that stands there is not followed. */
  readonly trust: { recalled(): TrustSignature | undefined; problem(): unknown };
  readonly recorder: EventRecorder;
};

const PLACE = 'the audit log';

const desiredOf = (signature: TrustSignature): DesiredObject | undefined => {
  const bytes = Buffer.from(signature.document);
  const parsed = parseDocument(bytes, PLACE);
  if (!parsed.ok) return undefined;
  const { group, version, kind } = trustPolicies;
  const metadata = { name: TRUST_POLICY_NAME };
  return {
    group,
    kind,
    name: TRUST_POLICY_NAME,
    resource: trustPolicies,
    object: { apiVersion: `${group}/${version}`, kind, metadata, spec: parsed.document.value['spec'], signature },
    digest: digestOf(bytes),
    path: PLACE,
    positionOf: () => startOf(PLACE),
  };
};

export const restoreTrust = async ({ client, informer, trust, recorder }: RestoreDeps, signal: AbortSignal): Promise<void> => {
  const signature = trust.recalled();
  const live = informer.get(TRUST_POLICY_NAME);
  const stands = live?.signature?.document === signature?.document;
  // Its bytes alone prove nothing, where their seals or their chain were taken off.
  if (signature === undefined || (stands && trust.problem() === undefined)) return;
  const desired = desiredOf(signature);
  if (desired === undefined) return;
  const [problem] = await bringTrust([desired], { client, signal });
  const found = live === undefined ? 'it was gone' : stands ? 'what proves it was gone' : 'an older one stood there';
  const what = `${found}; that which the audit log has (${desired.digest}) stays in force, and`;
  const note = problem === undefined ? `${what} was put back` : `${what} cannot be put back: ${formatProblem(problem)}`;
  const regarding = regardingOf(trustPolicies, live ?? desired.object);
  await recorder.record({ regarding, type: 'Warning', reason: 'TrustRestored', note, action: 'Trust' });
};
