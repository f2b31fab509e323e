// SPDX-License-Identifier: Apache-2.0
// Evidence that is good for another signing operation: log entries, signatures, envelopes and timestamps that are swapped between
// bundles of one artifact. Each row bears the name of the case of Sigstore's conformance suite whose fault it has
// (github.com/sigstore/sigstore-conformance, test/assets/bundle-verify), made anew from bundles of our own.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AT, changed, identity, sealed, sigstore, statementOf, verdictOn } from './any-bundle.ts';
import type { Row } from './any-bundle.ts';
import { p256 } from './certificates.ts';
import type { Json, SealOptions } from './index.ts';
import { MATERIAL, entryOf, inside } from './json-fields.ts';

type Way = Partial<SealOptions>;

/** Bundles by one key and one certificate, over these contents; those of ECDSA are never signed alike. */
const alike = (way: Way, first: object, second: object): readonly [Json, Json] => {
  const key = p256();
  const make = (content: object): Json =>
    sigstore.seal({ content: { statement: statementOf(content) }, identity, key, atMs: AT, timestamps: 1, ...way });
  const [one, two] = [make(first), make(second)];
  return [one, changed(two, [MATERIAL], { certificate: inside(one, MATERIAL, 'certificate') })];
};
const unrelated = (way: Way): readonly [Json, Json] => [alike(way, {}, {})[0], alike(way, {}, {})[0]];

const timestampsOf = (bundle: Json): object => ({ timestampVerificationData: inside(bundle, MATERIAL, 'timestampVerificationData') });
/** Signature and timestamp go together, so that it is not for the time that it is refused. */
const withSignature = (bundle: Json, of: Json): Json =>
  changed(changed(bundle, ['dsseEnvelope'], { signatures: inside(of, 'dsseEnvelope')['signatures'] }), [MATERIAL], timestampsOf(of));
const withEnvelope = (bundle: Json, of: Json): Json =>
  changed(changed(bundle, [], { dsseEnvelope: inside(of, 'dsseEnvelope') }), [MATERIAL], timestampsOf(of));
const withEntry = (bundle: Json, of: Json): Json => changed(bundle, [MATERIAL], { tlogEntries: [entryOf(of)] });

const ways: Readonly<Record<string, Way>> = {
  'dsse-with-hashedrekord': { statementAs: 'hashedrekord' },
  'rekor2-dsse': { log: 2 },
  'rekor2-dsse (as its first servers entered it)': { log: 2, earlyTiles: true },
  'dsse (as Rekor v1 enters it)': {},
  'dsse (as Rekor v1 entered it before)': { statementAs: 'intoto' },
};

const other = { predicate: { other: 1 } };
const rowsOf = ([name, way]: readonly [string, Way]): readonly Row[] => [
  [`${name}-happy-path`, 'accepted', () => ({ bundle: alike(way, {}, {})[0] })],
  [`${name}-invalid-sig_fail`, 'SEAL_SIGNATURE', () => ({ bundle: withSignature(...unrelated(way)) })],
  [
    `${name}-invalid-sig_fail, and the log has just that signature`,
    'SEAL_SIGNATURE',
    () => {
      const [one, two] = unrelated(way);
      return { bundle: withEntry(withSignature(one, two), two) };
    },
  ],
  [`${name}-mismatch-envelope_fail`, 'SEAL_LOG', () => ({ bundle: withEnvelope(...alike(way, {}, other)) })],
  [`${name}-mismatch-sig_fail`, 'SEAL_LOG', () => ({ bundle: withSignature(...alike(way, {}, {})) })],
];

const swapped =
  (way: Way): Row[2] =>
  () => ({ bundle: withEntry(sealed(way), sealed(way)) });
const rows: readonly Row[] = [
  ['cve-2022-36056-swapped-tlog-entry_fail', 'SEAL_LOG', swapped({})],
  ['cve-2022-36056-swapped-tlog-entry_fail, in Rekor v2', 'SEAL_LOG', swapped({ log: 2 })],
  ...Object.entries(ways).flatMap(rowsOf),
];

describe('any bundle: swapped evidence', () => {
  for (const [what, verdict, make] of rows) it(`${what}: ${verdict}`, () => assert.equal(verdictOn(make()), verdict));
});
