// SPDX-License-Identifier: Apache-2.0
// What goes with keyless seals: keys with evidence, the trusted root, revocations for a time, and trust that is handed on by them.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { digestOf } from '../../policies/document/digest.ts';
import type { ProblemCode } from '../../policies/problem.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { rootAgeMs } from '../../policies/trust/root-age.ts';
import { NOW, codeFor, keyed, trustBytes, trustOf } from '../../policies/trust/test-trust.ts';
import { p256 } from './certificates.ts';
import { createSigstore } from './index.ts';
import type { Json, SealOptions } from './index.ts';
import { entryOf, inside } from './json-fields.ts';
import {
  SIGNED_AT,
  ISSUER,
  SUBJECT,
  identity,
  ci,
  sigstore,
  trustedRoot,
  key,
  trust,
  message,
  keyless,
  text,
  material,
} from './keyless-world.ts';

describe('a key with evidence', () => {
  const withKey = (options: Partial<SealOptions>): string => text(sigstore.seal({ content: message, key, atMs: SIGNED_AT, ...options }));
  const validUntil = (end: string) =>
    trustOf({
      principals: [
        { name: 'held', publicKeys: [{ pem: String(key.publicKey.export({ type: 'spki', format: 'pem' })), validFor: { end } }] },
      ],
      trustedRoot,
    });

  it('is judged at the trusted time, and now where there is none (T5)', () => {
    const before = validUntil('2026-02-01T00:00:00Z');
    for (const options of [{ log: 1 }, { log: 2 }, { log: 'none', timestamps: 1 }] as const)
      assert.equal(codeFor(withKey(options), before), 'ok');
    for (const options of [{ log: 'none' }, { log: 2, timestamps: 0 }] as const)
      assert.equal(codeFor(withKey(options), before), 'SEAL_KEY_NOT_VALID');
    assert.equal(codeFor(withKey({ log: 1 }), validUntil('2026-01-15T12:00:00Z')), 'SEAL_KEY_NOT_VALID');
  });

  it('is refused where the evidence is bad, though the signature is good', () => {
    assert.equal(codeFor(withKey({ entry: { signer: p256() } }), trust), 'SEAL_LOG');
    assert.equal(codeFor(withKey({}), trustOf({ principals: [keyed('held', key.publicKey)] })), 'TRUST_ROOT_MISSING');
    const other = sigstore.seal({ content: message, key: p256(), atMs: SIGNED_AT });
    const mixed: Json = JSON.parse(withKey({}));
    Object.assign(material(mixed), { tlogEntries: [entryOf(other)] });
    assert.equal(codeFor(text(mixed), trust), 'SEAL_LOG');
  });
});

describe('a trusted root', () => {
  const load = (root: Buffer): string => {
    const policy = {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'cluster' },
      spec: { version: 1, principals: [ci], rules: [], trustedRootSha256: digestOf(root).slice(7) },
    };
    const document = Buffer.from(JSON.stringify(policy));
    const outcome = loadTrust(document, { pinnedDigest: digestOf(document), trustedRoot: root });
    return outcome.ok ? 'ok' : outcome.problem.code;
  };
  const log = (root: Json): Json => inside(root, 'tlogs', 0);
  const fulcio = (root: Json): Json => inside(root, 'certificateAuthorities', 0);
  const chained = (change: (certificates: readonly unknown[]) => readonly unknown[]): Buffer =>
    sigstore.trustedRoot((root) => {
      const chain = inside(fulcio(root), 'certChain');
      Object.assign(chain, { certificates: change(Object.values(inside(chain, 'certificates'))) });
    });
  const rows: readonly (readonly [name: string, root: Buffer, code: string])[] = [
    ['as Sigstore publishes it', trustedRoot, 'ok'],
    [
      'of the newer media type',
      sigstore.trustedRoot((root) => Object.assign(root, { mediaType: 'application/vnd.dev.sigstore.trustedroot.v0.2+json' })),
      'ok',
    ],
    ['with a chain from the root down', chained((certificates) => certificates.toReversed()), 'ok'],
    ['with a log since no day (T9)', sigstore.trustedRoot((root) => delete log(root)['publicKey']!['validFor']), 'TRUST_ROOT_INVALID'],
    [
      'with an authority since no day',
      sigstore.trustedRoot((root) => Object.assign(fulcio(root), { validFor: { end: '2030-01-01T00:00:00Z' } })),
      'TRUST_ROOT_INVALID',
    ],
    [
      'with a day that is none',
      sigstore.trustedRoot((root) => Object.assign(fulcio(root)['validFor']!, { start: 'yesterday' })),
      'TRUST_ROOT_INVALID',
    ],
    ['with a loop of certificates', chained((certificates) => [...certificates, certificates[0]]), 'TRUST_ROOT_INVALID'],
    ['with a chain that lacks its root', chained((certificates) => certificates.slice(0, -1)), 'TRUST_ROOT_INVALID'],
    ['with an empty chain', chained(() => []), 'TRUST_ROOT_INVALID'],
    [
      'with a key that is none',
      sigstore.trustedRoot((root) => Object.assign(log(root)['publicKey']!, { rawBytes: 'AAAA' })),
      'TRUST_ROOT_INVALID',
    ],
    ['of another media type', sigstore.trustedRoot((root) => Object.assign(root, { mediaType: 'application/json' })), 'TRUST_ROOT_INVALID'],
    ['with a field twice', Buffer.from(trustedRoot.toString().replace('{', '{"tlogs":[],')), 'TRUST_ROOT_INVALID'],
    ['that is no JSON', Buffer.from('x'), 'TRUST_ROOT_INVALID'],
    ['of more than 256 KiB', Buffer.concat([trustedRoot, Buffer.alloc(256 * 1024, ' ')]), 'TRUST_ROOT_INVALID'],
  ];
  for (const [name, root, code] of rows) it(name, () => assert.equal(load(root), code));
});

describe('certificates of an identity that are revoked for a time', () => {
  const moment = (ms: number): string => new Date(ms).toISOString();
  const revokedFor = (from?: number, until?: number, subject = SUBJECT) =>
    trustOf({
      principals: [ci],
      trustedRoot,
      revoked: {
        certificates: [
          {
            issuer: ISSUER,
            subject,
            ...(from === undefined ? {} : { from: moment(from) }),
            ...(until === undefined ? {} : { until: moment(until) }),
          },
        ],
      },
    });
  const HOUR = 3_600_000;
  // The log took it a second after it was signed.
  const LOGGED_AT = SIGNED_AT + 1000;
  const rows: readonly (readonly [string, Parameters<typeof revokedFor>, ProblemCode | 'ok'])[] = [
    ['around the time of the seal', [SIGNED_AT - HOUR, SIGNED_AT + HOUR], 'SEAL_REVOKED'],
    ['that begins at that moment', [LOGGED_AT, SIGNED_AT + HOUR], 'SEAL_REVOKED'],
    ['that ends at that moment', [SIGNED_AT - HOUR, LOGGED_AT], 'SEAL_REVOKED'],
    ['that begins later', [LOGGED_AT + 1000, SIGNED_AT + HOUR], 'ok'],
    ['that ended before', [SIGNED_AT - HOUR, LOGGED_AT - 1000], 'ok'],
    ['without an end', [SIGNED_AT - HOUR], 'SEAL_REVOKED'],
    ['without a beginning', [undefined, SIGNED_AT + HOUR], 'SEAL_REVOKED'],
    ['without limits', [], 'SEAL_REVOKED'],
    ['of another subject', [undefined, undefined, `${SUBJECT}x`], 'ok'],
  ];
  for (const [what, window, code] of rows) it(what, () => assert.equal(codeFor(text(keyless()), revokedFor(...window)), code));

  it('counts each trusted time: one of them within is enough', () => {
    const stamped = text(keyless({ log: 2, timestamps: 2 }));
    // Stamped two and three seconds after it was signed.
    assert.equal(codeFor(stamped, revokedFor(SIGNED_AT + 3000, SIGNED_AT + HOUR)), 'SEAL_REVOKED');
    assert.equal(codeFor(stamped, revokedFor(SIGNED_AT + 4000, SIGNED_AT + HOUR)), 'ok');
  });
});

describe('a trust policy that is handed on by keyless seals', () => {
  const other = createSigstore();
  const otherRoot = other.trustedRoot();
  const version = (number: number, root: Uint8Array): Buffer =>
    trustBytes({ principals: [ci], trustedRoot: root, version: number, kinds: ['Policy', 'TrustPolicy'] });
  const sealOf = (by: typeof sigstore, document: Uint8Array): string =>
    text(by.seal({ content: { message: document }, identity, atMs: SIGNED_AT }));
  const [one, two] = [version(1, trustedRoot), version(2, otherRoot)];
  const load = (bundles: readonly string[], root: Uint8Array | undefined = trustedRoot) =>
    loadTrust(two, {
      pinnedDigest: digestOf(one),
      trustedRoot: otherRoot,
      succession: { bundles, chain: [{ bytes: one, bundles: [], trustedRoot: root }], at: NOW },
    });
  const codeOfLoad = (...input: Parameters<typeof load>): string => {
    const outcome = load(...input);
    return outcome.ok ? 'ok' : outcome.problem.code;
  };

  it('is judged by the root of each version', () => {
    assert.equal(codeOfLoad([sealOf(sigstore, two), sealOf(other, two)]), 'ok');
    assert.equal(codeOfLoad([sealOf(other, two)]), 'TRUST_CHAIN_SEALS_BEFORE');
    assert.equal(codeOfLoad([sealOf(sigstore, two)]), 'TRUST_CHAIN_SEALS_OWN');
  });

  it('needs the root of the version before, and no other in its place', () => {
    const seals = [sealOf(sigstore, two), sealOf(other, two)];
    assert.equal(codeOfLoad(seals, otherRoot), 'TRUST_CHAIN_BROKEN');
    const without = loadTrust(two, {
      pinnedDigest: digestOf(one),
      trustedRoot: otherRoot,
      succession: { bundles: seals, chain: [{ bytes: one, bundles: [] }], at: NOW },
    });
    assert.equal(without.ok ? 'ok' : without.problem.code, 'TRUST_CHAIN_SEALS_BEFORE');
  });

  it('tells how old its root is by the youngest of what it lists and of the seals', () => {
    const outcome = load([sealOf(sigstore, two), sealOf(other, two)]);
    assert.ok(outcome.ok);
    assert.equal(outcome.trust.sealedMs, SIGNED_AT + 1000);
    assert.equal(rootAgeMs(outcome.trust, NOW), NOW - SIGNED_AT - 1000);
    assert.equal(rootAgeMs({ ...outcome.trust, sealedMs: undefined }, NOW), NOW - Date.UTC(2021, 0, 1));
    // What lies ahead proves nothing yet.
    assert.equal(rootAgeMs(outcome.trust, SIGNED_AT), SIGNED_AT - Date.UTC(2021, 0, 1));
    const { root: _, ...rest } = outcome.trust;
    assert.equal(rootAgeMs({ ...rest, root: { ok: false, problem: { code: 'TRUST_ROOT_MISSING', message: '' } } }, NOW), undefined);
  });
});
