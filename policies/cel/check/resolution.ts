// SPDX-License-Identifier: Apache-2.0
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { reportNoOverload, reportUndeclared } from './checking.ts';
import type { Application, Checking } from './checking.ts';
import { operators } from './operators.ts';
import type { Signature } from './operators.ts';
import { isExactly, mayFit, partsOf } from './type-relations.ts';

const parameterNames = (type: Type): readonly string[] => (type.kind === 'param' ? [type.name] : partsOf(type).flatMap(parameterNames));

const known = new WeakMap<Signature, readonly string[]>();

const parametersOf = (signature: Signature): readonly string[] => {
  const found = known.get(signature);
  if (found !== undefined) return found;
  const names = [...new Set([...signature.params, signature.result].flatMap(parameterNames))];
  known.set(signature, names);
  return names;
};

const rename = (type: Type, fresh: ReadonlyMap<string, Type>): Type => {
  if (type.kind === 'param') return fresh.get(type.name) ?? type;
  if (type.kind === 'list') return types.listOf(rename(type.element, fresh));
  if (type.kind === 'map') return types.mapOf(rename(type.key, fresh), rename(type.value, fresh));
  if (type.kind === 'optional') return types.optionalOf(rename(type.element, fresh));
  return type.kind === 'type' && type.of !== undefined ? types.typeOfType(rename(type.of, fresh)) : type;
};

/** The signature with parameters that no other call has. */
const instantiate = (checking: Checking, signature: Signature, names: readonly string[]): Signature => {
  if (names.length === 0) return signature;
  const fresh = new Map(names.map((name) => [name, checking.substitution.newParameter()]));
  return { ...signature, params: signature.params.map((type) => rename(type, fresh)), result: rename(signature.result, fresh) };
};

/** Where nothing is known of the arguments, cel-go's first overload decides; the libraries begin with the most common one. */
const DECIDING: ReadonlySet<string> = new Set(['add_bytes', 'divide_double', 'multiply_double', 'negate_double', 'subtract_double']);

const decides = (signature: Signature): boolean => signature.id !== undefined && DECIDING.has(signature.id);

const inOrder = <S extends Signature>(signatures: readonly S[]): readonly S[] =>
  signatures.some(decides) ? [...signatures.filter(decides), ...signatures.filter((one) => !decides(one))] : signatures;

export type Resolved<S> = { readonly type: Type; readonly fitting: readonly S[] };

/** The overloads that the types of the arguments leave; the first one gives the result's type, or dyn if another differs. */
const choose = <S extends Signature>(
  checking: Checking,
  { args, member }: Application,
  signatures: readonly S[],
): Resolved<S> | undefined => {
  const { substitution } = checking;
  const fitting: S[] = [];
  let result: Type | undefined;
  for (const signature of inOrder(signatures)) {
    if (signature.member !== member || signature.params.length !== args.length) continue;
    const names = parametersOf(signature);
    if (!mayFit(args, signature.params)) {
      // cel-go tells parameters by their number, and counts those of overloads that do not fit.
      substitution.skipParameters(names.length);
      continue;
    }
    const { params, result: given } = instantiate(checking, signature, names);
    if (!substitution.areAssignable(args, params)) continue;
    fitting.push(signature);
    const type = substitution.apply(given);
    if (result === undefined) result = type;
    else if (result.kind !== 'dyn' && !isExactly(type, result)) result = types.DYN;
  }
  return result === undefined ? undefined : { type: result, fitting };
};

/** The type of applying an operator or a function; what does not fit is reported. */
export const resolve = (checking: Checking, application: Application): Type => {
  const signatures = operators.get(application.name) ?? checking.environment.functions.get(application.name);
  if (signatures === undefined) return reportUndeclared(checking, application.offset, application.name);
  return choose<Signature>(checking, application, signatures)?.type ?? reportNoOverload(checking, application);
};

/** The same for a function of the libraries, with the overloads that are left. */
export const resolveCall = (checking: Checking, application: Application) => {
  const overloads = checking.environment.functions.get(application.name) ?? [];
  return choose(checking, application, overloads) ?? { type: reportNoOverload(checking, application), fitting: [] };
};
