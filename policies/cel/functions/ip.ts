// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { formatIp, IP, isGlobalUnicast, isLinkLocalMulticast, isLinkLocalUnicast, isLoopback, isUnspecified } from '../values/ip.ts';
import type { IpAddress } from '../values/ip.ts';
import { AddressFault, parseIp } from '../values/ip-text.ts';
import type { Value } from '../values/value.ts';
import { ip } from './opaque.ts';
import { string } from './parameters.ts';
import { entry, overload1 } from './table.ts';
import type { FunctionEntry, Library } from './table.ts';

/** Units of effort a character takes where it is read, and where errors quote it. */
export const READ_EFFORT = 30;
export const CALL_EFFORT = 60;
export const WRITE_EFFORT = 700;
const QUOTE_EFFORT = 16;

/** Reads an address or network; a failure says what is wrong in Go's words. */
export const readAddress = <T extends Value>(
  evaluation: Evaluation,
  text: string,
  parse: (text: string) => T | AddressFault,
): T | undefined => {
  if (!evaluation.strain(CALL_EFFORT + text.length * READ_EFFORT)) return undefined;
  const parsed = parse(text);
  if (!(parsed instanceof AddressFault)) return parsed;
  return evaluation.strain(text.length * QUOTE_EFFORT) ? evaluation.fail(parsed.message()) : undefined;
};

/** Is the text one? Nothing is quoted. */
export const isAddress = (evaluation: Evaluation, text: string, parse: (text: string) => Value | AddressFault): boolean | undefined =>
  evaluation.strain(CALL_EFFORT + text.length * READ_EFFORT) ? !(parse(text) instanceof AddressFault) : undefined;

const question = (name: string, id: string, test: (address: IpAddress) => boolean): FunctionEntry =>
  entry(name, overload1({ id, member: true, params: [ip], result: types.BOOL, run: (_evaluation, address) => test(address) }));

const isCanonical = (evaluation: Evaluation, text: string): Value | undefined => {
  const address = readAddress(evaluation, text, parseIp);
  return address === undefined ? undefined : formatIp(address) === text;
};

export const ipLibrary: Library = {
  name: 'kubernetes.net.ip',
  since: '1.30',
  types: [IP],
  functions: [
    entry(
      'ip',
      overload1({
        id: 'string_to_ip',
        params: [string],
        result: ip.type,
        run: (evaluation, text) => readAddress(evaluation, text, parseIp),
      }),
    ),
    entry(
      'isIP',
      overload1({
        id: 'is_ip',
        params: [string],
        result: types.BOOL,
        run: (evaluation, text) => isAddress(evaluation, text, parseIp),
      }),
    ),
    entry(
      'ip.isCanonical',
      overload1({
        id: 'ip_is_canonical',
        effort: WRITE_EFFORT,
        params: [string],
        result: types.BOOL,
        run: isCanonical,
      }),
    ),
    entry(
      'family',
      overload1({ id: 'ip_family', member: true, params: [ip], result: types.INT, run: (_evaluation, address) => address.family }),
    ),
    question('isUnspecified', 'ip_is_unspecified', isUnspecified),
    question('isLoopback', 'ip_is_loopback', isLoopback),
    question('isLinkLocalMulticast', 'ip_is_link_local_multicast', isLinkLocalMulticast),
    question('isLinkLocalUnicast', 'ip_is_link_local_unicast', isLinkLocalUnicast),
    question('isGlobalUnicast', 'ip_is_global_unicast', isGlobalUnicast),
    entry(
      'string',
      overload1({
        id: 'ip_to_string',
        effort: WRITE_EFFORT,
        params: [ip],
        result: types.STRING,
        run: (_evaluation, address) => formatIp(address),
      }),
    ),
  ],
};
