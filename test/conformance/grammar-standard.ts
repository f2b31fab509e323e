// SPDX-License-Identifier: Apache-2.0
// The language itself and cel-go's extensions that Kubernetes has: operators, macros, conversions, text, time, optionals.

export const LOGIC = String.raw`
  bool = true ¦ false ¦ has(self.i) ¦ has(self.missing) ¦ has(self.n.x) ¦ has(self.s.x) ¦ has(self.l.x) ¦ has(object.spec.replicas)
  bool = has(self.m.constructor) ¦ has(self.missing.x) ¦ has({'a': 1}.a) ¦ has(self.one.k)
  4 bool: ($0 && $1) <- bool? bool?
  4 bool: ($0 || $1) <- bool? bool?
  bool: ($0 && $1 && $2) <- bool? bool? bool?
  bool: ($0 || $1 || $2) <- bool? bool? bool?
  2 bool: !$0 <- bool?
  bool: ($0 in $1) <- int? ints?
  bool: ($0 in $1) <- string? strings?
  bool: ($0 in $1) <- string? map?
  bool: ($0 in $1) <- double? list?
  bool: ($0 in []) <- string?
  bool: dyn($0).all(#0, $1) <- list? bool?
  2 bool: $0.all(#0, $1) <- ints bool?
  2 bool: dyn($0).exists(#0, $1) <- list? bool?
  bool: $0.exists(#0, #0 == $1) <- strings string?
  2 bool: dyn($0).exists_one(#0, $1) <- list? bool?
  bool: $0.all(#0, #0 > $1) <- ints int?
  bool: dyn($0).all(#0, $1) <- map? bool?
  bool: dyn($0).exists(#0, $1) <- map? bool?
  bool: dyn($0).all(#0, #1, $1) <- list? bool?
  bool: $0.all(#0, #1, #0 < #1 || $1) <- ints bool?
  bool: dyn($0).exists(#0, #1, $1) <- map? bool?
  bool: dyn($0).existsOne(#0, #1, $1) <- list? bool?
  bool: $0.existsOne(#0, $1) <- ints bool?
  bool: $0.hasValue() <- optional
  bool: bool($0) <- string?
  bool: has($0.a) <- map?
  bool: ($0 == null) <- string?
  bool: ($0 != null) <- optional
  bool: ($0 == $1) <- list? list?
  bool: (dyn($0) == dyn($1)) <- int? double?
  bool: (dyn($0) < dyn($1)) <- int? uint?
  bool: ($0 < $1) <- int double
  bool: ($0 >= $1) <- uint int
  type = int ¦ string ¦ type(self.i) ¦ type(null) ¦ list ¦ map ¦ type(1.0) ¦ type(self.d) ¦ bool ¦ type(int) ¦ null_type ¦ optional_type
  type = google.protobuf.Timestamp ¦ google.protobuf.Duration ¦ type ¦ bytes ¦ uint ¦ double ¦ net.IP ¦ net.CIDR
  type: type($0) <- string?
  type: type($0) <- list
  type: type($0) <- optional
  type: type($0) <- map
  type: type($0) <- ip
`;

export const NUMBERS = String.raw`
  int = 0 ¦ 1 ¦ -1 ¦ 2 ¦ 3 ¦ 10 ¦ 9223372036854775807 ¦ -9223372036854775808 ¦ 9007199254740993 ¦ 0x1F ¦ 100
  uint = 0u ¦ 1u ¦ 2u ¦ 18446744073709551615u ¦ 0xFFu
  double = 0.0 ¦ -0.0 ¦ 1.0 ¦ 1.5 ¦ -2.5 ¦ 1e21 ¦ 1e-7 ¦ 9007199254740993.0 ¦ 1e308 ¦ 0.1 ¦ 123456789.123 ¦ double('NaN') ¦ double('-Inf')
  int: ($0 + $1) <- int? int?
  int: ($0 - $1) <- int? int?
  int: ($0 * $1) <- int? int?
  int: ($0 / $1) <- int? int?
  int: ($0 % $1) <- int? int?
  int: -$0 <- int
  int: -$0 <- int?
  2 int: size($0) <- string?
  int: $0.size() <- strings?
  int: size($0) <- map?
  int: $0.size() <- list?
  int: size($0) <- bytes?
  int: int($0) <- double?
  int: int($0) <- string?
  int: int($0) <- uint?
  int: int($0) <- timestamp?
  int: int($0) <- duration
  int: $0.indexOf($1) <- string? string?
  int: $0.indexOf($1, $2) <- string? string? int?
  int: $0.lastIndexOf($1) <- string? string?
  int: $0.lastIndexOf($1, $2) <- string? string? int?
  int: $0[$1] <- ints int?
  int: $0.getFullYear() <- timestamp?
  int: $0.getMonth() <- timestamp?
  int: $0.getDayOfYear() <- timestamp?
  int: $0.getDayOfMonth('Europe/Berlin') <- timestamp?
  int: $0.getDayOfWeek('America/New_York') <- timestamp?
  int: $0.getDate('+05:30') <- timestamp?
  int: $0.getHours() <- timestamp?
  int: $0.getHours() <- duration?
  int: $0.getHours('-09:00') <- timestamp?
  int: $0.getHours($1) <- timestamp? string?
  int: $0.getMinutes() <- duration?
  int: $0.getMinutes('Asia/Kathmandu') <- timestamp?
  int: $0.getSeconds() <- duration?
  int: $0.getSeconds() <- timestamp?
  int: $0.getMilliseconds() <- timestamp?
  int: $0.getMilliseconds() <- duration?
  int: $0.orValue($1) <- optional int
  int: $0.orValue($1) <- optional int?
  int: $0.value() <- optional
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
`;

export const TEXT = String.raw`
  string = '' ¦ 'a' ¦ 'abc' ¦ 'A b' ¦ '😀a' ¦ 'é' ¦ 'a,b,c' ¦ '42' ¦ '1.5' ¦ 'true' ¦ '%s' ¦ 'constructor' ¦ '\n' ¦ '～' ¦ r'\d' ¦ '  x '
  string = 'ß' ¦ '\u0000' ¦ '1_0' ¦ '0x1p-2' ¦ '-0' ¦ 'Inf' ¦ '1e400' ¦ '\u00a0\u2028"' ¦ "it's"
  bytes = b'' ¦ b'abc' ¦ b'\xff' ¦ b'é'
  pattern = '^a.c?$' ¦ '[a-c]+' ¦ '(' ¦ r'\d+' ¦ 'a*' ¦ '' ¦ '(?i)A' ¦ r'\pL' ¦ 'x|y' ¦ '(a)(b)?' ¦ '.' ¦ self.re
  pattern: ($0 + $1) <- pattern string?
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
  string: strings.quote($0) <- string?
  string: $0[$1] <- strings int?
  bool: $0.startsWith($1) <- string? string?
  bool: $0.endsWith($1) <- string? string?
  bool: $0.contains($1) <- string? string?
  2 bool: $0.matches($1) <- string? pattern?
  bool: matches($0, $1) <- string? pattern?
  bytes: bytes($0) <- string?
  bytes: ($0 + $1) <- bytes? bytes?
  formatText = '%s' ¦ '%d' ¦ '%f' ¦ '%e' ¦ '%x' ¦ '%X' ¦ '%o' ¦ '%b' ¦ '%.3f' ¦ '%%' ¦ '%' ¦ '%q' ¦ '%.s' ¦ 'a%sb%s' ¦ self.s
  string: '%s|%d'.format([$0, $1]) <- string int
  string: '%s'.format([$0]) <- list
  string: '%s'.format([$0]) <- map
  string: '%s'.format([$0]) <- double
  string: '%s'.format([$0]) <- type
  string: '%s'.format([$0]) <- optional
  string: '%.2f %e'.format([$0, $1]) <- double double
  string: '%x %X'.format([$0, $1]) <- int string
  string: '%b %o'.format([$0, $1]) <- int int
  string: '%s %s'.format([$0, $1]) <- timestamp timestamp
  string: '%s %s'.format([dyn($0), dyn($1)]) <- duration bool
  string: $0.format([$1]) <- formatText int?
  string: $0.format([$1]) <- formatText string?
  string: $0.format([dyn($1), $2]) <- formatText double int?
  string: $0.format($1) <- formatText list?
`;

export const TIMES = String.raw`
  timestamp = timestamp('2024-02-29T12:34:56.789Z') ¦ timestamp('1970-01-01T00:00:00Z') ¦ timestamp('0001-01-01T00:00:00Z')
  timestamp = timestamp('9999-12-31T23:59:59Z') ¦ timestamp('2024-06-01T00:00:00+05:30') ¦ timestamp('2024-06-01T00:00:00.12-08:00')
  duration = duration('1h') ¦ duration('-1.5s') ¦ duration('0s') ¦ duration('90m') ¦ duration('1ns') ¦ duration('2562047h')
  timestamp: timestamp($0) <- string?
  timestamp: timestamp($0) <- int?
  timestamp: ($0 + $1) <- timestamp? duration?
  timestamp: ($0 + $1) <- duration timestamp?
  timestamp: ($0 - $1) <- timestamp? duration
  duration: duration($0) <- string?
  duration: duration($0) <- int?
  duration: ($0 - $1) <- timestamp? timestamp
  duration: ($0 + $1) <- duration? duration?
  duration: ($0 - $1) <- duration? duration
  duration: -dyn($0) <- duration
`;

export const AGGREGATES = String.raw`
  ints = [] ¦ [1] ¦ [3, 1, 2] ¦ [1, 1, 2]
  strings = [] ¦ ['a'] ¦ ['b', 'a', 'b'] ¦ ['', '😀']
  doubles = [1.5] ¦ [2.0, -0.5, 1e21] ¦ [self.d, self.whole]
  durations = [duration('1h'), duration('5s')] ¦ [duration('0s')]
  list = [self.i, self.s] ¦ [self.n] ¦ dyn([1, 2]) ¦ [dyn(1), dyn(1.0), dyn(1u)] ¦ [[1], [2]] ¦ [{'a': 1}] ¦ self.?l.orValue([]) ¦ [null]
  lists = [[1], [2, 3]] ¦ [[[1]], []] ¦ [['a'], []] ¦ [[]]
  map = {} ¦ {'a': 1} ¦ {'a': self.i} ¦ {1: 2, 3: 4} ¦ {true: 1} ¦ {'a': 1, 'b': 2} ¦ {1u: 2} ¦ {dyn(1): 1, dyn(1.0): 2} ¦ {'a': 1, 'a': 2}
  ints: ($0 + $1) <- ints? ints?
  ints: [$0, $1] <- int int
  ints: $0.map(#0, #0 + 1) <- ints
  ints: $0.map(#0, #0 > $1, #0 * 2) <- ints int?
  ints: $0.filter(#0, #0 > $1) <- ints int
  strings: ($0 + $1) <- strings? strings?
  strings: [$0, $1] <- string string
  strings: $0.split($1) <- string? string?
  strings: $0.split($1, $2) <- string? string? int?
  strings: $0.map(#0, #0.upperAscii()) <- strings
  doubles: [$0, $1] <- double double
  durations: [$0, $1] <- duration duration
  lists: [$0, $1] <- ints ints
  list: ($0 + $1) <- list? list?
  2 list: dyn($0).map(#0, $1) <- list? string?
  list: dyn($0).map(#0, $1, $2) <- list? bool? int?
  2 list: dyn($0).filter(#0, $1) <- list? bool?
  list: dyn($0).map(#0, $1) <- map? string?
  list: dyn($0).transformList(#0, #1, $1) <- list? int?
  list: dyn($0).transformList(#0, #1, $1, $2) <- list? bool? string?
  list: [?$0, ?$1] <- optional optional
  list: [$0] <- map
  map: {'a': $0} <- int
  map: {$0: $1} <- string string
  map: {$0: 1, $1: 2} <- string string
  map: {$0: $1} <- string? int?
  map: {?'a': $0} <- optional
  map: dyn($0).transformMap(#0, #1, $1) <- list? string?
  map: dyn($0).transformMap(#0, #1, $1, $2) <- map? bool? int?
  map: $0.transformMapEntry(#0, #1, {#1: #0}) <- strings
  map: $0.transformMapEntry(#0, #1, {string(#1): $1}) <- ints int?
  map: $0.transformMapEntry(#0, #1, $1, {#0: #1}) <- ints bool?
`;

export const OPTIONALS = String.raw`
  optional = optional.none() ¦ optional.of(1) ¦ self.?i ¦ self.?missing ¦ self.?m.?a ¦ self.?n ¦ self.m[?"a"] ¦ self.l[?9] ¦ optional.of('a')
  optional = self.?missing.?x.y ¦ self.?s.?x ¦ self.?deep.a.b.c ¦ self.?l[0] ¦ optional.of(null)
  options = [self.?i] ¦ [optional.of(1), optional.none()] ¦ []
  options: [$0, $1] <- optional optional
  optional: optional.of($0) <- string?
  optional: optional.ofNonZeroValue($0) <- string?
  optional: optional.ofNonZeroValue($0) <- list?
  optional: optional.ofNonZeroValue($0) <- timestamp?
  optional: optional.ofNonZeroValue($0) <- map?
  optional: $0.or($1) <- optional optional
  optional: $0.or($1) <- optional optional?
  optional: $0.optMap(#0, $1) <- optional int?
  optional: $0.optMap(#0, #0 + $1) <- optional int?
  optional: $0.optFlatMap(#0, $1) <- optional optional
  optional: $0[?$1] <- list int?
  optional: $0[?$1] <- list double?
  optional: $0.?a <- map
  optional: $0[?'a'] <- map
  optional: $0[?$1] <- map? string?
  list: optional.unwrap($0) <- options
  list: $0.unwrapOpt() <- options
`;
