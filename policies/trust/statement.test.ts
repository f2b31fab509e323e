// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { digestOf } from '../document/digest.ts';
import type { ProblemCode } from '../problem.ts';
import { verify } from './index.ts';
import { hintOf } from './key.ts';
import { seal, sealStatement } from './seal.ts';
import { writeStatement } from './statement.ts';
import { NOW, codeFor, codeOf, keyed, policyBytes as bytes, trustOf } from './test-trust.ts';

const alice = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const bob = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const principals = [keyed('alice', alice.publicKey), keyed('bob', bob.publicKey)];
const trust = trustOf({ principals });
const two = trustOf({ principals, threshold: 2 });
const good = seal(bytes, alice.privateKey);

type Json = { [key: string]: Json } & { [key: string]: unknown };

describe('a statement', () => {
  const DIGEST = digestOf(bytes).slice('sha256:'.length);
  type Changes = { readonly [field: string]: unknown };
  const statement = (changes: Changes, kind: 'approval' | 'set' = 'approval'): Changes => ({
    ...JSON.parse(
      writeStatement(kind, [{ name: 'policies/pinned.yaml', digest: digestOf(bytes) }], kind === 'set' ? { sequence: 7 } : {}).toString(),
    ),
    ...changes,
  });
  const approve = (changes: Changes, kind: 'approval' | 'set' = 'approval'): string =>
    sealStatement(Buffer.from(JSON.stringify(statement(changes, kind))), alice.privateKey);
  const signatureIn = (envelope: Json): Json => envelope['signatures']?.['0'] ?? assert.fail();
  const enveloped = (change: (envelope: Json) => void): string => {
    const bundle: Json = JSON.parse(approve({}));
    change(bundle['dsseEnvelope']!);
    return JSON.stringify(bundle);
  };
  const others = (count: number): object[] =>
    Array.from({ length: count }, (_, index) => ({
      name: `f${index}`,
      digest: { sha256: createHash('sha256').update(`${index}`).digest('hex') },
    }));
  const subject = { name: 'a', digest: { sha256: DIGEST } };
  const raw = (text: string): string => sealStatement(Buffer.from(text), alice.privateKey);

  it('of a set names many files, counts for each and tells its number', () => {
    const bundle = approve({ subject: [...others(100), subject] }, 'set');
    const outcome = verify(bytes, [bundle], trust, NOW);
    assert.ok(outcome.ok);
    assert.deepEqual(
      outcome.seals.map(({ proof, sequence }) => [proof, sequence]),
      [['set', 7]],
    );
    assert.equal(codeFor(bundle, trust, Buffer.from('f7')), 'SEAL_DIGEST_MISMATCH');
  });

  const rows: readonly (readonly [name: string, bundle: string, code: ProblemCode | 'ok'])[] = [
    ['of another file (T1)', approve({ subject: others(1) }), 'SEAL_DIGEST_MISMATCH'],
    ['of a set without the file', approve({ subject: others(9) }, 'set'), 'SEAL_DIGEST_MISMATCH'],
    [
      'that names the file by SHA-512 only',
      approve({ subject: [{ name: 'a', digest: { sha512: createHash('sha512').update(bytes).digest('hex') } }] }),
      'SEAL_STATEMENT',
    ],
    ['with the digest in capitals', approve({ subject: [{ name: 'a', digest: { sha256: DIGEST.toUpperCase() } }] }), 'SEAL_STATEMENT'],
    ['with a field in a subject that in-toto does not know', approve({ subject: [{ ...subject, extra: 1 }] }), 'SEAL_STATEMENT'],
    [
      'with further facts about the subject',
      approve({ subject: [{ ...subject, uri: 'git+https://host/x', annotations: { a: 1 } }] }),
      'ok',
    ],
    ['without a subject', approve({ subject: [] }), 'SEAL_STATEMENT'],
    ['whose subject is no list', approve({ subject }), 'SEAL_STATEMENT'],
    ['that approves two files', approve({ subject: [...others(1), subject] }), 'SEAL_STATEMENT'],
    ['of the older type that cosign writes', approve({ _type: 'https://in-toto.io/Statement/v0.1' }), 'ok'],
    ['of another type', approve({ _type: 'https://in-toto.io/Statement/v2' }), 'SEAL_STATEMENT'],
    ['without a type', approve({ _type: undefined }), 'SEAL_STATEMENT'],
    ['with provenance instead of an approval', approve({ predicateType: 'https://slsa.dev/provenance/v1' }), 'SEAL_STATEMENT'],
    ['with a predicate type that begins alike', approve({ predicateType: 'https://writ.dev/policy-approval/v1.1' }), 'SEAL_STATEMENT'],
    ['with a field that no statement has', approve({ extra: 1 }), 'SEAL_STATEMENT'],
    ['with a subject twice', raw(JSON.stringify(statement({})).replace('{', '{"subject":[],')), 'SEAL_STATEMENT'],
    ['that is no JSON', raw('x'), 'SEAL_STATEMENT'],
    ['that is a list', raw('[]'), 'SEAL_STATEMENT'],
    ['that is not UTF-8', sealStatement(Buffer.from([0xff]), alice.privateKey), 'SEAL_STATEMENT'],
    ['of a set without a number', approve({ predicate: {} }, 'set'), 'SEAL_STATEMENT'],
    ['of a set with the number 0', approve({ predicate: { sequence: 0 } }, 'set'), 'SEAL_STATEMENT'],
    ['of a set with a number in quotes', approve({ predicate: { sequence: '7' } }, 'set'), 'SEAL_STATEMENT'],
    ['that ends later', approve({ predicate: { expires: '2027-01-01T00:00:00Z' } }), 'ok'],
    ['that has ended', approve({ predicate: { expires: '2026-01-01T00:00:00Z' } }), 'SEAL_EXPIRED'],
    ['that ends at no time', approve({ predicate: { expires: 'soon' } }), 'SEAL_STATEMENT'],
    ['that ends at a number', approve({ predicate: { expires: 9e15 } }), 'SEAL_STATEMENT'],
    ['of 1025 files', approve({ subject: others(1025) }, 'set'), 'SEAL_TOO_LARGE'],
    ['in an envelope of another type', enveloped((e) => Object.assign(e, { payloadType: 'application/json' })), 'SEAL_STATEMENT'],
    [
      'under the same type with a charset',
      enveloped((e) => Object.assign(e, { payloadType: 'application/vnd.in-toto+json; charset=utf-8' })),
      'SEAL_STATEMENT',
    ],
    ['with two signatures', enveloped((e) => Object.assign(e, { signatures: [signatureIn(e), signatureIn(e)] })), 'SEAL_MALFORMED'],
    ['without a signature', enveloped((e) => Object.assign(e, { signatures: [] })), 'SEAL_MALFORMED'],
    ['that names another key', enveloped((e) => Object.assign(signatureIn(e), { keyid: hintOf(bob.publicKey) })), 'SEAL_MALFORMED'],
    ['with an unknown field in the envelope', enveloped((e) => Object.assign(e, { extra: 1 })), 'SEAL_MALFORMED'],
    ['with an unknown field beside the signature', enveloped((e) => Object.assign(signatureIn(e), { cert: 'x' })), 'SEAL_MALFORMED'],
    [
      'whose payload was exchanged',
      enveloped((e) =>
        Object.assign(e, { payload: Buffer.from(JSON.stringify(statement({ predicate: { note: 'mine' } }))).toString('base64') }),
      ),
      'SEAL_SIGNATURE',
    ],
    [
      'signed without its envelope',
      enveloped((e) =>
        Object.assign(signatureIn(e), {
          sig: sign('sha256', Buffer.from(JSON.stringify(statement({}))), alice.privateKey).toString('base64'),
        }),
      ),
      'SEAL_SIGNATURE',
    ],
    [
      'beside a message signature',
      JSON.stringify({ ...JSON.parse(good), dsseEnvelope: JSON.parse(approve({})).dsseEnvelope }),
      'SEAL_MALFORMED',
    ],
  ];
  for (const [name, bundle, code] of rows) it(name, () => assert.equal(codeFor(bundle, trust), code));

  it('by a second principal reaches a threshold together with a message', () => {
    const byBob = sealStatement(writeStatement('approval', [{ name: 'a', digest: digestOf(bytes) }], {}), bob.privateKey);
    assert.equal(codeOf(verify(bytes, [good, byBob], two, NOW)), 'ok');
    assert.equal(codeOf(verify(bytes, [good, approve({})], two, NOW)), 'SEAL_THRESHOLD');
  });
});
