// SPDX-License-Identifier: Apache-2.0
// Writes DER (X.690): enough for certificates and timestamps.
import { Buffer } from 'node:buffer';

const lengthOf = (length: number): Buffer => {
  if (length < 0x80) return Buffer.from([length]);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
};

export const element = (tag: number, ...contents: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
};

export const sequence = (...items: readonly Buffer[]): Buffer => element(0x30, ...items);
export const setOf = (...items: readonly Buffer[]): Buffer => element(0x31, ...items);
export const explicit = (number: number, ...items: readonly Buffer[]): Buffer => element(0xa0 + number, ...items);
export const octets = (...contents: readonly Buffer[]): Buffer => element(0x04, ...contents);
export const bits = (content: Buffer, unused = 0): Buffer => element(0x03, Buffer.from([unused]), content);
export const utf8Text = (text: string): Buffer => element(0x0c, Buffer.from(text));
export const nothing = Buffer.from([0x05, 0x00]);
export const yes = Buffer.from([0x01, 0x01, 0xff]);

export const integer = (value: number | Buffer): Buffer => {
  const bytes = typeof value === 'number' ? Buffer.from([value]) : value;
  return element(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
};

const arc = (value: number): readonly number[] => {
  const bytes = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
};

export const oid = (text: string): Buffer => {
  const [first = 0, second = 0, ...others] = text.split('.').map(Number);
  return element(0x06, Buffer.from([40 * first + second, ...others.flatMap(arc)]));
};

export const generalizedTime = (ms: number): Buffer =>
  element(0x18, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '')}Z`));

/** What certificates have before the year 2050 (RFC 5280 4.1.2.5). */
export const utcTime = (ms: number): Buffer => element(0x17, generalizedTime(ms).subarray(4));

export const commonName = (name: string): Buffer => sequence(setOf(sequence(oid('2.5.4.3'), utf8Text(name))));
