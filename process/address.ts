// SPDX-License-Identifier: Apache-2.0
// Where a server listens, as flags spell it: `:8443` for every address, `127.0.0.1:0` for any free port of one.
import { isIPv6 } from 'node:net';

export type Address = { readonly host: string; readonly port: number };

/** `undefined` for anything else than HOST:PORT, :PORT or [IPv6]:PORT. */
export const parseAddress = (text: string): Address | undefined => {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined;
  const host = bracketed ?? plain ?? '';
  return { host: host === '' ? '0.0.0.0' : host, port: Number(port) };
};
