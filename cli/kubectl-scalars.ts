// SPDX-License-Identifier: Apache-2.0
// What a plain YAML scalar is to kubectl: YAML 1.1 without dates and base 60, numbers as Go reads them, and whatever is
// integral is an integer, since the value travels as JSON.

const TRUE = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const NULL = /^(?:|~|null|Null|NULL)$/;
const INTEGER = /^([-+]?)(?:(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** A bigint stands for an integer that a JavaScript number can not hold; undefined has no JSON value. */
export type PlainValue = null | boolean | number | bigint | string | undefined;

const exact = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;

const integer = (text: string): number | bigint | undefined => {
  const [, sign, prefixed, octal, decimal] = INTEGER.exec(text) ?? [];
  const digits = prefixed ?? (octal === undefined ? decimal : `0o${octal}`);
  if (digits === undefined) return undefined;
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  return value >= INT64_MIN && value <= UINT64_MAX ? exact(value) : undefined;
};

export const readAsKubectl = (source: string): PlainValue => {
  if (NULL.test(source)) return null;
  if (TRUE.test(source)) return true;
  if (FALSE.test(source)) return false;
  if (!/^[-+.0-9]/.test(source)) return source;
  if (NOT_FINITE.test(source)) return undefined;
  const plain = source.replaceAll('_', '');
  const whole = integer(plain);
  if (whole !== undefined) return whole;
  if (!FLOAT.test(plain)) return source;
  const value = Number(plain);
  if (!Number.isFinite(value)) return undefined;
  return Object.is(value, -0) ? 0 : value;
};
