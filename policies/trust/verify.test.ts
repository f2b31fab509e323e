// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { constants, createHash, verify as cryptoVerify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { digestOf } from '../document/digest.ts';
import type { ProblemCode } from '../problem.ts';
import { verify } from './index.ts';
import { hintOf } from './key.ts';
import { seal, sealStatement } from './seal.ts';
import { writeStatement } from './statement.ts';
import {
  alice,
  alice2,
  bob,
  stranger,
  p384,
  ed25519,
  rsa1024,
  rsa3072,
  rsa4096,
  k256,
  pss,
  trustOf,
  trust,
  two,
  bytes,
  good,
  check,
  changed,
} from './test-principals.ts';
import { codeOf, NOW } from './test-trust.ts';
import type { Json } from './test-principals.ts';

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other valid signature of the same key over the same bytes: (r, n−s). */
const malleated = (bundle: string, key: KeyObject): string => {
  const parsed: Json = JSON.parse(bundle);
  const text: unknown = parsed['messageSignature']!['signature'];
  assert.ok(typeof text === 'string');
  const der = Buffer.from(text, 'base64');
  const readInteger = (at: number): { value: bigint; next: number } => {
    const length = der[at + 1]!;
    return { value: BigInt(`0x${der.subarray(at + 2, at + 2 + length).toString('hex')}`), next: at + 2 + length };
  };
  const r = readInteger(2);
  const s = readInteger(r.next);
  const integer = (value: bigint): Buffer => {
    const hex = value.toString(16);
    const raw = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    const padded = (raw[0]! & 0x80) === 0 ? raw : Buffer.concat([Buffer.from([0]), raw]);
    return Buffer.concat([Buffer.from([2, padded.length]), padded]);
  };
  const body = Buffer.concat([integer(r.value), integer(P256_ORDER - s.value)]);
  const signature = Buffer.concat([Buffer.from([0x30, body.length]), body]).toString('base64');
  Object.assign(parsed['messageSignature']!, { signature });
  assert.notEqual(JSON.stringify(parsed), bundle);
  assert.equal(hintOf(key), parsed['verificationMaterial']!['publicKey']!['hint']);
  return JSON.stringify(parsed);
};

describe('a good seal', () => {
  it('gives the document from the signed bytes, who signed and by which rule', () => {
    const outcome = verify(bytes, [good], trust, NOW);
    assert.ok(outcome.ok);
    assert.equal(outcome.document.kind, 'Policy');
    assert.equal(outcome.document.name, 'pinned');
    assert.equal(outcome.document.version, 3);
    assert.equal(outcome.document.expires, Date.UTC(2027, 2, 1));
    assert.equal(outcome.document.digest, digestOf(bytes));
    assert.deepEqual([outcome.signers, outcome.rule, outcome.ignored], [[{ name: 'alice' }], 0, []]);
  });

  it('by either key of a principal, and in the older media types', () => {
    assert.equal(check(seal(bytes, alice2.privateKey)), 'ok');
    for (const version of ['0.1', '0.2', '0.3']) {
      assert.equal(
        check(changed((bundle) => Object.assign(bundle, { mediaType: `application/vnd.dev.sigstore.bundle+json;version=${version}` }))),
        'ok',
      );
    }
  });

  it('of a Tenant, which has a version as all else', () => {
    const sealed = (spec: string) => {
      const tenant = Buffer.from(`apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: ${spec}\n`);
      return verify(tenant, [seal(tenant, bob.privateKey)], trust, NOW);
    };
    const outcome = sealed('{version: 7}');
    assert.ok(outcome.ok);
    assert.deepEqual([outcome.document.kind, outcome.document.version], ['Tenant', 7]);
    const without = sealed('{}');
    assert.ok(!without.ok);
    assert.deepEqual([without.problem.code, without.problem.path], ['SEAL_VERSION', 'spec.version']);
  });

  it('is not spoilt by bad ones beside it, which are named', () => {
    const outcome = verify(bytes, ['{', seal(bytes, stranger.privateKey), good], trust, NOW);
    assert.ok(outcome.ok);
    assert.deepEqual(
      outcome.ignored.map(({ code }) => code),
      ['SEAL_MALFORMED', 'SEAL_UNKNOWN_KEY'],
    );
    assert.match(outcome.ignored[1]?.message ?? '', /^seal 2: /);
  });

  for (const [name, { privateKey }, principal] of [
    ['ECDSA P-384', p384, 'others'],
    ['Ed25519', ed25519, 'others'],
    ['RSA of 3072 bits', rsa3072, 'others'],
    ['RSA of 4096 bits', rsa4096, 'partner'],
  ] as const) {
    it(`by ${name}, over the file and over an approval`, () => {
      const approval = sealStatement(writeStatement('approval', [{ name: 'x', digest: digestOf(bytes) }], {}), privateKey);
      for (const [proof, bundle] of [
        ['message', seal(bytes, privateKey)],
        ['approval', approval],
      ] as const) {
        const outcome = verify(bytes, [bundle], trust, NOW);
        assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem.message);
        assert.deepEqual(
          outcome.seals.map((counted) => [counted.principal.name, counted.proof, counted.signedAtMs]),
          [[principal, proof, undefined]],
        );
      }
    });
  }

  it('is PKCS#1 v1.5 with SHA-256 where the key is RSA', () => {
    const parsed: Json = JSON.parse(seal(bytes, rsa4096.privateKey));
    const text: unknown = parsed['messageSignature']!['signature'];
    assert.ok(typeof text === 'string');
    const signature = Buffer.from(text, 'base64');
    assert.ok(cryptoVerify('RSA-SHA256', bytes, { key: rsa4096.publicKey, padding: constants.RSA_PKCS1_PADDING }, signature));
  });

  it('is made by no weak key and by no public one', () => {
    for (const { privateKey } of [rsa1024, k256, pss]) assert.throws(() => seal(bytes, privateKey), TypeError);
    assert.throws(() => seal(bytes, alice.publicKey), TypeError);
  });
});

describe('thresholds count principals', () => {
  const bySecond = seal(bytes, alice2.privateKey);
  const byBob = seal(bytes, bob.privateKey);
  const rows: readonly (readonly [name: string, bundles: readonly string[], code: ProblemCode | 'ok'])[] = [
    ['one of two', [good], 'SEAL_THRESHOLD'],
    ['one twice', [good, good], 'SEAL_THRESHOLD'],
    ['one spelt in another way', [good, `${good} `], 'SEAL_THRESHOLD'],
    ['one and its malleated twin (T8)', [good, malleated(good, alice.publicKey)], 'SEAL_THRESHOLD'],
    ['one by two signatures of one key', [good, seal(bytes, alice.privateKey)], 'SEAL_THRESHOLD'],
    ['one by two keys of one principal', [good, bySecond], 'SEAL_THRESHOLD'],
    ['one and a stranger', [good, seal(bytes, stranger.privateKey)], 'SEAL_THRESHOLD'],
    ['two', [good, byBob], 'ok'],
    ['two in the other order, and junk', [byBob, '{}', good, bySecond], 'ok'],
  ];
  for (const [name, bundles, code] of rows) it(name, () => assert.equal(codeOf(verify(bytes, bundles, two, NOW)), code));

  it('a malleated signature alone is a good one of the same principal', () => assert.equal(check(malleated(good, alice.publicKey)), 'ok'));

  it('says who is missing', () => {
    const outcome = verify(bytes, [good], two, NOW);
    assert.ok(!outcome.ok);
    assert.equal(outcome.problem.message, 'signed by alice; needed: 2 of alice, bob (has 1)');
  });

  it('every group of a rule must be reached; any rule that fits grants', () => {
    const group = (threshold: number, ...names: string[]) => ({ threshold, principals: names });
    const both = trustOf({ rules: [{ kinds: ['Policy'], allOf: [group(1, 'alice'), group(1, 'bob')] }] });
    assert.equal(codeOf(verify(bytes, [good], both, NOW)), 'SEAL_THRESHOLD');
    assert.equal(codeOf(verify(bytes, [good, byBob], both, NOW)), 'ok');
    const either = trustOf({
      rules: [
        { kinds: ['Policy'], allOf: [group(2, 'alice', 'bob')] },
        { kinds: ['Policy'], allOf: [group(1, 'bob')] },
      ],
    });
    assert.equal(codeOf(verify(bytes, [good], either, NOW)), 'SEAL_THRESHOLD');
    const outcome = verify(bytes, [byBob], either, NOW);
    assert.ok(outcome.ok && outcome.rule === 1);
  });

  it("a rule for publishers' tiers speaks of no other tier and of no other kind", () => {
    const ruleset = (tier: string): Buffer =>
      Buffer.from(
        `apiVersion: writ.dev/v1alpha1\nkind: Ruleset\nmetadata: {name: a}\nspec:\n  version: 1\n  publisher: {name: x, tier: ${tier}}\n  policies: [{path: a.yaml, sha256: "${'0'.repeat(64)}"}]\n`,
      );
    const gold = trustOf({
      rules: [{ kinds: ['Ruleset', 'Policy'], publisherTiers: ['Gold'], allOf: [{ threshold: 1, principals: ['alice'] }] }],
    });
    assert.equal(check(seal(ruleset('Gold'), alice.privateKey), { document: ruleset('Gold'), trust: gold }), 'ok');
    assert.equal(check(seal(ruleset('Bronze'), alice.privateKey), { document: ruleset('Bronze'), trust: gold }), 'SEAL_NO_RULE');
    assert.equal(check(good, { trust: gold }), 'SEAL_NO_RULE');
  });

  it('a rule for tenants speaks of policies that are confined to them and bear their names, and of nothing else', () => {
    const policy = (name: string, tenants: string): Buffer =>
      Buffer.from(
        `apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata: {name: ${name}}\nspec:\n  version: 1\n${tenants}  workloads: [Agent]\n  validations: [{expression: "true"}]\n`,
      );
    const own = trustOf({ rules: [{ kinds: ['Policy', 'Ruleset'], tenants: ['acme'], allOf: [{ threshold: 1, principals: ['alice'] }] }] });
    const codeFor = (name: string, tenants: string): string => {
      const document = policy(name, tenants === '' ? '' : `  tenants: [${tenants}]\n`);
      return check(seal(document, alice.privateKey), { document, trust: own });
    };
    assert.equal(codeFor('acme.pinned', 'acme'), 'ok');
    for (const [name, tenants] of [
      ['acme.pinned', ''],
      ['acme.pinned', 'rival'],
      ['acme.pinned', 'acme, rival'],
      // Of everybody else's policies no version is a tenant's to write.
      ['pinned', 'acme'],
      ['acme-pinned', 'acme'],
      ['rival.pinned', 'acme'],
    ] as const)
      assert.equal(codeFor(name, tenants), 'SEAL_NO_RULE', `${name} ${tenants}`);
    const ruleset = Buffer.from(
      `apiVersion: writ.dev/v1alpha1\nkind: Ruleset\nmetadata: {name: acme.a}\nspec:\n  version: 1\n  policies: [{path: a.yaml, sha256: "${'0'.repeat(64)}"}]\n`,
    );
    assert.equal(check(seal(ruleset, alice.privateKey), { document: ruleset, trust: own }), 'SEAL_NO_RULE');
  });

  it('without a rule nothing passes', () => assert.equal(check(good, { trust: trustOf({ rules: [] }) }), 'SEAL_NO_RULE'));
});

describe('a changed byte', () => {
  it('of the document is refused, whichever and however', () => {
    for (let index = 0; index < bytes.length; index += 1) {
      for (const mask of [0x01, 0x20, 0x80]) {
        const tampered = Buffer.from(bytes);
        tampered[index] = tampered[index]! ^ mask;
        assert.notEqual(check(good, { document: tampered }), 'ok', `byte ${index} ^ ${mask}`);
        // Even where the bundle claims the digest of the tampered bytes.
        const claimed = changed((b) =>
          Object.assign(b['messageSignature']!['messageDigest']!, { digest: createHash('sha256').update(tampered).digest('base64') }),
        );
        assert.notEqual(check(claimed, { document: tampered }), 'ok', `byte ${index} ^ ${mask}, digest adjusted`);
      }
    }
  });

  it('more or less is refused', () => {
    for (const document of [bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from('\n')]), Buffer.alloc(0)]) {
      assert.equal(check(good, { document }), 'SEAL_DIGEST_MISMATCH');
    }
  });

  it('of the bundle is refused wherever it changes what the bundle says', () => {
    for (let index = 0; index < good.length; index += 1) {
      const tampered = good.slice(0, index) + String.fromCodePoint(good.codePointAt(index)! ^ 1) + good.slice(index + 1);
      assert.notEqual(check(tampered), 'ok', `character ${index}: ${tampered}`);
    }
  });

  it('never throws, whatever the bundle', () => {
    const mangled = fc
      .tuple(fc.nat(good.length), fc.nat(20), fc.string({ maxLength: 20 }))
      .map(([at, cut, insert]) => good.slice(0, at) + insert + good.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(mangled, fc.json(), fc.string()), (bundle) => {
        assert.ok(check(bundle) !== 'ok' || JSON.stringify(JSON.parse(bundle)) === good);
      }),
      { numRuns: 1000 },
    );
  });
});
