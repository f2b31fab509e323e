// SPDX-License-Identifier: Apache-2.0
// Kinds of Kubernetes, from the table that `generate.ts` makes.
import { createRequire } from 'node:module';
import { celTypes } from '../../policies/cel/index.ts';
import type { Type } from '../../policies/cel/index.ts';
import type { KnownKind } from '../../policies/compile/type-findings.ts';
import { fieldsOf } from './fields.ts';
import type { TypeTable } from './generate.ts';

const { BOOL, BYTES, DOUBLE, DYN, INT, STRING, TIMESTAMP, listOf, mapOf } = celTypes;

const SCALARS: ReadonlyMap<string, Type> = new Map([
  ['bool', BOOL],
  ['bytes', BYTES],
  ['double', DOUBLE],
  ['dyn', DYN],
  ['int', INT],
  ['string', STRING],
  ['time', TIMESTAMP],
]);

let known: TypeTable | undefined;

/** Read when it is first asked for. */
const table = (): TypeTable => {
  const read: () => TypeTable = () => createRequire(import.meta.url)('./kubernetes.json');
  return (known ??= read());
};

/** `within` are the models around it: one inside of itself is an object without known fields. */
const modelType = (model: string, name: string, within: readonly string[]): Type =>
  fieldsOf(
    name,
    within.includes(model)
      ? []
      : Object.entries(table().models[model] ?? {}).map(([field, type]) => [field, typeOf(type, `${name}.${field}`, [...within, model])]),
  );

const typeOf = (type: string, name: string, within: readonly string[]): Type => {
  if (type === '{}') return fieldsOf(name, []);
  if (type.startsWith('[')) return listOf(typeOf(type.slice(1), `${name}.@idx`, within));
  if (type.startsWith('{')) return mapOf(STRING, typeOf(type.slice(1), `${name}.@elem`, within));
  return SCALARS.get(type) ?? modelType(type, name, within);
};

/** Every object has it, whatever its own definition says. */
export const metadataType = (name: string): Type => modelType('V1ObjectMeta', name, []);

type Row = KnownKind & { readonly plural: string };

let rows: readonly Row[] | undefined;

const all = (): readonly Row[] =>
  (rows ??= Object.entries(table().resources).map(([key, [kind, model]]): Row => {
    const [group = '', version = '', plural = ''] = key.split('/');
    let made: Type | undefined;
    return { group, version, plural, kind, type: () => (made ??= modelType(model, kind, [])) };
  }));

/** In every group. */
export const builtInKinds = (version: string, plural: string): readonly KnownKind[] =>
  all().filter((row) => row.plural === plural && row.version === version);

export const builtInKind = (wanted: Pick<KnownKind, 'group' | 'version' | 'kind'>): KnownKind | undefined =>
  all().find(({ group, version, kind }) => group === wanted.group && version === wanted.version && kind === wanted.kind);
