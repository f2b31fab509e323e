// SPDX-License-Identifier: Apache-2.0
// One intent to tell a provider what a tenant used in one hour. It is on disk before anything is sent, with the identifier and the
// request key under which it will be sent, however often and by whichever process.
import { hash } from 'node:crypto';
import { add, formatDecimal, negate, parseDecimal } from '../../../policies/pricing/ratio.ts';

/**
 * intent: not sent. sending: sent, no answer yet (or the process died). ambiguous: sent, and nobody knows. accepted: the
 * provider took it. verified: it also counts it. rejected, quarantined: a person must look.
 */
export const STATES = ['intent', 'sending', 'ambiguous', 'accepted', 'verified', 'rejected', 'quarantined'] as const;
export type State = (typeof STATES)[number];

/** Absolute: the hour's total so far, of which the provider keeps the last. Delta: what the total has grown by. */
export type Encoding = 'Absolute' | 'Delta';

export type HourKey = { readonly tenant: string; readonly meter: string; readonly hourMs: number };

/** What the ledger counts of an hour. */
export type HourTotal = HourKey & { readonly total: string; readonly customer: string; readonly encoding: Encoding };

export type Entry = HourKey & {
  /** 1, 2, … for the hour; the highest is the one in question. */
  readonly revision: number;
  readonly customer: string;
  readonly encoding: Encoding;
  /** The ledger's total of the hour when this was made. */
  readonly total: string;
  /** What is sent. */
  readonly value: string;
  readonly identifier: string;
  readonly requestKey: string;
  readonly bodyDigest: string;
  readonly state: State;
  readonly attempts: number;
  /** Since when a request may be on its way; 0: never. */
  readonly firstSentMs: number;
  readonly acceptedMs: number;
  /** Nothing is done with it before. */
  readonly nextMs: number;
  /** How often the same total was sent under a new identifier because it was not found. */
  readonly repairs: number;
  readonly note: string;
};

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

const base32 = (bytes: Uint8Array): string => {
  let [bits, held, text] = [0, 0, ''];
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(held >>> bits) & 31] ?? '';
    }
    held &= (1 << bits) - 1;
  }
  return text;
};

/** `installation` keeps two clusters with tenants of one name apart. */
export const identifierOf = (installation: string, { tenant, meter, hourMs, revision }: HourKey & { readonly revision: number }): string =>
  `wr1.${base32(hash('sha256', JSON.stringify([installation, tenant, meter, hourMs, revision]), 'buffer')).slice(0, 40)}`;

/** `turn` rises when a request must not be taken for the one before. */
export const requestKeyOf = (identifier: string, turn: number): string => `${identifier}.${turn}`;

export const bodyDigestOf = ({
  meter,
  customer,
  value,
  hourMs,
  identifier,
}: Pick<Entry, 'meter' | 'customer' | 'value' | 'hourMs' | 'identifier'>): string =>
  hash('sha256', JSON.stringify([meter, customer, value, hourMs, identifier]));

/** `a - b` of decimals. */
export const minus = (a: string, b: string): string => {
  const [left, right] = [parseDecimal(a), parseDecimal(b)];
  return left === undefined || right === undefined ? '0' : formatDecimal(add(left, negate(right)));
};

export const sameDecimal = (a: string, b: string): boolean =>
  minus(a, b) === '0' && parseDecimal(a) !== undefined && parseDecimal(b) !== undefined;

/** As providers count them: without leading and trailing zeros. */
export const significantDigits = (decimal: string): number =>
  decimal.replace(/^-/, '').replace('.', '').replace(/^0+/, '').replace(/0+$/, '').length;

export const MAX_DIGITS = 15;
