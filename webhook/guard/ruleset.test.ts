// SPDX-License-Identifier: Apache-2.0
// A Ruleset passes the guard with the members that it seals, under the rules that a Policy meets.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { isRecord } from '../../crds/wire.ts';
import { marksOf } from '../../policies/currency/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { memberText, releaseText } from '../../policies/ruleset/test-release.ts';
import { seal } from '../../policies/trust/seal.ts';
import { NOW, keyed, trustOf } from '../../policies/trust/test-trust.ts';
import { ruleOn } from './rules.ts';
import { codeOf, viewOf } from './test-view.ts';

const pair = generateKeyPairSync('ed25519');
const trust = trustOf({ principals: [keyed('ci', pair.publicKey)], kinds: ['Ruleset'] });
const members = [memberText('a'), memberText('b')];

const release = (version: number, more: object = {}, carried = members) => {
  const document = releaseText('r', members, { version, ...more });
  const value: unknown = JSON.parse(document);
  assert.ok(isRecord(value));
  return {
    metadata: { name: 'r' },
    spec: value['spec'],
    signature: {
      document,
      bundles: [seal(Buffer.from(document), pair.privateKey)],
      members: carried.map(({ path, text }) => ({ path, document: text })),
    },
  };
};
const [one, two, three] = [release(1), release(2), release(3)];
const view = viewOf(trust, {
  marks: marksOf([{ kind: 'Ruleset', name: 'r', version: 2, digest: digestOf(Buffer.from(two.signature.document)) }]),
  atMs: NOW,
});
type Json = Readonly<Record<string, unknown>>;
const writing = (before: Json | undefined, after: Json | undefined): string => {
  return codeOf(ruleOn({ kind: 'Ruleset', name: 'r', before, after }, view));
};

describe('a Ruleset at admission', () => {
  it('passes sealed and newer, and as it stands', () => {
    assert.equal(writing(two, three), 'pass');
    assert.equal(writing(undefined, two), 'pass');
  });
  it('is refused when it is older, and kept while it is enforced', () => {
    assert.equal(writing(two, one), 'POLICY_ROLLBACK');
    assert.equal(writing(two, undefined), 'REMOVAL_UNSEALED');
  });
  it('is refused when a member is another or missing, and when spec says otherwise', () => {
    const [a, b] = members;
    assert.ok(a !== undefined && b !== undefined);
    assert.equal(writing(two, release(3, {}, [a])), 'RULESET_MEMBER_MISSING');
    assert.equal(writing(two, release(3, {}, [a, { ...b, text: a.text }])), 'RULESET_MEMBER_DIGEST');
    assert.equal(writing(two, { ...three, spec: one.spec }), 'SPEC_DIFFERS');
    assert.equal(writing(two, { ...three, signature: undefined }), 'POLICY_UNSIGNED');
  });
  it('is refused when it was past its date when it came', () => {
    assert.equal(writing(two, release(3, { expires: '2026-01-01T00:00:00Z' })), 'POLICY_EXPIRED');
  });
});
