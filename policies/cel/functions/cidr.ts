// SPDX-License-Identifier: Apache-2.0
import * as types from '../types/type.ts';
import { CIDR, containsAddress, containsPrefix, formatCidr, masked } from '../values/ip.ts';
import type { CidrPrefix } from '../values/ip.ts';
import { AddressFault, parseCidr, parseIp } from '../values/ip-text.ts';
import { CALL_EFFORT, isAddress, READ_EFFORT, readAddress, WRITE_EFFORT } from './ip.ts';
import { cidr, ip } from './opaque.ts';
import { string } from './parameters.ts';
import { entry, overload1, overload2 } from './table.ts';
import type { Library } from './table.ts';

/** Kubernetes says twice what failed. */
const parseNetwork = (text: string): CidrPrefix | AddressFault => {
  const parsed = parseCidr(text);
  if (!(parsed instanceof AddressFault)) return parsed;
  return new AddressFault(() => `network address parse error during conversion from string: ${parsed.message()}`);
};

export const cidrLibrary: Library = {
  name: 'kubernetes.net.cidr',
  since: '1.30',
  types: [CIDR],
  functions: [
    entry(
      'cidr',
      overload1({
        id: 'string_to_cidr',
        params: [string],
        result: cidr.type,
        run: (evaluation, text) => readAddress(evaluation, text, parseNetwork),
      }),
    ),
    entry(
      'isCIDR',
      overload1({
        id: 'is_cidr',
        params: [string],
        result: types.BOOL,
        run: (evaluation, text) => isAddress(evaluation, text, parseCidr),
      }),
    ),
    entry(
      'containsIP',
      overload2({
        id: 'cidr_contains_ip_string',
        member: true,
        params: [cidr, string],
        result: types.BOOL,
        run: (evaluation, network, text) => {
          if (!evaluation.strain(CALL_EFFORT + text.length * READ_EFFORT)) return undefined;
          const address = parseIp(text);
          // Kubernetes loses the reason here, unlike in containsCIDR.
          return address instanceof AddressFault ? evaluation.fail('no such overload') : containsAddress(network, address);
        },
      }),
      overload2({
        id: 'cidr_contains_ip_ip',
        member: true,
        params: [cidr, ip],
        result: types.BOOL,
        run: (_evaluation, network, address) => containsAddress(network, address),
      }),
    ),
    entry(
      'containsCIDR',
      overload2({
        id: 'cidr_contains_cidr_string',
        member: true,
        params: [cidr, string],
        result: types.BOOL,
        run: (evaluation, network, text) => {
          const other = readAddress(evaluation, text, parseNetwork);
          return other === undefined ? undefined : containsPrefix(network, other);
        },
      }),
      overload2({
        id: 'cidr_contains_cidr',
        member: true,
        params: [cidr, cidr],
        result: types.BOOL,
        run: (_evaluation, network, other) => containsPrefix(network, other),
      }),
    ),
    entry('ip', overload1({ id: 'cidr_ip', member: true, params: [cidr], result: ip.type, run: (_evaluation, { address }) => address })),
    entry(
      'prefixLength',
      overload1({ id: 'cidr_prefix_length', member: true, params: [cidr], result: types.INT, run: (_evaluation, { length }) => length }),
    ),
    entry(
      'masked',
      overload1({
        id: 'cidr_masked',
        effort: 100,
        member: true,
        params: [cidr],
        result: cidr.type,
        run: (_evaluation, network) => masked(network),
      }),
    ),
    entry(
      'string',
      overload1({
        id: 'cidr_to_string',
        effort: WRITE_EFFORT,
        params: [cidr],
        result: types.STRING,
        run: (_evaluation, network) => formatCidr(network),
      }),
    ),
  ],
};
