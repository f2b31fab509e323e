// SPDX-License-Identifier: Apache-2.0
/**
 * Whose seal counts, as far as the operator knows: the TrustPolicy `cluster`, believed only at the digest that a flag pins.
 *
 * In: the live object. Out: the trust by which everything else is judged, and the object's status.
 */
import { TRUST_POLICY_NAME, trustPolicies } from '../../crds/kinds.ts';
import { conditionReason } from '../../crds/conditions.ts';
import type { KubeClient } from '../../kube/client.ts';
import { regardingOf } from '../../kube/events.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Informer } from '../../kube/informer.ts';
import { done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { applyStatus } from '../../kube/status.ts';
import type { Problem } from '../../policies/problem.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveTrustPolicy } from './live.ts';

export type TrustState = { readonly ok: true; readonly trust: Trust } | { readonly ok: false; readonly problem: Problem };

export type TrustHolder = { current(): TrustState };

/** Reads the trust of the moment; parsed once for each version of the object. */
export const createTrustHolder = (informer: Informer<LiveTrustPolicy>, pinnedDigest: string): TrustHolder => {
  let seen: { readonly document: string; readonly root: string | undefined; readonly state: TrustState } | undefined;
  return {
    current: () => {
      const { document, trustedRoot: root } = informer.get(TRUST_POLICY_NAME)?.signature ?? {};
      if (document === undefined) {
        return {
          ok: false,
          problem: { code: 'TRUST_MISSING', message: `there is no TrustPolicy ${TRUST_POLICY_NAME} with a signed document` },
        };
      }
      if (seen?.document !== document || seen.root !== root) {
        const trustedRoot = root === undefined ? undefined : Buffer.from(root);
        seen = { document, root, state: loadTrust(Buffer.from(document), { pinnedDigest, trustedRoot }) };
      }
      return seen.state;
    },
  };
};

export type TrustPolicyDeps = {
  readonly client: KubeClient;
  readonly informer: Informer<LiveTrustPolicy>;
  readonly trust: TrustHolder;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
};

export const reconcileTrustPolicy = async ({ client, informer, trust, recorder, clock }: TrustPolicyDeps): Promise<Outcome> => {
  const object = informer.get(TRUST_POLICY_NAME);
  if (object === undefined) return done;
  const state = trust.current();
  const good = state.ok;
  const reason = good ? 'Pinned' : conditionReason(state.problem.code);
  const message = good ? `version ${state.trust.version} is the document that --trust-digest names` : state.problem.message;
  const status = good ? ('True' as const) : ('False' as const);
  const { written } = await applyStatus(client, {
    resource: trustPolicies,
    object,
    clock,
    status: {
      observedGeneration: object.metadata.generation,
      ...(good ? { digest: state.trust.digest, version: state.trust.version } : {}),
      conditions: [
        { type: 'Ready', status, reason, message },
        { type: 'Verified', status, reason, message },
        ...(good ? [] : [{ type: 'Stalled', status: 'True' as const, reason, message }]),
      ],
    },
  });
  if (written) {
    const type = good ? 'Normal' : 'Warning';
    await recorder.record({ regarding: regardingOf(trustPolicies, object), type, reason, note: message, action: 'Trust' });
  }
  return done;
};
