// SPDX-License-Identifier: Apache-2.0
import { INT_MAX } from './integer.ts';
import { CidrPrefix, IpAddress } from './ip.ts';
import { goQuote } from './quote.ts';

/**
 * Reads addresses and networks as Go's net/netip does, with its words for what is wrong. Texts of faults quote their input, so they
 * are made only when they are asked for.
 */
export class AddressFault {
  readonly message: () => string;

  constructor(message: () => string) {
    this.message = message;
  }
}

const fault = (message: () => string): AddressFault => new AddressFault(message);

type Octets = { readonly bits: bigint } | { readonly problem: string; readonly at?: string };

const isDigit = (char: string): boolean => char >= '0' && char <= '9';

/** Dotted decimal, in netip's order of complaints. */
const octetsOf = (text: string): Octets => {
  let [bits, value, digits, fields] = [0n, 0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (isDigit(char)) {
      if (digits === 1 && value === 0) return { problem: 'IPv4 field has octet with leading zero' };
      value = value * 10 + Number(char);
      digits++;
      if (value > 255) return { problem: 'IPv4 field has value >255' };
    } else if (char === '.') {
      if (at === 0 || at === text.length - 1 || text.charAt(at - 1) === '.')
        return { problem: 'IPv4 field must have at least one digit', at: text.slice(at) };
      if (fields === 3) return { problem: 'IPv4 address too long' };
      bits = (bits << 8n) | BigInt(value);
      [value, digits, fields] = [0, 0, fields + 1];
    } else return { problem: 'unexpected character', at: text.slice(at) };
  }
  return fields < 3 ? { problem: 'IPv4 address too short' } : { bits: (bits << 8n) | BigInt(value) };
};

type Groups = { readonly bits: bigint } | { readonly problem: string; readonly at?: string };

const HEX = /[0-9a-fA-F]*/y;

/** How many hexadecimal digits follow; five are enough to know that they are too many. */
const hexDigits = (text: string, from: number): string => {
  HEX.lastIndex = from;
  return HEX.exec(text)?.[0] ?? '';
};

/** An IPv6 address without zone. */
const groupsOf = (text: string): Groups => {
  const groups: number[] = [];
  let at = 0;
  let gap = -1;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
    if (text.length === 2) return { bits: 0n };
  }
  while (groups.length < 8) {
    const digits = hexDigits(text, at);
    if (digits.length > 4) return { problem: 'each group must have 4 or less digits', at: text.slice(at) };
    if (digits === '') return { problem: 'each colon-separated field must have at least one digit', at: text.slice(at) };
    if (text.charAt(at + digits.length) === '.') {
      if (gap < 0 && groups.length !== 6)
        return { problem: 'embedded IPv4 address must replace the final 2 fields of the address', at: text.slice(at) };
      if (groups.length > 6)
        return { problem: 'too many hex fields to fit an embedded IPv4 at the end of the address', at: text.slice(at) };
      const embedded = octetsOf(text.slice(at));
      if ('problem' in embedded) return embedded;
      groups.push(Number(embedded.bits >> 16n), Number(embedded.bits & 0xffffn));
      at = text.length;
      break;
    }
    groups.push(Number.parseInt(digits, 16));
    at += digits.length;
    if (at === text.length) break;
    if (text.charAt(at) !== ':') return { problem: 'unexpected character, want colon', at: text.slice(at) };
    if (at + 1 === text.length) return { problem: 'colon must be followed by more characters', at: text.slice(at) };
    at++;
    if (text.charAt(at) !== ':') continue;
    if (gap >= 0) return { problem: 'multiple :: in address', at: text.slice(at) };
    gap = groups.length;
    at++;
    if (at === text.length) break;
  }
  if (at < text.length) return { problem: 'trailing garbage after address', at: text.slice(at) };
  if (groups.length === 8 && gap >= 0) return { problem: 'the :: must expand to at least one field of zeros' };
  if (groups.length < 8 && gap < 0) return { problem: 'address string too short' };
  const zeros = Array.from({ length: 8 - groups.length }, () => 0);
  const all = gap < 0 ? groups : [...groups.slice(0, gap), ...zeros, ...groups.slice(gap)];
  return { bits: all.reduce((bits, value) => (bits << 16n) | BigInt(value), 0n) };
};

/** An address as netip reads it; zones and IPv4 in IPv6 are still to be refused. */
type Parsed = { readonly address: IpAddress; readonly zone: boolean };

const parseAddress = (text: string): Parsed | AddressFault => {
  const wrong = (problem: string, at = ''): AddressFault =>
    fault(() => `ParseAddr(${goQuote(text)}): ${problem}${at === '' ? '' : ` (at ${goQuote(at)})`}`);
  const kind = /[.:%]/.exec(text)?.[0];
  if (kind === undefined) return wrong('unable to parse IP');
  if (kind === '%') return wrong('missing IPv6 address');
  if (kind === '.') {
    const octets = octetsOf(text);
    return 'problem' in octets ? wrong(octets.problem, octets.at) : { address: new IpAddress(4, octets.bits), zone: false };
  }
  const percent = text.indexOf('%');
  if (percent !== -1 && percent === text.length - 1) return wrong('zone must be a non-empty string');
  const groups = groupsOf(percent === -1 ? text : text.slice(0, percent));
  return 'problem' in groups ? wrong(groups.problem, groups.at) : { address: new IpAddress(6, groups.bits), zone: percent !== -1 };
};

const isMapped = ({ family, bits }: IpAddress): boolean => family === 6 && bits >> 32n === 0xffffn;

/** An address as Kubernetes takes it: no zone, and no IPv4 address written as IPv6. */
export const parseIp = (text: string): IpAddress | AddressFault => {
  const parsed = parseAddress(text);
  if (parsed instanceof AddressFault)
    return fault(() => `IP Address ${goQuote(text)} parse error during conversion from string: ${parsed.message()}`);
  if (parsed.zone) return fault(() => `IP address ${goQuote(text)} with zone value is not allowed`);
  return isMapped(parsed.address) ? fault(() => `IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`) : parsed.address;
};

/** Is it the address of brackets in a URL, or why not? `false` = an IPv4 address, which has no brackets. */
export const bracketedAddress = (text: string): boolean | AddressFault => {
  const parsed = parseAddress(text);
  return parsed instanceof AddressFault ? parsed : parsed.address.family === 6;
};

/** A network as Kubernetes takes it. Host bits may be set. */
export const parseCidr = (text: string): CidrPrefix | AddressFault => {
  const wrong = (problem: () => string): AddressFault =>
    fault(() => `network address parse error during conversion from string: netip.ParsePrefix(${goQuote(text)}): ${problem()}`);
  const slash = text.lastIndexOf('/');
  if (slash === -1) return wrong(() => "no '/'");
  const parsed = parseAddress(text.slice(0, slash));
  if (parsed instanceof AddressFault) return wrong(parsed.message);
  if (parsed.zone) return wrong(() => 'IPv6 zones cannot be present in a prefix');
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(digits) || BigInt(digits) > INT_MAX) return wrong(() => `bad bits after slash: ${goQuote(digits)}`);
  const length = Number(digits);
  if (length > (parsed.address.family === 4 ? 32 : 128)) return wrong(() => 'prefix length out of range');
  return isMapped(parsed.address)
    ? fault(() => `IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
    : new CidrPrefix(parsed.address, length);
};
