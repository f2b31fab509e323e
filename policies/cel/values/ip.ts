// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType } from './boxed.ts';

export const IP = new CelType('net.IP');
export const CIDR = new CelType('net.CIDR');

/** An address without zone; an IPv6 address is never an IPv4 one in disguise. */
export class IpAddress extends Boxed {
  readonly #family: 4 | 6;
  readonly #bits: bigint;

  constructor(family: 4 | 6, bits: bigint) {
    super();
    this.#family = family;
    this.#bits = bits;
  }

  get family(): 4 | 6 {
    return this.#family;
  }

  get bits(): bigint {
    return this.#bits;
  }

  override get type(): CelType {
    return IP;
  }

  override sameAs(other: unknown): boolean | undefined {
    return other instanceof IpAddress ? this.#family === other.#family && this.#bits === other.#bits : undefined;
  }
}

/** A network: an address, whose host bits are kept, and how many bits of it count. */
export class CidrPrefix extends Boxed {
  readonly #address: IpAddress;
  readonly #length: number;

  constructor(address: IpAddress, length: number) {
    super();
    this.#address = address;
    this.#length = length;
  }

  get address(): IpAddress {
    return this.#address;
  }

  get length(): number {
    return this.#length;
  }

  override get type(): CelType {
    return CIDR;
  }

  override sameAs(other: unknown): boolean | undefined {
    return other instanceof CidrPrefix ? this.#length === other.#length && this.#address.sameAs(other.#address) : undefined;
  }
}

export const widthOf = ({ family }: IpAddress): number => (family === 4 ? 32 : 128);

/** Do the first bits of both addresses agree? */
const agree = (left: IpAddress, right: IpAddress, length: number): boolean =>
  left.family === right.family && (left.bits ^ right.bits) >> BigInt(widthOf(left) - length) === 0n;

export const containsAddress = (prefix: CidrPrefix, address: IpAddress): boolean => agree(prefix.address, address, prefix.length);

export const containsPrefix = (outer: CidrPrefix, inner: CidrPrefix): boolean =>
  outer.length <= inner.length && agree(outer.address, inner.address, outer.length);

export const masked = ({ address, length }: CidrPrefix): CidrPrefix => {
  const host = BigInt(widthOf(address) - length);
  return new CidrPrefix(new IpAddress(address.family, (address.bits >> host) << host), length);
};

const group = (bits: bigint, at: number): number => Number((bits >> BigInt((7 - at) * 16)) & 0xffffn);

/** RFC 5952: the first longest run of two zero groups or more becomes `::`. */
const formatIpv6 = (bits: bigint): string => {
  const groups = Array.from({ length: 8 }, (_, at) => group(bits, at));
  let [from, to] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start >= 2 && end - start > to - from) [from, to] = [start, end];
  }
  const text = (part: readonly number[]): string => part.map((value) => value.toString(16)).join(':');
  return to === 0 ? text(groups) : `${text(groups.slice(0, from))}::${text(groups.slice(to))}`;
};

const formatIpv4 = (bits: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join('.');

export const formatIp = ({ family, bits }: IpAddress): string => (family === 4 ? formatIpv4(bits) : formatIpv6(bits));

export const formatCidr = ({ address, length }: CidrPrefix): string => `${formatIp(address)}/${length}`;

const inRange = ({ family, bits }: IpAddress, range: { readonly family: 4 | 6; readonly shift: bigint; readonly value: bigint }): boolean =>
  family === range.family && bits >> range.shift === range.value;

export const isUnspecified = ({ bits }: IpAddress): boolean => bits === 0n;

export const isLoopback = (address: IpAddress): boolean =>
  inRange(address, { family: 4, shift: 24n, value: 127n }) || inRange(address, { family: 6, shift: 0n, value: 1n });

/** IPv6 scopes are 4 bits after 4 bits of flags. */
export const isLinkLocalMulticast = (address: IpAddress): boolean =>
  inRange(address, { family: 4, shift: 8n, value: 0xe00000n }) || (address.family === 6 && ((address.bits >> 112n) & 0xff0fn) === 0xff02n);

export const isLinkLocalUnicast = (address: IpAddress): boolean =>
  inRange(address, { family: 4, shift: 16n, value: 0xa9fen }) || inRange(address, { family: 6, shift: 118n, value: 0x3fan });

const isMulticast = (address: IpAddress): boolean =>
  inRange(address, { family: 4, shift: 28n, value: 0xen }) || inRange(address, { family: 6, shift: 120n, value: 0xffn });

const isBroadcast = ({ family, bits }: IpAddress): boolean => family === 4 && bits === 0xffffffffn;

export const isGlobalUnicast = (address: IpAddress): boolean =>
  !isUnspecified(address) && !isBroadcast(address) && !isLoopback(address) && !isMulticast(address) && !isLinkLocalUnicast(address);
