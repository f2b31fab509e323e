// SPDX-License-Identifier: Apache-2.0

/**
 * Base of every value that is not a JavaScript primitive, array, byte string or plain JSON object. One `instanceof` of it tells
 * our own objects from data, so that a field access can never reach their state or methods.
 */
export abstract class Boxed {
  /** Nominal mark, without a run-time field: TypeScript must not take a look-alike for a Boxed. */
  declare protected readonly boxed: true;

  /** The run-time type, what `type(x)` gives. */
  abstract get type(): CelType;

  /** Go holds it by a pointer, which some messages show. */
  get pointed(): boolean {
    return false;
  }

  /**
   * `==` with another value; types with a value of their own (quantities, addresses) override it. undefined = there is no such
   * overload, as Kubernetes answers when its types are compared with others.
   */
  sameAs(_other: unknown): boolean | undefined {
    return false;
  }
}

/** A type as a value: `type(1)`, `int`. Two of them are equal when their names are. */
export class CelType extends Boxed {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }

  override get type(): CelType {
    return TYPE;
  }
}

export const BOOL = new CelType('bool');
export const BYTES = new CelType('bytes');
export const DOUBLE = new CelType('double');
export const DURATION = new CelType('google.protobuf.Duration');
export const INT = new CelType('int');
export const LIST = new CelType('list');
export const MAP = new CelType('map');
export const NULL = new CelType('null_type');
export const OPTIONAL = new CelType('optional_type');
export const STRING = new CelType('string');
export const TIMESTAMP = new CelType('google.protobuf.Timestamp');
export const TYPE = new CelType('type');
export const UINT = new CelType('uint');
export const STRUCT = new CelType('object');
