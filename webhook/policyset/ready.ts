// SPDX-License-Identifier: Apache-2.0
// Whether this replica may be asked: a fresh one must not decide by less than the others do. Each check is true, or says
// what is missing; once the set that was current at the start was enforced, later trouble does not take a replica away
// that holds the last good set.
import type { Checks } from '../../process/endpoint.ts';
import type { LoaderState } from './loader.ts';

export type ReadyInput = {
  /** Cache → whether its first list is in. */
  readonly caches: Readonly<Record<string, () => boolean>>;
  readonly state: () => LoaderState | undefined;
  readonly certificateExpiresMs: () => number | undefined;
  readonly certificateProblem: () => string | undefined;
  readonly leaving: () => boolean;
};

const missingOf = (state: LoaderState | undefined): true | string => {
  if (state === undefined) return 'no set was made yet';
  const { closed } = state.enforced;
  if (closed === undefined) return true;
  return `${closed.code}: ${closed.message}`;
};

export const readyChecks = (input: ReadyInput): Checks => ({
  caches: () => {
    const missing = Object.keys(input.caches).filter((name) => input.caches[name]?.() !== true);
    return missing.length === 0 ? true : `waiting for the first list of ${missing.join(', ')}`;
  },
  policies: () => missingOf(input.state()),
  tls: () => {
    if (input.certificateExpiresMs() !== undefined) return true;
    return `TLS_MISSING: ${input.certificateProblem() ?? 'no certificate was found yet'}`;
  },
  serving: () => (input.leaving() ? 'shutting down' : true),
});
