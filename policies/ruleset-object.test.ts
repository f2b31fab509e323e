// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { digestOf } from './document/digest.ts';
import { rememberJudgements } from './judge-memory.ts';
import type { Judged, SealedObject } from './policy-object.ts';
import { judgeRulesetObject } from './ruleset-object.ts';
import { memberText, releaseText } from './ruleset/test-release.ts';
import type { MemberText } from './ruleset/test-release.ts';
import { createSealedJudge, judgeSealedObject } from './sealed-object.ts';
import { loadTrust } from './trust/index.ts';
import type { Trust } from './trust/index.ts';
import { seal } from './trust/seal.ts';

const NOW = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;
const { publicKey, privateKey } = generateKeyPairSync('ed25519');

const trustOf = (rule: object): Trust => {
  const principals = [{ name: 'ci', publicKeys: [{ pem: String(publicKey.export({ type: 'spki', format: 'pem' })) }] }];
  const rules = [{ ...rule, allOf: [{ threshold: 1, principals: ['ci'] }] }];
  const document = {
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: { version: 1, principals, rules },
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const loaded = loadTrust(bytes, { pinnedDigest: digestOf(bytes) });
  assert.ok(loaded.ok);
  return loaded.trust;
};
const trust = trustOf({ kinds: ['Ruleset'] });

const members = [memberText('a'), memberText('b')];
type Changes = { readonly name?: string; readonly spec?: object; readonly members?: readonly MemberText[]; readonly signature?: object };

const objectOf = ({ name = 'r', spec = {}, members: carried = members, signature = {} }: Changes = {}): SealedObject => {
  const document = releaseText('r', members, spec);
  return {
    kind: 'Ruleset',
    metadata: { name },
    signature: {
      document,
      bundles: [seal(Buffer.from(document), privateKey)],
      members: carried.map(({ path, text }) => ({ path, document: text })),
      ...signature,
    },
  };
};
const codeOf = (judged: Judged): string => (judged.ok ? 'ok' : judged.problem.code);
const judge = (object: SealedObject, by = trust, at = NOW): Judged => judgeRulesetObject(object, by, at);

describe('a Ruleset object', () => {
  it('orders what its document seals, whatever stands in spec', () => {
    const object = { ...objectOf(), spec: { version: 9, policies: [] } };
    const judged = judge(object);
    assert.ok(judged.ok);
    const { kind, name, version, signers, policies, compiled, ruleset } = judged.document;
    assert.deepEqual([kind, name, version, signers, ruleset?.spec.release], ['Ruleset', 'r', 1, ['ci'], '1.0.0']);
    assert.deepEqual(
      compiled.map((policy) => policy.name),
      ['r/a', 'r/b'],
    );
    assert.deepEqual(
      policies.map(({ metadata }) => metadata.name),
      ['r/a', 'r/b'],
    );
  });

  const rows: readonly (readonly [what: string, object: SealedObject, code: string])[] = [
    ['carries no document', { metadata: { name: 'r' } }, 'POLICY_UNSIGNED'],
    ['has another name', objectOf({ name: 'other' }), 'POLICY_NAME_MISMATCH'],
    ['carries no seal', objectOf({ signature: { bundles: [] } }), 'SEAL_MISSING'],
    ['carries no members', objectOf({ signature: { members: undefined } }), 'RULESET_MEMBER_MISSING'],
    ['lacks a member', objectOf({ members: members.slice(1) }), 'RULESET_MEMBER_MISSING'],
    ['carries one more', objectOf({ members: [...members, memberText('c')] }), 'RULESET_MEMBER_EXTRA'],
    ['carries one twice', objectOf({ members: [...members, memberText('a')] }), 'RULESET_MEMBER_DUPLICATE'],
    ['carries one of another release', objectOf({ members: [memberText('a', { title: 'x' }), memberText('b')] }), 'RULESET_MEMBER_DIGEST'],
    ['is too large', objectOf({ members: [...members, { path: 'c', text: 'x'.repeat(2 ** 20) }] }), 'RULESET_TOO_LARGE'],
    ['has ended', objectOf({ spec: { retired: true, policies: undefined }, members: [] }), 'ok'],
  ];
  for (const [what, object, code] of rows) it(`that ${what}: ${code}`, () => assert.equal(codeOf(judge(object)), code));

  it('of a Policy is no Ruleset', () => {
    const document = memberText('r', { version: 1 }).text;
    const object = { ...objectOf(), signature: { document, bundles: [seal(Buffer.from(document), privateKey)] } };
    assert.equal(codeOf(judge(object, trustOf({ kinds: ['Policy', 'Ruleset'] }))), 'POLICY_NAME_MISMATCH');
    assert.equal(codeOf(judgeSealedObject({ ...object, kind: 'Policy' }, trustOf({ kinds: ['Policy'] }), NOW)), 'ok');
    assert.equal(codeOf(judgeSealedObject(objectOf(), trust, NOW)), 'ok');
  });

  it('needs a rule for the standing of its publisher', () => {
    const gold = trustOf({ kinds: ['Ruleset'], publisherTiers: ['Gold', 'Platinum'] });
    const of = (tier: string): SealedObject => objectOf({ spec: { publisher: { name: 'acme', tier } } });
    assert.equal(codeOf(judge(of('Gold'), gold)), 'ok');
    assert.equal(codeOf(judge(of('Silver'), gold)), 'SEAL_NO_RULE');
    assert.equal(codeOf(judge(objectOf(), gold)), 'SEAL_NO_RULE');
  });

  it('ends at its date, and goes on for the grace that it asks for itself', () => {
    const expires = new Date(NOW + HOUR_MS).toISOString();
    const judged = judge(objectOf({ spec: { expires, gracePeriod: '72h' } }), trust, NOW + 2 * HOUR_MS);
    assert.ok(judged.ok);
    assert.deepEqual([judged.document.expiresMs, judged.document.graceMs], [NOW + HOUR_MS, 72 * HOUR_MS]);
  });

  it('is remembered with its members', () => {
    const { judge: remembered } = rememberJudgements(createSealedJudge());
    const good = objectOf();
    assert.equal(codeOf(remembered(good, trust, NOW)), 'ok');
    const stripped = { ...good, signature: { document: '', ...good.signature, members: [] } };
    assert.equal(codeOf(remembered(stripped, trust, NOW)), 'RULESET_MEMBER_MISSING');
    assert.equal(remembered({ ...good }, trust, NOW), remembered({ ...good }, trust, NOW));
  });

  it('is refused at any flip of a byte, of its document or of a member', () => {
    const good = objectOf();
    const { document = '', members: carried = [] } = good.signature ?? {};
    const flipped = (text: string, where: number, bit: number): string => {
      const bytes = Buffer.from(text);
      const at = where % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      return bytes.toString('utf8');
    };
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), fc.nat(6), (which, where, bit) => {
        const signature = {
          ...good.signature,
          document: which === 0 ? flipped(document, where, bit) : document,
          members: carried.map((member, index) =>
            index === which - 1 ? { ...member, document: flipped(member.document, where, bit) } : member,
          ),
        };
        const code = codeOf(judge({ ...good, signature }));
        const codes = which === 0 ? ['SEAL_DIGEST_MISMATCH', 'DOCUMENT_ENCODING'] : ['RULESET_MEMBER_DIGEST'];
        assert.ok(codes.includes(code), code);
      }),
      { numRuns: 300 },
    );
  });
});
