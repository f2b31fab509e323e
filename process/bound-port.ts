// SPDX-License-Identifier: Apache-2.0
// The port that a listening server was given, where 0 was asked for.
import type { AddressInfo } from 'node:net';

/** 0 while it does not listen on TCP. */
export const boundPort = (server: { address(): AddressInfo | string | null }): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};
