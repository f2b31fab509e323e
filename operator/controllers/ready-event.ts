// SPDX-License-Identifier: Apache-2.0
// The event at a change of Ready of an object that counts by its seals.
import type { Resource } from '../../crds/kinds.ts';
import { regardingOf } from '../../kube/events.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Verdict } from './sealed-status.ts';

type Told = { readonly resource: Resource; readonly object: KubeObject; readonly verdict: Verdict };

/** To be asked after the status was written anew. On its way is no transition that anybody has to be told. */
export const tellReady = async (recorder: EventRecorder, { resource, object, verdict: { ready, others } }: Told): Promise<void> => {
  if (others.some(({ type }) => type === 'Reconciling')) return;
  await recorder.record({
    regarding: regardingOf(resource, object),
    type: ready.status === 'True' ? 'Normal' : 'Warning',
    reason: ready.reason,
    note: ready.message,
    action: 'Enforce',
  });
};
