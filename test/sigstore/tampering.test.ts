// SPDX-License-Identifier: Apache-2.0
// No field of a bundle is for show: each one changed, each one taken out, each certificate, entry and timestamp changed
// byte by byte, and the answer is no, by the right code.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { digestOf } from '../../policies/document/digest.ts';
import type { ProblemCode } from '../../policies/problem.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { NOW, codeFor, keyed, policyBytes as bytes, trustOf } from '../../policies/trust/test-trust.ts';
import { p256 } from './certificates.ts';
import { createSigstore } from './index.ts';
import { inside } from './json-fields.ts';
import type { Json } from './index.ts';

const sigstore = createSigstore();
const key = p256();
const identity = {
  issuer: 'https://token.example.com',
  subject: 'https://git.example.com/acme/seal.yml@refs/heads/main',
  oids: { 12: 'https://git.example.com/acme' },
};
const trust = trustOf({
  principals: [
    {
      name: 'ci',
      identity: { issuer: identity.issuer, subject: identity.subject, oids: { '1.3.6.1.4.1.57264.1.12': 'https://git.example.com/acme' } },
    },
    keyed('held', key.publicKey),
  ],
  trustedRoot: sigstore.trustedRoot(),
});
const atMs = NOW - 86_400_000;
const message = { message: bytes };
const statement = { statement: writeStatement('approval', [{ name: 'a.yaml', digest: digestOf(bytes) }], {}) };

const bundles: readonly (readonly [name: string, bundle: Json])[] = [
  ['a keyless message in Rekor v1', sigstore.seal({ content: message, identity, atMs, timestamps: 1 })],
  ['a keyless message in Rekor v2', sigstore.seal({ content: message, identity, atMs, log: 2 })],
  ['a keyless approval in Rekor v1', sigstore.seal({ content: statement, identity, atMs })],
  ['a keyless approval in Rekor v2', sigstore.seal({ content: statement, identity, atMs, log: 2 })],
  ['a message by a key in Rekor v1', sigstore.seal({ content: message, key, atMs })],
  ['an approval by a key, timestamped', sigstore.seal({ content: statement, key, atMs, log: 'none', timestamps: 1 })],
];

type Path = readonly (string | number)[];

const pathsOf = (value: unknown, path: Path = []): readonly { readonly path: Path; readonly value: unknown }[] => {
  if (typeof value !== 'object' || value === null) return [{ path, value }];
  return Object.entries(value).flatMap(([field, item]) => pathsOf(item, [...path, Array.isArray(value) ? Number(field) : field]));
};

const changedAt = (
  bundle: Json,
  path: Path,
  change: (holder: Record<string | number, unknown>, field: string | number) => void,
): string => {
  const copy: Json = JSON.parse(JSON.stringify(bundle));
  change(inside(copy, ...path.slice(0, -1)), path.at(-1)!);
  return JSON.stringify(copy);
};

/** What may be said of a field that was changed: the first rows that fit. */
const CODES: readonly (readonly [field: RegExp, codes: readonly ProblemCode[]])[] = [
  [/^mediaType$/, ['SEAL_MALFORMED']],
  [/certificate\.rawBytes$/, ['SEAL_CERTIFICATE', 'SEAL_SIGNATURE', 'SEAL_SCT', 'SEAL_LOG', 'SEAL_UNSUPPORTED', 'SEAL_MALFORMED']],
  [/publicKey\.hint$/, ['SEAL_UNKNOWN_KEY']],
  [/tlogEntries/, ['SEAL_LOG', 'SEAL_CERTIFICATE']],
  [/signedTimestamp$/, ['SEAL_TIMESTAMP', 'SEAL_MALFORMED', 'SEAL_CERTIFICATE']],
  [/messageDigest\.algorithm$/, ['SEAL_UNSUPPORTED', 'SEAL_MALFORMED']],
  [/messageDigest\.digest$/, ['SEAL_DIGEST_MISMATCH', 'SEAL_MALFORMED']],
  [/payloadType$/, ['SEAL_STATEMENT']],
  [/payload$/, ['SEAL_SIGNATURE', 'SEAL_STATEMENT', 'SEAL_DIGEST_MISMATCH']],
  [/signature$|sig$/, ['SEAL_SIGNATURE']],
];
const codesFor = (path: Path): readonly ProblemCode[] => CODES.find(([field]) => field.test(path.join('.')))?.[1] ?? [];

const isBase64 = (text: string): boolean => text.length > 20 && Buffer.from(text, 'base64').toString('base64') === text;

/** The value with one thing changed, as well formed as before. */
const altered = (value: string): string => {
  if (/^\d+$/.test(value)) return String(BigInt(value) + 1n);
  if (!isBase64(value)) return value.slice(0, -1) + (value.endsWith('x') ? 'y' : 'x');
  const raw = Buffer.from(value, 'base64');
  raw[raw.length >> 1] = raw[raw.length >> 1]! ^ 1;
  return raw.toString('base64');
};

for (const [name, bundle] of bundles) {
  describe(name, () => {
    it('is good as it is', () => assert.equal(codeFor(JSON.stringify(bundle), trust), 'ok'));

    for (const { path, value } of pathsOf(bundle)) {
      const field = path.join('.');
      it(`is refused with ${field} changed, emptied, retyped or taken out`, () => {
        assert.ok(typeof value === 'string', field);
        const changed = codeFor(
          changedAt(bundle, path, (holder, key) => void (holder[key] = altered(value))),
          trust,
        );
        assert.ok(
          codesFor(path).some((code) => code === changed),
          `${field}: ${changed}`,
        );
        const others: readonly unknown[] = ['', 1, null, [], {}, 'x'.repeat(70_000), `${value.slice(0, -2)}\n`, ` ${value}`];
        for (const other of others)
          assert.notEqual(
            codeFor(
              changedAt(bundle, path, (holder, key) => void (holder[key] = other)),
              trust,
            ),
            'ok',
            `${field}: ${String(other).slice(0, 20)}`,
          );
        const without = changedAt(
          bundle,
          path,
          (holder, key) => void (Array.isArray(holder) ? holder.splice(Number(key), 1) : delete holder[key]),
        );
        assert.notEqual(codeFor(without, trust), 'ok', `${field} taken out`);
      });
    }

    for (const { path, value } of pathsOf(bundle).filter(({ path }) =>
      /rawBytes$|signedTimestamp$|canonicalizedBody$|signedEntryTimestamp$/.test(path.join('.')),
    )) {
      // "Granted" and "granted with modifications" differ by one bit, and so do SHA-256 and SHA-384 in a list that only
      // helps to read the rest; nothing signs either.
      const mayPass = path.at(-1) === 'signedTimestamp' ? 2 : 0;
      const step = path.at(-1) === 'canonicalizedBody' ? 7 : 3;
      it(`is refused with a byte changed anywhere in ${path.join('.')}`, () => {
        const raw = Buffer.from(String(value), 'base64');
        let passed = 0;
        for (let index = 0; index < raw.length; index += step) {
          const copy = Buffer.from(raw);
          copy[index] = copy[index]! ^ (1 << (index % 8));
          const code = codeFor(
            changedAt(bundle, path, (holder, key) => void (holder[key] = copy.toString('base64'))),
            trust,
          );
          if (code === 'ok') passed += 1;
          else assert.ok(code.startsWith('SEAL_'), code);
        }
        assert.ok(passed <= mayPass, `${passed} changes passed`);
      });
    }

    it('is refused with any part added', () => {
      const objects: Path[] = [[]];
      const walk = (value: unknown, path: Path): void => {
        if (typeof value !== 'object' || value === null) return;
        if (!Array.isArray(value)) objects.push([...path, 'extra']);
        for (const [step, item] of Object.entries(value)) walk(item, [...path, Array.isArray(value) ? Number(step) : step]);
      };
      walk(bundle, []);
      for (const path of objects.filter(({ length }) => length > 0))
        assert.notEqual(
          codeFor(
            changedAt(bundle, path, (holder, key) => void (holder[key] = 'x')),
            trust,
          ),
          'ok',
          path.join('.'),
        );
    });
  });
}
