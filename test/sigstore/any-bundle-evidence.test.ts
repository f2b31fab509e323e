// SPDX-License-Identifier: Apache-2.0
// What a Sigstore client must accept and what it must refuse: proofs and checkpoints of the logs, timestamps, and the times between
// which certificates, logs and authorities count. The other half is any-bundle.test.ts.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { AT, changedEntry, changedProof, message, sealed, sigstore, stamped, statement, verdictOn } from './any-bundle.ts';
import type { Row } from './any-bundle.ts';
import { p256 } from './certificates.ts';
import type { Pair } from './certificates.ts';
import type { Json } from './index.ts';
import { entryOf, inside, textAt } from './json-fields.ts';
import { createLog, signNote } from './rekor.ts';
import type { Log } from './rekor.ts';
import { createTimestampAuthority } from './timestamp-authority.ts';
import type { TimestampAuthority } from './timestamp-authority.ts';

const [v1, v2] = sigstore.logs;
const MINUTE_MS = 60_000;
const text = (ms: number): string => new Date(ms).toISOString().replace('.000', '');

const noteOf = (bundle: Json): string => textAt(inside(entryOf(bundle), 'inclusionProof', 'checkpoint'), 'envelope');
const withNote = (bundle: Json, note: string): Json => changedProof(bundle, { checkpoint: { envelope: note } });
/** The signature line that this log would put under the note of the bundle. */
const lineBy = (bundle: Json, log: Log, key: Pair = log.key): string => {
  const [body = ''] = noteOf(bundle).split('\n\n');
  return signNote(`${body}\n`, log, key).split('\n\n')[1] ?? '';
};
/** The note under these signature lines; `own` is that of the log. */
const under = (lines: (own: string, bundle: Json) => readonly string[], bundle = sealed({ log: 2 })): Json => {
  const [body = '', own = ''] = noteOf(bundle).split('\n\n');
  return withNote(bundle, `${body}\n\n${lines(own, bundle).join('')}`);
};
const withoutLine = (number: number): Json => {
  const bundle = sealed({ log: 2 });
  return withNote(bundle, noteOf(bundle).split('\n').toSpliced(number, 1).join('\n'));
};
const witness = createLog(2);
const witnessed = (host: string): Log => ({ ...witness, host });
const ed25519 = (): Pair => generateKeyPairSync('ed25519');

const checkpoints: readonly Row[] = [
  ['signed by witnesses too', 'accepted', () => ({ bundle: under((own, b) => [own, lineBy(b, witnessed('witness.test'))]) })],
  [
    'signed by two witnesses',
    'accepted',
    () => ({ bundle: under((own, b) => [own, lineBy(b, witnessed('w1.test')), lineBy(b, witnessed('w2.test'))]) }),
  ],
  ['signed by the log last', 'accepted', () => ({ bundle: under((own, b) => [lineBy(b, witnessed('witness.test')), own]) })],
  [
    'signed twice in the name of the log, once by a key that is not known',
    'accepted',
    () => ({ bundle: under((own, b) => [own, lineBy(b, witnessed(v2.host))]) }),
  ],
  [
    'the same, the unknown key first, and a witness',
    'accepted',
    () => ({ bundle: under((own, b) => [lineBy(b, witnessed(v2.host)), own, lineBy(b, witnessed('w.test'))]) }),
  ],
  ['signed by witnesses alone', 'SEAL_LOG', () => ({ bundle: under((_, b) => [lineBy(b, witnessed('witness.test'))]) })],
  ['without signatures', 'SEAL_LOG', () => ({ bundle: under(() => []) })],
  ['signed under another name', 'SEAL_LOG', () => ({ bundle: under((_, b) => [lineBy(b, { ...v2, host: 'other.test' })]) })],
  [
    'signed by another key under the name and the hint of the log',
    'SEAL_LOG',
    () => ({ bundle: under((_, b) => [lineBy(b, v2, ed25519())]) }),
  ],
  [
    'signed by the log with the hint of another key',
    'SEAL_LOG',
    () => ({ bundle: under((_, b) => [lineBy(b, { ...v2, id: witness.id })]) }),
  ],
  ['without its origin', 'SEAL_LOG', () => ({ bundle: withoutLine(0) })],
  ['without its size', 'SEAL_LOG', () => ({ bundle: withoutLine(1) })],
  ['without its root', 'SEAL_LOG', () => ({ bundle: withoutLine(2) })],
  ['of v1, by another key', 'SEAL_LOG', () => ({ bundle: under((_, b) => [lineBy(b, v1, p256())], sealed()) })],
  [
    'of v1, with the hint of another key',
    'SEAL_LOG',
    () => ({ bundle: under((_, b) => [lineBy(b, { ...v1, id: witness.id })], sealed()) }),
  ],
  [
    'of v1, for another root',
    'SEAL_LOG',
    () => {
      const bundle = sealed();
      const [origin = '', size = ''] = noteOf(bundle).split('\n');
      return { bundle: withNote(bundle, signNote(`${origin}\n${size}\n${Buffer.alloc(32).toString('base64')}\n`, v1, v1.key)) };
    },
  ],
  [
    'of v1, for another root that the proof names too',
    'SEAL_LOG',
    () => {
      const bundle = sealed();
      const [origin = '', size = ''] = noteOf(bundle).split('\n');
      const rootHash = Buffer.alloc(32).toString('base64');
      return { bundle: changedProof(withNote(bundle, signNote(`${origin}\n${size}\n${rootHash}\n`, v1, v1.key)), { rootHash }) };
    },
  ],
  [
    'and a hash of the proof that is not right',
    'SEAL_LOG',
    () => {
      const bundle = sealed();
      const hashes: unknown = inside(entryOf(bundle), 'inclusionProof')['hashes'];
      assert.ok(Array.isArray(hashes));
      return { bundle: changedProof(bundle, { hashes: hashes.with(0, Buffer.alloc(32).toString('base64')) }) };
    },
  ],
  ['and a proof of another place', 'SEAL_LOG', () => ({ bundle: changedProof(sealed(), { logIndex: '5' }) })],
  ['and a proof that has become older than it', 'SEAL_LOG', () => ({ bundle: changedProof(sealed(), { treeSize: '9' }) })],
  ['not there', 'SEAL_LOG', () => ({ bundle: changedProof(sealed(), { checkpoint: undefined }) })],
  ['and proof not there, v1', 'SEAL_MALFORMED', () => ({ bundle: changedEntry(sealed(), { inclusionProof: undefined }) })],
  [
    'and proof not there, v1, over a statement',
    'SEAL_MALFORMED',
    () => ({ bundle: changedEntry(sealed({ content: statement, statementAs: 'intoto' }), { inclusionProof: undefined }) }),
  ],
  ['and proof not there, v2', 'SEAL_LOG', () => ({ bundle: changedEntry(sealed({ log: 2 }), { inclusionProof: undefined }) })],
];

const stamp =
  (atMs: number, by: TimestampAuthority = sigstore.timestamps, more: Parameters<TimestampAuthority['stamp']>[2] = {}) =>
  (signature: Buffer): Buffer =>
    by.stamp(signature, atMs, more);
const good = stamp(AT + 2000);
const v2Stamped = (...stamps: readonly ((signature: Buffer) => Buffer)[]): Json => stamped(sealed({ log: 2 }), stamps);
const authorityOf = (by: TimestampAuthority, start: number, end?: number): object => ({
  subject: { organization: 'test', commonName: 'test' },
  uri: 'https://tsa.test',
  certChain: { certificates: by.chain.map((der) => ({ rawBytes: der.toString('base64') })) },
  validFor: { start: text(start), ...(end === undefined ? {} : { end: text(end) }) },
});
const rootWith = (...timestampAuthorities: readonly object[]): Buffer =>
  sigstore.trustedRoot((root) => Object.assign(root, { timestampAuthorities }));
const SINCE = Date.UTC(2021, 0, 1);
const stranger = createTimestampAuthority();
const past = { fromMs: AT - MINUTE_MS, untilMs: AT + MINUTE_MS };
const ended = createTimestampAuthority(past);
const certificateOf = ({ chain: [leaf = Buffer.alloc(0)] }: TimestampAuthority): readonly Buffer[] => [leaf];

const timestamps: readonly Row[] = [
  ['by the authority', 'accepted', () => ({ bundle: v2Stamped(good) })],
  [
    'that carries the certificate of the authority',
    'accepted',
    () => ({ bundle: v2Stamped(stamp(AT + 2000, sigstore.timestamps, { carried: certificateOf(sigstore.timestamps) })) }),
  ],
  [
    'by an authority whose certificates have ended since',
    'accepted',
    () => ({ bundle: v2Stamped(stamp(AT + 2000, ended)), root: rootWith(authorityOf(ended, SINCE)) }),
  ],
  [
    'after the certificates of the authority had ended',
    'SEAL_TIMESTAMP',
    () => ({ bundle: v2Stamped(stamp(AT + 2 * MINUTE_MS, ended)), root: rootWith(authorityOf(ended, SINCE)) }),
  ],
  [
    'after the trusted root let the authority go',
    'SEAL_TIMESTAMP',
    () => ({ bundle: v2Stamped(good), root: rootWith(authorityOf(sigstore.timestamps, SINCE, AT)) }),
  ],
  [
    'the same, and an unrelated authority is valid then',
    'SEAL_TIMESTAMP',
    () => ({ bundle: v2Stamped(good), root: rootWith(authorityOf(sigstore.timestamps, SINCE, AT), authorityOf(stranger, SINCE)) }),
  ],
  [
    'in the last moment of the authority',
    'accepted',
    () => ({ bundle: v2Stamped(good), root: rootWith(authorityOf(sigstore.timestamps, SINCE, AT + 2000)) }),
  ],
  [
    'in the first moment of the authority',
    'accepted',
    () => ({ bundle: v2Stamped(good), root: rootWith(authorityOf(sigstore.timestamps, AT + 2000)) }),
  ],
  [
    'over another signature',
    'SEAL_TIMESTAMP',
    () => ({ bundle: v2Stamped((_) => sigstore.timestamps.stamp(Buffer.from('x'), AT + 2000)) }),
  ],
  ['by an authority that is not trusted', 'SEAL_TIMESTAMP', () => ({ bundle: v2Stamped(stamp(AT + 2000, stranger)) })],
  [
    'by one that carries its own certificate',
    'SEAL_TIMESTAMP',
    () => ({ bundle: v2Stamped(stamp(AT + 2000, stranger, { carried: certificateOf(stranger) })) }),
  ],
  ['after the signing certificate', 'SEAL_CERTIFICATE', () => ({ bundle: v2Stamped(stamp(AT + 11 * MINUTE_MS)) })],
  [
    'in time, and one more after the signing certificate',
    'SEAL_CERTIFICATE',
    () => ({ bundle: v2Stamped(good, stamp(AT + 11 * MINUTE_MS)) }),
  ],
  [
    'after the signing certificate, and one more in time',
    'SEAL_CERTIFICATE',
    () => ({ bundle: v2Stamped(stamp(AT + 11 * MINUTE_MS), good) }),
  ],
  [
    'after the signing certificate, though the promise of the log is in time',
    'SEAL_CERTIFICATE',
    () => ({ bundle: stamped(sealed(), [stamp(AT + 11 * MINUTE_MS)]) }),
  ],
  ['missing, and the log promises no time', 'SEAL_TIMESTAMP', () => ({ bundle: sealed({ log: 2, timestamps: 0 }) })],
];

const endOf = (section: 'tlogs' | 'ctlogs', end: number): Buffer =>
  sigstore.trustedRoot((root) => {
    for (const index of [0, 1].slice(0, section === 'tlogs' ? 2 : 1))
      Object.assign(inside(root, section, index, 'publicKey', 'validFor'), { end: text(end) });
  });
const validity: readonly Row[] = [
  ['the log ended in the moment of its promise', 'accepted', () => ({ bundle: sealed(), root: endOf('tlogs', AT + 1000) })],
  ['the log had ended before its promise', 'SEAL_LOG', () => ({ bundle: sealed(), root: endOf('tlogs', AT) })],
  ['the log had ended before the timestamp', 'SEAL_LOG', () => ({ bundle: v2Stamped(good), root: endOf('tlogs', AT + 1000) })],
  [
    'the log took it in after the signing certificate',
    'SEAL_CERTIFICATE',
    () => ({ bundle: sealed({ entry: { atMs: AT + 11 * MINUTE_MS } }) }),
  ],
  [
    'the log took it in before the signing certificate',
    'SEAL_CERTIFICATE',
    () => ({ bundle: sealed({ entry: { atMs: AT - MINUTE_MS } }) }),
  ],
  [
    'the authority had ended before the signing certificate',
    'SEAL_CERTIFICATE',
    () => ({
      bundle: sealed(),
      root: sigstore.trustedRoot((root) =>
        Object.assign(inside(root, 'certificateAuthorities', 0, 'validFor'), { end: text(AT - MINUTE_MS) }),
      ),
    }),
  ],
  ['the certificate log had ended before its promise', 'SEAL_SCT', () => ({ bundle: sealed(), root: endOf('ctlogs', AT - MINUTE_MS) })],
];

for (const [name, rows] of Object.entries({ checkpoints, timestamps, validity }))
  describe(`any bundle: ${name}`, () => {
    for (const [what, verdict, make] of rows) it(`${what}: ${verdict}`, () => assert.equal(verdictOn(make()), verdict));
  });

it('a trusted root that does not say since when a log counts is none', () => {
  const root = sigstore.trustedRoot((json) => Object.assign(inside(json, 'tlogs', 0, 'publicKey'), { validFor: {} }));
  assert.throws(() => verdictOn({ bundle: sealed({ content: message }), root }), /does not say since when it is valid/);
});
