// SPDX-License-Identifier: Apache-2.0
/**
 * The values of the language and how JavaScript carries them.
 *
 * A CEL int is a number while it is exact (±(2^53-1)), else a bigint; doubles are boxed, since Kubernetes objects hold almost
 * none and every JSON number that is integral is an int (as the API server decodes it). Lists are arrays, maps are plain JSON objects
 * as JSON.parse makes them, or a CelMap where keys are not all strings. `undefined` is never a value: inside the engine it
 * says "error, see the evaluation", and for fields "absent".
 */
import type { CelError } from './error.ts';
import { BOOL, Boxed, BYTES, DOUBLE, INT, LIST, MAP, NULL, OPTIONAL, STRING, STRUCT, UINT } from './boxed.ts';
import type { CelType } from './boxed.ts';

/** A JSON object. Keys are data: read them through own-property checks only. */
export interface JsonMap {
  readonly [key: string]: Value;
}

export type CelInt = number | bigint;
export type Value = null | boolean | string | CelInt | Uint8Array | readonly Value[] | JsonMap | Boxed;

export class CelDouble extends Boxed {
  readonly value: number;

  constructor(value: number) {
    super();
    this.value = value;
  }

  override get type(): CelType {
    return DOUBLE;
  }
}

/** An unsigned 64-bit integer; the bigint is always in range. */
export class CelUint extends Boxed {
  readonly value: bigint;

  constructor(value: bigint) {
    super();
    this.value = value;
  }

  override get type(): CelType {
    return UINT;
  }
}

export class CelOptional extends Boxed {
  /** undefined = optional.none() */
  readonly value: Value | undefined;

  constructor(value: Value | undefined) {
    super();
    this.value = value;
  }

  override get type(): CelType {
    return OPTIONAL;
  }
}

export const NONE = new CelOptional(undefined);

/**
 * A struct whose fields are computed when first read, offered by callers (`variables`, `request`, …). A field that yields a
 * CelError makes the select fail with it; undefined means that there is no such field.
 */
export abstract class Fields extends Boxed {
  abstract field(name: string): Value | CelError | undefined;

  /** What `has(x.name)` gives; override it where reading the field would be dear. */
  has(name: string): boolean {
    return this.field(name) !== undefined;
  }

  override get type(): CelType {
    return STRUCT;
  }
}

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);
export const isInt = (value: Value): value is CelInt => typeof value === 'number' || typeof value === 'bigint';
export const isBytes = (value: Value): value is Uint8Array => value instanceof Uint8Array;
export const isJsonMap = (value: Value): value is JsonMap =>
  typeof value === 'object' && value !== null && !(value instanceof Boxed) && !Array.isArray(value) && !(value instanceof Uint8Array);

/** The run-time type of a value, as `type(x)` gives it. */
export const typeOf = (value: Value): CelType => {
  if (typeof value === 'string') return STRING;
  if (isInt(value)) return INT;
  if (typeof value === 'boolean') return BOOL;
  if (value === null) return NULL;
  if (value instanceof Boxed) return value.type;
  if (isList(value)) return LIST;
  return value instanceof Uint8Array ? BYTES : MAP;
};
