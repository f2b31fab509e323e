// SPDX-License-Identifier: Apache-2.0
// The productions of generated expressions. `int` as an argument demands that type, `int?` takes dynamic values as well.
import { LEAVES, SORTS } from './grammar-leaves.ts';
import type { Sort } from './grammar-leaves.ts';

type Taken = Sort | `${Sort}?`;

export type Production = { readonly gives: Sort; readonly text: string; readonly takes: readonly Taken[]; readonly weight?: number };

/** One row a production: `result: text <- arguments`. A row that starts with a number has that weight. */
const rows = (text: string): readonly Production[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, weight, gives = '', template = '', takes = ''] = /^(?:(\d+) )?(\w+): (.*?)(?: <- (.*))?$/.exec(line) ?? [];
      const taken = takes.split(' ').filter((each) => each !== '');
      for (const each of [gives, ...taken.map((name) => name.replace('?', ''))])
        if (!SORTS.some((sort) => sort === each)) throw new Error(`${line}: no sort ${each}`);
      return { gives: gives as Sort, text: template, takes: taken as Taken[], ...(weight === undefined ? {} : { weight: Number(weight) }) };
    });

const COMPARED: readonly Sort[] = ['int', 'uint', 'double', 'string', 'bool', 'bytes', 'timestamp', 'duration'];
const EQUATED: readonly Sort[] = [
  ...COMPARED,
  'ints',
  'strings',
  'list',
  'map',
  'optional',
  'type',
  'quantity',
  'ip',
  'cidr',
  'url',
  'semver',
];

const compared = COMPARED.flatMap((sort) => ['<', '<=', '>', '>='].map((operator) => `bool: ($0 ${operator} $1) <- ${sort}? ${sort}?`));
const equated = EQUATED.flatMap((sort) => ['==', '!='].map((operator) => `bool: ($0 ${operator} $1) <- ${sort}? ${sort}?`));
const chosen = SORTS.map((sort) => `${sort}: ($0 ? $1 : $2) <- bool? ${sort} ${sort}`);

const BOOL = `
  4 bool: ($0 && $1) <- bool? bool?
  4 bool: ($0 || $1) <- bool? bool?
  2 bool: !$0 <- bool?
  bool: ($0 in $1) <- int? ints?
  bool: ($0 in $1) <- string? strings?
  bool: ($0 in $1) <- string? map?
  bool: ($0 in $1) <- double? list?
  bool: $0.startsWith($1) <- string? string?
  bool: $0.endsWith($1) <- string? string?
  bool: $0.contains($1) <- string? string?
  bool: $0.matches('^a.c?$') <- string?
  bool: $0.matches($1) <- string? string?
  3 bool: dyn($0).all(#0, $1) <- list? bool?
  3 bool: dyn($0).exists(#0, $1) <- list? bool?
  2 bool: dyn($0).exists_one(#0, $1) <- list? bool?
  bool: $0.all(#0, #0 > $1) <- ints int?
  bool: dyn($0).all(#0, $1) <- map? bool?
  bool: dyn($0).exists(#0, $1) <- map? bool?
  bool: dyn($0).all(#0, #1, $1) <- list? bool?
  bool: dyn($0).exists(#0, #1, $1) <- map? bool?
  bool: dyn($0).existsOne(#0, #1, $1) <- list? bool?
  bool: $0.hasValue() <- optional
  bool: $0.isSorted() <- ints
  bool: $0.isSorted() <- strings
  bool: sets.contains($0, $1) <- ints ints
  bool: sets.equivalent($0, $1) <- strings strings
  bool: sets.intersects($0, $1) <- ints ints
  bool: bool($0) <- string?
  bool: has($0.a) <- map?
  bool: ($0 == null) <- string?
  bool: ($0 == $1) <- list? list?
  bool: (dyn($0) == dyn($1)) <- int? double?
  bool: (dyn($0) < dyn($1)) <- int? uint?
  bool: isQuantity($0) <- string?
  bool: $0.isInteger() <- quantity
  bool: $0.isGreaterThan($1) <- quantity quantity
  bool: $0.isLessThan($1) <- quantity quantity
  bool: isIP($0) <- string?
  bool: ip.isCanonical($0) <- string?
  bool: $0.isLoopback() <- ip
  bool: $0.isUnspecified() <- ip
  bool: $0.isGlobalUnicast() <- ip
  bool: $0.isLinkLocalUnicast() <- ip
  bool: $0.isLinkLocalMulticast() <- ip
  bool: isCIDR($0) <- string?
  bool: $0.containsIP($1) <- cidr ip
  bool: $0.containsIP($1) <- cidr string?
  bool: $0.containsCIDR($1) <- cidr cidr
  bool: isURL($0) <- string?
  bool: isSemver($0) <- string?
  bool: isSemver($0, $1) <- string? bool?
  bool: $0.isLessThan($1) <- semver semver
  bool: $0.isGreaterThan($1) <- semver semver
  bool: format.dns1123Label().validate($0).hasValue() <- string?
`;

const NUMBERS = `
  int: ($0 + $1) <- int? int?
  int: ($0 - $1) <- int? int?
  int: ($0 * $1) <- int? int?
  int: ($0 / $1) <- int? int?
  int: ($0 % $1) <- int? int?
  int: -$0 <- int
  2 int: size($0) <- string?
  int: $0.size() <- strings?
  int: size($0) <- map?
  int: size($0) <- bytes?
  int: int($0) <- double?
  int: int($0) <- string?
  int: int($0) <- uint?
  int: int($0) <- timestamp?
  int: $0.indexOf($1) <- string? string?
  int: $0.indexOf($1, $2) <- string? string? int?
  int: $0.lastIndexOf($1) <- string? string?
  int: $0.lastIndexOf($1, $2) <- string? string? int?
  int: $0[$1] <- ints int?
  int: $0.sum() <- ints
  int: $0.min() <- ints
  int: $0.max() <- ints
  int: $0.indexOf($1) <- ints int
  int: $0.lastIndexOf($1) <- ints int
  int: $0.getFullYear() <- timestamp?
  int: $0.getMonth() <- timestamp?
  int: $0.getDayOfYear() <- timestamp?
  int: $0.getDayOfWeek('America/New_York') <- timestamp?
  int: $0.getDate('+05:30') <- timestamp?
  int: $0.getHours() <- duration?
  int: $0.getHours('-09:00') <- timestamp?
  int: $0.getMilliseconds() <- timestamp?
  int: $0.getMilliseconds() <- duration?
  int: $0.compareTo($1) <- quantity quantity
  int: $0.sign() <- quantity
  int: $0.asInteger() <- quantity
  int: $0.family() <- ip
  int: $0.prefixLength() <- cidr
  int: $0.major() <- semver
  int: $0.compareTo($1) <- semver semver
  int: $0.orValue($1) <- optional int
  uint: ($0 + $1) <- uint? uint?
  uint: ($0 - $1) <- uint? uint?
  uint: ($0 * $1) <- uint? uint?
  uint: ($0 / $1) <- uint? uint?
  uint: ($0 % $1) <- uint? uint?
  uint: uint($0) <- int?
  uint: uint($0) <- double?
  uint: uint($0) <- string?
  double: ($0 + $1) <- double? double?
  double: ($0 - $1) <- double? double?
  double: ($0 * $1) <- double? double?
  double: ($0 / $1) <- double? double?
  double: -$0 <- double
  double: double($0) <- int?
  double: double($0) <- string?
  double: double($0) <- uint?
  double: $0.asApproximateFloat() <- quantity
`;

const TEXT = `
  2 string: ($0 + $1) <- string? string?
  string: string($0) <- int?
  string: string($0) <- uint?
  string: string($0) <- double?
  string: string($0) <- bool?
  string: string($0) <- bytes?
  string: string($0) <- timestamp?
  string: string($0) <- duration?
  string: $0.charAt($1) <- string? int?
  string: $0.replace($1, $2) <- string? string? string?
  string: $0.replace($1, $2, $3) <- string? string? string? int?
  string: $0.substring($1) <- string? int?
  string: $0.substring($1, $2) <- string? int? int?
  string: $0.trim() <- string?
  string: $0.lowerAscii() <- string?
  string: $0.upperAscii() <- string?
  string: $0.join() <- strings?
  string: $0.join($1) <- strings? string?
  string: '%s|%d'.format([$0, $1]) <- string int
  string: '%s'.format([$0]) <- list
  string: '%s'.format([$0]) <- map
  string: '%s'.format([$0]) <- double
  string: '%.2f %e'.format([$0, $1]) <- double double
  string: '%x %X'.format([$0, $1]) <- int string
  string: '%b %o'.format([$0, $1]) <- int int
  string: '%s %s'.format([$0, $1]) <- timestamp timestamp
  string: '%s %s'.format([dyn($0), dyn($1)]) <- duration bool
  string: $0.format([$1]) <- string? int?
  string: strings.quote($0) <- string?
  string: $0.find($1) <- string? string?
  string: $0.find('[a-c]+') <- string?
  string: $0[$1] <- strings int?
  string: string($0) <- ip
  string: string($0) <- cidr
  string: $0.getHost() <- url
  string: $0.getHostname() <- url
  string: $0.getPort() <- url
  string: $0.getScheme() <- url
  string: $0.getEscapedPath() <- url
  bytes: bytes($0) <- string?
  bytes: ($0 + $1) <- bytes? bytes?
`;

const OTHERS = `
  timestamp: timestamp($0) <- string?
  timestamp: timestamp($0) <- int?
  timestamp: ($0 + $1) <- timestamp? duration?
  timestamp: ($0 - $1) <- timestamp? duration
  duration: duration($0) <- string?
  duration: ($0 - $1) <- timestamp? timestamp
  duration: ($0 + $1) <- duration? duration?
  duration: ($0 - $1) <- duration? duration
  duration: -$0 <- duration
  ints: ($0 + $1) <- ints? ints?
  ints: [$0, $1] <- int int
  ints: $0.map(#0, #0 + 1) <- ints
  ints: $0.filter(#0, #0 > $1) <- ints int
  ints: $0.sort() <- ints
  ints: $0.distinct() <- ints
  ints: $0.reverse() <- ints
  ints: $0.slice($1, $2) <- ints int? int?
  ints: lists.range(3)
  strings: ($0 + $1) <- strings? strings?
  strings: [$0, $1] <- string string
  strings: $0.split($1) <- string? string?
  strings: $0.split($1, $2) <- string? string? int?
  strings: $0.findAll($1) <- string? string?
  strings: $0.findAll('[a-c]', $1) <- string? int?
  strings: $0.sort() <- strings
  strings: $0.sortBy(#0, #0.size()) <- strings
  strings: $0.distinct() <- strings
  list: ($0 + $1) <- list? list?
  2 list: dyn($0).map(#0, $1) <- list? string?
  list: dyn($0).map(#0, $1, $2) <- list? bool? int?
  2 list: dyn($0).filter(#0, $1) <- list? bool?
  list: dyn($0).transformList(#0, #1, $1) <- list? int?
  list: dyn($0).transformList(#0, #1, $1, $2) <- list? bool? string?
  list: [?$0, ?$1] <- optional optional
  list: $0.flatten() <- list
  list: [$0] <- map
  map: {'a': $0} <- int
  map: {$0: $1} <- string string
  map: {$0: 1, $1: 2} <- string string
  map: {?'a': $0} <- optional
  map: dyn($0).transformMap(#0, #1, $1) <- list? string?
  map: dyn($0).transformMap(#0, #1, $1, $2) <- map? bool? int?
  optional: optional.of($0) <- string?
  optional: optional.ofNonZeroValue($0) <- string?
  optional: optional.ofNonZeroValue($0) <- list?
  optional: $0.or($1) <- optional optional
  optional: $0.optMap(#0, $1) <- optional int?
  optional: $0.optFlatMap(#0, $1) <- optional optional
  optional: $0[?$1] <- list int?
  optional: $0.?a <- map
  optional: $0[?'a'] <- map
  optional: $0.first() <- ints
  type: type($0) <- string?
  type: type($0) <- list
  type: type($0) <- optional
  quantity: quantity($0) <- string?
  quantity: $0.add($1) <- quantity quantity
  quantity: $0.sub($1) <- quantity int
  ip: ip($0) <- string?
  ip: $0.ip() <- cidr
  cidr: cidr($0) <- string?
  cidr: $0.masked() <- cidr
  url: url($0) <- string?
  semver: semver($0) <- string?
`;

const ALL = rows([BOOL, NUMBERS, TEXT, OTHERS, ...compared, ...equated, ...chosen].join('\n'));

/** The grammar without some functions; a sort of values that only these can make is left out with all that takes it. */
export type Grammar = { readonly sorts: readonly Sort[]; readonly productions: readonly Production[] };

export const grammarWithout = (absent: readonly string[]): Grammar => {
  const names = new Set(absent);
  const calls = (text: string): boolean => Array.from(text.matchAll(/([a-z]\w*(?:\.\w+)?)\(/g)).some(([, name = '']) => names.has(name));
  const sorts = SORTS.filter((sort) => !LEAVES[sort].every(calls));
  const productions = ALL.filter(
    ({ gives, text, takes }) =>
      !calls(text) && [gives, ...takes].every((each) => sorts.some((sort) => sort === each || `${sort}?` === each)),
  );
  return { sorts, productions };
};
