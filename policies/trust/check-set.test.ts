// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { UNKNOWN_TIER } from '../currency/removal.ts';
import { digestOf } from '../document/digest.ts';
import { verifySet } from './check-set.ts';
import { loadTrust } from './load.ts';
import { seal, sealStatement } from './seal.ts';
import type { Trust } from './trust.ts';
import { writeStatement } from './statement.ts';
import type { StatementKind } from './statement.ts';

const NOW = Date.UTC(2026, 0, 1);
const SOURCE = 'writ-system/policies';
const [alice, bob, stranger] = [0, 1, 2].map(() => generateKeyPairSync('ed25519'));
assert.ok(alice && bob && stranger);
const pem = (pair: typeof alice): string => String(pair.publicKey.export({ type: 'spki', format: 'pem' }));
const trustText = (minimums: readonly object[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'cluster' },
      spec: {
        version: 1,
        minimums,
        principals: [
          { name: 'alice', publicKeys: [{ pem: pem(alice) }] },
          { name: 'bob', publicKeys: [{ pem: pem(bob) }] },
        ],
        rules: [
          { kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['alice'] }] },
          { kinds: ['Ruleset'], allOf: [{ threshold: 2, principals: ['alice', 'bob'] }] },
        ],
      },
    }),
  );
const trustWith = (...minimums: readonly object[]): Trust => {
  const bytes = trustText(minimums);
  const loaded = loadTrust(bytes, { pinnedDigest: digestOf(bytes) });
  assert.ok(loaded.ok);
  return loaded.trust;
};
const trust = trustWith();

const A = { name: 'policies/a.yaml', digest: `sha256:${'a'.repeat(64)}` };
const B = { name: 'policies/b.yaml', digest: `sha256:${'b'.repeat(64)}` };
type Says = {
  readonly by?: typeof alice;
  readonly kind?: StatementKind;
  readonly files?: readonly (typeof A)[];
  readonly predicate?: object;
};
const setSeal = ({ by = alice, kind = 'set', files = [A], predicate = {} }: Says = {}): string =>
  sealStatement(writeStatement(kind, files, { sequence: 7, source: SOURCE, ...predicate }), by.privateKey);
const codeUnder = (by: Trust, ...bundles: readonly string[]): string => {
  const outcome = verifySet(bundles, { trust: by, at: NOW });
  return outcome.ok ? 'good' : outcome.problem.code;
};
const codeOf = (...bundles: readonly string[]): string => codeUnder(trust, ...bundles);

describe('the seal of a set', () => {
  it('says which files a source has, and by whom', () => {
    const outcome = verifySet([setSeal({ files: [B, A] })], { trust, at: NOW });
    assert.ok(outcome.ok);
    const { source, sequence, files, signers, mayDecide } = outcome.set;
    assert.deepEqual([source, sequence, [...files.keys()].toSorted(), signers], [SOURCE, 7, [A.name, B.name], ['alice']]);
    assert.deepEqual(
      [mayDecide('Policy', undefined), mayDecide('Ruleset', undefined), mayDecide('Tenant', undefined)],
      [true, false, false],
    );
  });

  it('counts from the least sequence on that the trust policy takes of its source', () => {
    const least = (name: string, version: number): Trust => trustWith({ kind: 'Set', name, version });
    assert.equal(codeUnder(least(SOURCE, 8), setSeal()), 'SEAL_BELOW_MINIMUM');
    assert.equal(codeUnder(least(SOURCE, 7), setSeal()), 'good');
    assert.equal(codeUnder(least('writ-system/other', 8), setSeal()), 'good');
    assert.equal(codeUnder(least('writ-system/other', 8), setSeal({ predicate: { source: undefined } })), 'SEAL_BELOW_MINIMUM');
    assert.equal(codeUnder(least(SOURCE, 8), setSeal(), setSeal({ predicate: { sequence: 8 } })), 'good');
  });

  it('counts those who signed just the same together, whatever their order and end', () => {
    const outcome = verifySet(
      [setSeal({ files: [A, B] }), setSeal({ by: bob, files: [B, A], predicate: { expires: '2027-01-01T00:00:00Z' } })],
      { trust, at: NOW },
    );
    assert.ok(outcome.ok);
    assert.deepEqual(outcome.set.signers, ['alice', 'bob']);
    assert.equal(outcome.set.mayDecide('Ruleset', undefined), true);
    assert.equal(outcome.untilMs, Date.parse('2027-01-01T00:00:00Z') + 1);
    const apart = verifySet([setSeal({ predicate: { sequence: 8 } }), setSeal({ by: bob })], { trust, at: NOW });
    assert.ok(apart.ok);
    assert.deepEqual([apart.set.sequence, apart.set.signers], [8, ['alice']]);
    const twice = verifySet([setSeal(), setSeal()], { trust, at: NOW });
    assert.ok(twice.ok && !twice.set.mayDecide('Ruleset', undefined));
  });

  const rows: readonly [what: string, bundles: readonly string[], code: string][] = [
    ['none', [], 'SEAL_MISSING'],
    ['by a stranger', [setSeal({ by: stranger })], 'SEAL_UNKNOWN_KEY'],
    [
      'by a stranger under a higher sequence, beside a good one',
      [setSeal({ by: stranger, predicate: { sequence: 99 } }), setSeal()],
      'good',
    ],
    ['past its end', [setSeal({ predicate: { expires: '2025-01-01T00:00:00Z' } })], 'SEAL_EXPIRED'],
    ['an approval of one file', [setSeal({ kind: 'approval' })], 'SEAL_STATEMENT'],
    ['a seal of a file', [seal(Buffer.from('x'), alice.privateKey)], 'SEAL_STATEMENT'],
    ['a file without a name', [setSeal({ files: [{ ...A, name: '' }] })], 'SEAL_STATEMENT'],
    ['a file twice', [setSeal({ files: [A, { ...B, name: A.name }] })], 'SEAL_STATEMENT'],
    ['a source that is none', [setSeal({ predicate: { source: 'policies' } })], 'SEAL_STATEMENT'],
    ['a source that is no text', [setSeal({ predicate: { source: ['writ-system/policies'] } })], 'SEAL_STATEMENT'],
    ['by somebody who may decide about nothing alone', [setSeal({ by: bob })], 'SEAL_THRESHOLD'],
    ['two of one sequence', [setSeal(), setSeal({ files: [B] })], 'SET_EQUIVOCATION'],
    ['two of one sequence for two sources', [setSeal(), setSeal({ predicate: { source: 'writ-system/other' } })], 'SET_EQUIVOCATION'],
    ['too many', Array.from({ length: 9 }, () => setSeal()), 'SEAL_TOO_LARGE'],
    ['no JSON', ['{'], 'SEAL_MALFORMED'],
  ];
  it('is neither outrun nor contradicted by somebody who may decide about nothing alone', () => {
    for (const sequence of [7, Number.MAX_SAFE_INTEGER]) {
      const outcome = verifySet([setSeal({ by: bob, files: [B], predicate: { sequence } }), setSeal()], { trust, at: NOW });
      assert.ok(outcome.ok);
      assert.deepEqual([outcome.set.sequence, outcome.set.signers], [7, ['alice']]);
    }
  });

  it('is led by those who decide about the first kind that its source has: no lesser key outruns or contradicts them', () => {
    const bytes = trustText([]).toString();
    const spec = JSON.parse(bytes).spec;
    const rules = [
      { kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['alice'] }] },
      { kinds: ['License'], allOf: [{ threshold: 1, principals: ['bob'] }] },
      { kinds: ['Ruleset'], publisherTiers: ['Community'], allOf: [{ threshold: 1, principals: ['bob'] }] },
      { kinds: ['Ruleset'], publisherTiers: ['Gold'], allOf: [{ threshold: 1, principals: ['alice'] }] },
    ];
    const text = Buffer.from(JSON.stringify({ ...JSON.parse(bytes), spec: { ...spec, rules } }));
    const read = loadTrust(text, { pinnedDigest: digestOf(text) });
    assert.ok(read.ok);
    const by = (ordered: readonly string[], ...bundles: readonly string[]): string => {
      const outcome = verifySet(bundles, { trust: read.trust, at: NOW, ordered });
      return outcome.ok ? `${outcome.set.signers.join()} ${outcome.set.sequence}` : outcome.problem.code;
    };
    const license = { ...A, name: 'licenses/acme.yaml' };
    const ruleset = { ...A, name: 'rulesets/eu/ruleset.yaml' };
    const small = (files: readonly (typeof A)[], sequence = Number.MAX_SAFE_INTEGER): string =>
      setSeal({ by: bob, files, predicate: { sequence } });
    const whole = setSeal({ files: [A, license, ruleset] });
    assert.equal(by([], whole), 'alice 7', 'though others decide about some that it lists');
    for (const files of [[A], [license], [ruleset], [license, ruleset], [A, license]]) {
      assert.equal(by(['Policy', 'License'], small(files)), 'SEAL_THRESHOLD');
      assert.equal(by(['License', 'Policy'], small(files), whole), 'alice 7');
      assert.equal(by(['License', 'Policy'], small(files, 7), whole), 'alice 7');
    }
    assert.equal(by([], small([A, license])), 'SEAL_THRESHOLD', 'by what it lists itself');
    assert.equal(by(['License'], small([license], 3)), 'bob 3', 'a source of licenses alone');
    assert.equal(by(['Ruleset'], small([ruleset], 3)), 'SEAL_THRESHOLD', 'rulesets of all publishers');
    assert.equal(by(['Tenant', 'constructor'], small([{ ...A, name: '__proto__/a.yaml' }], 3)), 'bob 3');
  });

  it('decides about a publisher of a tier that nobody knows where it decides about all of them', () => {
    const rule = (by: readonly string[], publisherTiers: readonly string[]) => ({
      kinds: ['Ruleset'],
      publisherTiers,
      allOf: [{ threshold: by.length, principals: by }],
    });
    const tiered = Buffer.from(
      JSON.stringify({
        ...JSON.parse(trustText([]).toString()),
        spec: { ...JSON.parse(trustText([]).toString()).spec, rules: [rule(['alice'], ['Silver']), rule(['alice', 'bob'], ['Gold'])] },
      }),
    );
    const read = loadTrust(tiered, { pinnedDigest: digestOf(tiered) });
    assert.ok(read.ok);
    const decides = (...bundles: readonly string[]): readonly boolean[] => {
      const outcome = verifySet(bundles, { trust: read.trust, at: NOW });
      assert.ok(outcome.ok);
      const { mayDecide } = outcome.set;
      return ['Silver', 'Gold', 'Platinum', undefined, UNKNOWN_TIER].map((tier) => mayDecide('Ruleset', tier));
    };
    assert.deepEqual(decides(setSeal()), [true, false, false, false, false]);
    assert.deepEqual(decides(setSeal(), setSeal({ by: bob })), [true, true, false, false, true]);
  });

  for (const [what, bundles, code] of rows) it(`${what}: ${code}`, () => assert.equal(codeOf(...bundles), code));

  it('says another thing with every bit of what is signed', () => {
    const envelope = JSON.parse(setSeal());
    const { payload } = envelope.dsseEnvelope;
    const bytes = Buffer.from(payload, 'base64');
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.notEqual(
          codeOf(JSON.stringify({ ...envelope, dsseEnvelope: { ...envelope.dsseEnvelope, payload: flipped.toString('base64') } })),
          'good',
        );
      }),
    );
    fc.assert(fc.property(fc.array(fc.oneof(fc.json(), fc.string())), (bundles) => assert.notEqual(codeOf(...bundles), 'good')));
  });
});
