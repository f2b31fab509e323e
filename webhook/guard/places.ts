// SPDX-License-Identifier: Apache-2.0
// Who asks, and how much of what is scarce he may hold: a place to wait in, a place before a verification that takes long. Only
// what lingers needs one. Whoever asks a lot fills the places of one user, all users together those of the others; the operator's
// account and the TrustPolicy have places of their own, so that whatever others write, a repair and a revocation get through.
import { TRUST_POLICY_NAME } from '../../crds/kinds.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import { isOperator } from '../admission/governed.ts';
import type { GuardedChange } from './change.ts';

export type Asker = {
  readonly user: string;
  readonly lane: Lane;
  /** Whether anybody waits for the answer still. */
  readonly isThere: () => boolean;
};

type Lane = keyof typeof MOST;

// The operator's client makes 16 calls at once (kube/call.ts), and all of them may be one commit.
const MOST = { operator: 16, trust: 4, others: 12 } as const;
const MOST_OF_ONE_USER = { operator: MOST.operator, trust: 2, others: 4 } as const satisfies Record<Lane, number>;

/** All lanes together. */
export const MOST_PLACES = MOST.operator + MOST.trust + MOST.others;

const laneOf = (request: AdmissionRequest, { kind, name }: GuardedChange, systemNamespace: string): Lane => {
  if (isOperator(request, systemNamespace)) return 'operator';
  return kind === 'TrustPolicy' && name === TRUST_POLICY_NAME ? 'trust' : 'others';
};

export type Asking = { readonly request: AdmissionRequest; readonly change: GuardedChange; readonly systemNamespace: string };

export const askerOf = ({ request, change, systemNamespace }: Asking, isThere: Asker['isThere']): Asker => ({
  user: request.userInfo.username,
  lane: laneOf(request, change, systemNamespace),
  isThere,
});

/** Undefined: there is none left for him. Else what gives it back. */
export type Places = { enter(asker: Asker): (() => void) | undefined };

export const createPlaces = (): Places => {
  const taken = new Set<Pick<Asker, 'user' | 'lane'>>();
  return {
    enter: ({ user, lane }) => {
      const inLane = [...taken].filter((place) => place.lane === lane);
      const ofUser = inLane.filter((place) => place.user === user);
      if (inLane.length >= MOST[lane] || ofUser.length >= MOST_OF_ONE_USER[lane]) return undefined;
      const place = { user, lane };
      taken.add(place);
      return () => void taken.delete(place);
    },
  };
};
