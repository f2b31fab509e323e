// SPDX-License-Identifier: Apache-2.0
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { isDynOrError, isExactly, mostGeneral, partsOf, unwrapped } from './type-relations.ts';

/** Types built of each other grow without bound in a short expression; this many steps over types no honest one needs. */
const EFFORT_LIMIT = 750_000;
/** Of one type, written out. */
const MAX_SIZE = 2_000;

/** Thrown when the steps are used up, and caught by the checker's entry point: every step may be the last, on every path. */
export class TypesTooLarge {
  readonly message = 'the types of the expression are too large to check';
}

/** Types that a null may stand for. */
const isNullable = (type: Type): boolean =>
  type.kind === 'null' ||
  type.kind === 'wrapper' ||
  type.kind === 'struct' ||
  type.kind === 'opaque' ||
  type.kind === 'optional' ||
  type.kind === 'duration' ||
  type.kind === 'timestamp';

/**
 * What is known of type parameters, by cel-go's rules of unification: a parameter stands for the most general of the types it met.
 * A failed question leaves no trace.
 */
export class Substitution {
  readonly #known = new Map<string, Type>();
  /** Entries as they were before, for taking a failed question back. */
  readonly #trail: { readonly name: string; readonly before: Type | undefined }[] = [];
  readonly #settled = new Map<Type, Type>();
  #fresh = 0;
  #effort = EFFORT_LIMIT;

  /** Steps so far. */
  get spent(): number {
    return EFFORT_LIMIT - this.#effort;
  }

  /** A parameter that nothing is known of. */
  newParameter(): Type {
    return types.param(`_var${this.#fresh++}`);
  }

  /** As many as that were made and are of no use. */
  skipParameters(count: number): void {
    this.#fresh += count;
  }

  /** May a value of each type be where the other is asked for? Remembers what that says of parameters. */
  areAssignable(from: readonly Type[], to: readonly Type[]): boolean {
    this.#trail.length = 0;
    if (this.#all(from, to)) return true;
    for (const { name, before } of this.#trail.toReversed()) {
      if (before === undefined) this.#known.delete(name);
      else this.#known.set(name, before);
    }
    return false;
  }

  isAssignable(from: Type, to: Type): boolean {
    return this.areAssignable([from], [to]);
  }

  /** The type with everything that is known of its parameters; with `final`, unknown ones are dyn. */
  apply(type: Type, final = false): Type {
    if (!types.isOpen(type)) return type;
    this.#step();
    return this.bounded(this.#made(type, (part) => this.apply(part, final), final));
  }

  /** The same with `final`, for when nothing more will be found out: what types share is made once. */
  settled(type: Type): Type {
    if (!types.isOpen(type)) return type;
    const known = this.#settled.get(type);
    if (known !== undefined) return known;
    this.#step();
    const made = this.#made(type, (part) => this.settled(part), true);
    this.#settled.set(type, made);
    return this.bounded(made);
  }

  /** The type, if it is not too large to go over. */
  bounded(type: Type): Type {
    if (types.sizeOf(type) > MAX_SIZE) throw new TypesTooLarge();
    return type;
  }

  #made(type: Type, each: (part: Type) => Type, final: boolean): Type {
    switch (type.kind) {
      case 'param': {
        const known = this.#known.get(type.name);
        if (known !== undefined) return each(known);
        return final ? types.DYN : type;
      }
      case 'list':
        return types.listOf(each(type.element));
      case 'map':
        return types.mapOf(each(type.key), each(type.value));
      case 'optional':
        return types.optionalOf(each(type.element));
      case 'type':
        return type.of === undefined ? type : types.typeOfType(each(type.of));
      case 'bool':
      case 'bytes':
      case 'double':
      case 'duration':
      case 'dyn':
      case 'error':
      case 'int':
      case 'null':
      case 'opaque':
      case 'string':
      case 'struct':
      case 'timestamp':
      case 'uint':
      case 'wrapper':
        return type;
      default:
        return type satisfies never;
    }
  }

  #step(steps = 1): void {
    this.#effort -= steps;
    if (this.#effort < 0) throw new TypesTooLarge();
  }

  #areSame(left: Type, right: Type): boolean {
    this.#step(Math.min(types.sizeOf(left), types.sizeOf(right)));
    return isExactly(left, right);
  }

  #set(name: string, type: Type): void {
    this.#trail.push({ name, before: this.#known.get(name) });
    this.#known.set(name, type);
  }

  #all(from: readonly Type[], to: readonly Type[]): boolean {
    return (
      from.length === to.length &&
      from.every((type, index) => {
        const other = to[index];
        return other !== undefined && this.#fits(type, other);
      })
    );
  }

  #fits(from: Type, to: Type): boolean {
    this.#step();
    if (from === to && !types.isOpen(from)) return true;
    if (to.kind === 'param') {
      const outcome = this.#mayStandFor(from, to.name, to);
      if (outcome === 'yes') return true;
      if (outcome === 'no') return false;
    }
    if (from.kind === 'param') return this.#mayStandFor(to, from.name, from) === 'yes';
    if (isDynOrError(from) || isDynOrError(to)) return true;
    if (from.kind === 'null') return isNullable(to);
    if (to.kind === 'null') return isNullable(from);
    const [a, b] = [unwrapped(from), unwrapped(to)];
    if (a.kind !== b.kind) return false;
    if (a.kind === 'type') return true;
    if (a.kind === 'struct' || a.kind === 'opaque') return isExactly(a, b);
    return this.#all(partsOf(a), partsOf(b));
  }

  /** Whether the parameter may stand for the type; `unfit` = it is bound to nothing yet, but occurs within the type. */
  #mayStandFor(type: Type, name: string, parameter: Type): 'yes' | 'no' | 'unfit' {
    if (this.#areSame(type, parameter)) return 'yes';
    const known = this.#known.get(name);
    if (known === undefined) {
      if (this.#occursIn(parameter, type)) return 'unfit';
      this.#set(name, type);
      return 'yes';
    }
    if (this.#areSame(type, known)) return 'yes';
    if (!this.#fits(type, known)) return 'no';
    const general = mostGeneral(type, known);
    if (!this.#occursIn(parameter, general)) this.#set(name, general);
    return 'yes';
  }

  #occursIn(parameter: Type, type: Type): boolean {
    if (!types.isOpen(type)) return false;
    this.#step();
    if (this.#areSame(parameter, type)) return true;
    if (type.kind !== 'param') return partsOf(type).some((part) => this.#occursIn(parameter, part));
    const known = this.#known.get(type.name);
    return known !== undefined && this.#occursIn(parameter, known);
  }
}
