// SPDX-License-Identifier: Apache-2.0
// How the grammar of generated expressions is written down: sorts of values, and rows that make them.
//
//   sort = leaf ¦ leaf               expressions that are not made of others: plain ones and those at the edges
//   3 sort: text <- taken taken?     a production and its weight: `$0`, `$1` stand for what it takes, `#0`, `#1` for the variables
//                                    of a macro; `int` demands that sort, `int?` takes dynamic values as well

const STANDARD = [
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'timestamp',
  'duration',
  'type',
  'optional',
  'pattern',
  'formatText',
] as const;
const AGGREGATES = ['ints', 'strings', 'doubles', 'durations', 'lists', 'options', 'list', 'map'] as const;
const KUBERNETES = [
  'quantityText',
  'quantity',
  'ipText',
  'ip',
  'cidrText',
  'cidr',
  'urlText',
  'url',
  'semverText',
  'semver',
  'nameText',
  'format',
] as const;
export const SORTS = [...STANDARD, ...AGGREGATES, ...KUBERNETES] as const;
export type Sort = (typeof SORTS)[number];

export type Taken = { readonly sort: Sort; readonly dynamic: boolean };
export type Production = { readonly gives: Sort; readonly text: string; readonly takes: readonly Taken[]; readonly weight: number };
export type Grammar = { readonly leaves: ReadonlyMap<Sort, readonly string[]>; readonly productions: readonly Production[] };

const isSort = (name: string): name is Sort => SORTS.some((sort) => sort === name);

const sortOf = (name: string, line: string): Sort => {
  if (!isSort(name)) throw new Error(`${line}: no sort ${name}`);
  return name;
};

const LEAVES = /^(\w+) = (.*)$/;
const PRODUCTION = /^(?:(\d+) )?(\w+): (.*?)(?: <- (.*))?$/;

const productionOf = (line: string): Production => {
  const [, weight = '1', gives = '', text = '', takes = ''] = PRODUCTION.exec(line) ?? [];
  const taken = takes
    .split(' ')
    .filter((name) => name !== '')
    .map((name) => ({ sort: sortOf(name.replace('?', ''), line), dynamic: name.endsWith('?') }));
  return { gives: sortOf(gives, line), text, takes: taken, weight: Number(weight) };
};

export const grammarOf = (...texts: readonly string[]): Grammar => {
  const leaves = new Map<Sort, readonly string[]>();
  const productions: Production[] = [];
  const lines = texts.flatMap((text) => text.split('\n')).map((line) => line.trim());
  for (const line of lines.filter((each) => each !== '')) {
    const [, name, items] = LEAVES.exec(line) ?? [];
    if (name === undefined || items === undefined) productions.push(productionOf(line));
    else leaves.set(sortOf(name, line), [...(leaves.get(sortOf(name, line)) ?? []), ...items.split(' ¦ ')]);
  }
  return { leaves, productions };
};
