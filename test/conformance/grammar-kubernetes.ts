// SPDX-License-Identifier: Apache-2.0
// The libraries that Kubernetes adds, and cel-go's sets and lists.

export const LISTS = String.raw`
  bool: $0.isSorted() <- ints
  bool: $0.isSorted() <- strings
  bool: $0.isSorted() <- list?
  bool: sets.contains($0, $1) <- ints ints
  bool: sets.contains($0, $1) <- list? list?
  bool: sets.equivalent($0, $1) <- strings strings
  bool: sets.equivalent($0, $1) <- list? list?
  bool: sets.intersects($0, $1) <- ints ints
  bool: sets.intersects($0, $1) <- list? strings?
  int: $0.sum() <- ints
  int: $0.sum() <- list?
  int: $0.min() <- ints
  int: $0.max() <- ints
  int: $0.min() <- list?
  int: $0.indexOf($1) <- ints int
  int: $0.indexOf($1) <- list? string?
  int: $0.lastIndexOf($1) <- ints int
  int: $0.lastIndexOf($1) <- list? double?
  double: $0.sum() <- doubles
  double: $0.max() <- doubles
  duration: $0.sum() <- durations
  duration: $0.min() <- durations
  string: $0.min() <- strings
  string: $0.max() <- strings
  ints: $0.sort() <- ints
  ints: $0.distinct() <- ints
  ints: $0.reverse() <- ints
  ints: $0.slice($1, $2) <- ints int? int?
  ints: lists.range(3)
  ints: lists.range($0 % 5) <- int?
  ints: $0.sortBy(#0, -#0) <- ints
  strings: $0.sort() <- strings
  strings: $0.sortBy(#0, #0.size()) <- strings
  strings: $0.distinct() <- strings
  list: $0.sort() <- list?
  list: $0.sortBy(#0, $1) <- list? string?
  list: $0.distinct() <- list?
  list: $0.reverse() <- list?
  list: $0.slice($1, $2) <- list? int? int?
  list: $0.flatten() <- lists
  list: $0.flatten() <- list
  list: $0.flatten($1) <- list? int?
  optional: $0.first() <- ints
  optional: $0.last() <- list?
`;

export const TEXTS = String.raw`
  string: $0.find($1) <- string? pattern?
  string: $0.find('[a-c]+') <- string?
  strings: $0.findAll($1) <- string? pattern?
  strings: $0.findAll($1, $2) <- string? pattern? int?
  strings: $0.findAll('[a-c]', $1) <- string? int?
  urlText = 'https://user@example.com:8080/a%20b/c?x=1&y=2&x=3#f' ¦ '/path?q' ¦ 'https://[::1]:80/' ¦ 'mailto:a@b' ¦ '' ¦ 'example.com'
  urlText = 'http://a b/' ¦ 'http://[::1' ¦ '://x' ¦ 'https://a/%zz' ¦ '../x' ¦ 'https://a:b/' ¦ 'https://é/é?é=%C3%A9' ¦ '//host/p' ¦ 'http://a?b;c=1&d'
  url = url('https://user@example.com:8080/a%20b/c?x=1&y=2&x=3#f') ¦ url('/path?q') ¦ url('https://[::1]:80/') ¦ url('mailto:a@b')
  bool: isURL($0) <- urlText?
  url: url($0) <- urlText?
  string: $0.getHost() <- url
  string: $0.getHostname() <- url
  string: $0.getPort() <- url
  string: $0.getScheme() <- url
  string: $0.getEscapedPath() <- url
  map: $0.getQuery() <- url
  strings: $0.getQuery()['x'] <- url
  nameText = 'a' ¦ 'a-b' ¦ '-a' ¦ 'A.b' ¦ 'a.b/c' ¦ 'a/' ¦ '' ¦ '1a' ¦ 'a_b' ¦ 'a..b' ¦ 'YWJj' ¦ '2024-02-30' ¦ '2024-02-29' ¦ 'https://x/y' ¦ 'a_'
  nameText = '2024-02-29T12:34:56Z' ¦ '123e4567-e89b-12d3-a456-426614174000' ¦ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
  format = format.dns1123Label() ¦ format.dns1123Subdomain() ¦ format.dns1035Label() ¦ format.qualifiedName() ¦ format.dns1123LabelPrefix()
  format = format.dns1123SubdomainPrefix() ¦ format.dns1035LabelPrefix() ¦ format.labelValue() ¦ format.uri() ¦ format.uuid() ¦ format.byte()
  format = format.date() ¦ format.datetime() ¦ format.named('uri').value() ¦ format.named('nothing').value()
  2 optional: $0.validate($1) <- format nameText?
  bool: $0.validate($1).hasValue() <- format nameText
  optional: format.named($0) <- nameText?
  bool: ($0 == $1) <- format format
`;

export const QUANTITIES = String.raw`
  quantityText = '1' ¦ '1500m' ¦ '1Gi' ¦ '-0.5k' ¦ '1e3' ¦ '0' ¦ '12345678901234567890' ¦ '1.5' ¦ '100n' ¦ '1E' ¦ '1Ki1' ¦ '+.5' ¦ '1e-10' ¦ '3E6' ¦ '1 Gi'
  quantity = quantity('1') ¦ quantity('1500m') ¦ quantity('1Gi') ¦ quantity('-0.5k') ¦ quantity('1e3') ¦ quantity('0')
  quantity = quantity('12345678901234567890') ¦ quantity('1.25') ¦ quantity('1000m') ¦ quantity('9223372036854775807')
  bool: isQuantity($0) <- quantityText?
  bool: $0.isInteger() <- quantity
  bool: $0.isGreaterThan($1) <- quantity quantity
  bool: $0.isLessThan($1) <- quantity quantity
  int: $0.compareTo($1) <- quantity quantity
  int: sign($0) <- quantity
  int: $0.sign() <- quantity
  int: $0.asInteger() <- quantity
  double: $0.asApproximateFloat() <- quantity
  quantity: quantity($0) <- quantityText?
  quantity: $0.add($1) <- quantity quantity
  quantity: $0.add($1) <- quantity int?
  quantity: $0.sub($1) <- quantity quantity
  quantity: $0.sub($1) <- quantity int
  semverText = '1.2.3' ¦ '0.0.1-alpha.1+b' ¦ 'v1.0' ¦ '1.2.3-beta' ¦ '01.2.3' ¦ '1.2' ¦ '' ¦ '1.2.3-' ¦ '1.2.3-01' ¦ 'v1' ¦ '99999999999999999999.0.0' ¦ '1.2.3+é'
  semver = semver('1.2.3') ¦ semver('0.0.1-alpha.1+b') ¦ semver('v1.0', true) ¦ semver('1.2.3-beta') ¦ semver('1.2.3+build')
  bool: isSemver($0) <- semverText?
  bool: isSemver($0, $1) <- semverText? bool?
  bool: $0.isLessThan($1) <- semver semver
  bool: $0.isGreaterThan($1) <- semver semver
  int: $0.major() <- semver
  int: $0.minor() <- semver
  int: $0.patch() <- semver
  int: $0.compareTo($1) <- semver semver
  semver: semver($0) <- semverText?
  semver: semver($0, $1) <- semverText? bool?
`;

export const ADDRESSES = String.raw`
  ipText = '127.0.0.1' ¦ '::1' ¦ 'fe80::1' ¦ '10.0.0.1' ¦ '::ffff:1.2.3.4' ¦ '010.0.0.1' ¦ '1.2.3' ¦ 'fe80::1%eth0' ¦ '' ¦ '2001:DB8::1' ¦ '256.0.0.1' ¦ '1::2::3'
  ip = ip('127.0.0.1') ¦ ip('::1') ¦ ip('fe80::1') ¦ ip('10.0.0.1') ¦ ip('ff02::1') ¦ ip('0.0.0.0') ¦ ip('224.0.0.1') ¦ ip('2001:DB8::1')
  cidrText = '10.0.0.0/8' ¦ '192.168.1.1/24' ¦ '::/0' ¦ '10.0.0.0/33' ¦ '10.0.0.0' ¦ '1.2.3.4/08' ¦ '::ffff:1.2.3.4/100' ¦ '/8' ¦ 'fe80::%e/10' ¦ '1.2.3.4/-1'
  cidr = cidr('10.0.0.0/8') ¦ cidr('192.168.1.1/24') ¦ cidr('::/0') ¦ cidr('2001:db8::/32') ¦ cidr('1.2.3.4/32')
  bool: isIP($0) <- ipText?
  bool: ip.isCanonical($0) <- ipText?
  bool: $0.isLoopback() <- ip
  bool: $0.isUnspecified() <- ip
  bool: $0.isGlobalUnicast() <- ip
  bool: $0.isLinkLocalUnicast() <- ip
  bool: $0.isLinkLocalMulticast() <- ip
  bool: isCIDR($0) <- cidrText?
  bool: $0.containsIP($1) <- cidr ip
  bool: $0.containsIP($1) <- cidr ipText?
  bool: $0.containsCIDR($1) <- cidr cidr
  bool: $0.containsCIDR($1) <- cidr cidrText?
  int: $0.family() <- ip
  int: $0.prefixLength() <- cidr
  string: string($0) <- ip
  string: string($0) <- cidr
  ip: ip($0) <- ipText?
  ip: $0.ip() <- cidr
  cidr: cidr($0) <- cidrText?
  cidr: $0.masked() <- cidr
`;
