// SPDX-License-Identifier: Apache-2.0
// ECDSA over a digest that is given (FIPS 186-5, 6.4.2): Node verifies signatures of files only, never of their digests.
// Everything here is public, so nothing has to take the same time for every value.
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { TAG, readInside } from '../../policies/trust/der.ts';

/** y² = x³ − 3x + b over p; n is the order of the base point. `b` is not needed: OpenSSL has found the key on the curve. */
type Curve = { readonly p: bigint; readonly n: bigint; readonly x: bigint; readonly y: bigint };

// SP 800-186, 3.2.1
const CURVES: Readonly<Record<string, Curve>> = {
  prime256v1: {
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
  secp384r1: {
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  },
};

/** Affine; undefined = the point at infinity. */
type Point = { readonly x: bigint; readonly y: bigint } | undefined;

const mod = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus;

/** Extended Euclid; the modulus is prime and the value no multiple of it. */
const inverse = (value: bigint, modulus: bigint): bigint => {
  let [rest, next] = [modulus, mod(value, modulus)];
  let [factor, nextFactor] = [0n, 1n];
  while (next !== 0n) {
    const quotient = rest / next;
    [rest, next] = [next, rest - quotient * next];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return mod(factor, modulus);
};

const add = (a: Point, b: Point, p: bigint): Point => {
  if (a === undefined) return b;
  if (b === undefined) return a;
  const isSame = a.x === b.x;
  if (isSame && mod(a.y + b.y, p) === 0n) return undefined;
  const slope = isSame ? (3n * a.x * a.x - 3n) * inverse(2n * a.y, p) : (b.y - a.y) * inverse(b.x - a.x, p);
  const x = mod(slope * slope - a.x - b.x, p);
  return { x, y: mod(slope * (a.x - x) - a.y, p) };
};

const multiply = (point: Point, times: bigint, p: bigint): Point => {
  let sum: Point;
  for (const bit of times.toString(2)) {
    sum = add(sum, sum, p);
    if (bit === '1') sum = add(sum, point, p);
  }
  return sum;
};

const toNumber = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** r and s of `ECDSA-Sig-Value`, as DER writes whole positive numbers. */
const readSignature = (signature: Buffer): readonly bigint[] | undefined => {
  const parts = readInside(signature, TAG.sequence);
  const isWhole =
    parts?.length === 2 && parts.every(({ tag, content }) => tag === TAG.integer && content.length > 0 && content.length < 80);
  if (parts === undefined || !isWhole) return undefined;
  const isShortest = parts.every(({ content: [first = 0, second = 0x80] }) => first !== 0 || second >= 0x80);
  return isShortest && parts.every(({ content }) => (content[0] ?? 0) < 0x80) ? parts.map(({ content }) => toNumber(content)) : undefined;
};

const coordinate = (text: string | undefined): bigint => toNumber(Buffer.from(text ?? '', 'base64url'));

/** Whether this is a signature of a file with this digest; false for a key of another kind too. Total. */
export const isEcdsaOfDigest = (digest: Uint8Array, signature: Buffer, key: KeyObject): boolean => {
  const name = key.asymmetricKeyDetails?.namedCurve ?? '';
  const curve = key.asymmetricKeyType === 'ec' && Object.hasOwn(CURVES, name) ? CURVES[name] : undefined;
  const [r = 0n, s = 0n] = readSignature(signature) ?? [];
  if (curve === undefined || r < 1n || s < 1n || r >= curve.n || s >= curve.n) return false;
  const jwk = key.export({ format: 'jwk' });
  const { p, n } = curve;
  const spare = BigInt(Math.max(0, digest.length * 8 - n.toString(2).length));
  const w = inverse(s, n);
  const one = multiply({ x: curve.x, y: curve.y }, mod((toNumber(digest) >> spare) * w, n), p);
  const sum = add(one, multiply({ x: coordinate(jwk.x), y: coordinate(jwk.y) }, mod(r * w, n), p), p);
  return sum !== undefined && mod(sum.x, n) === r;
};
