// SPDX-License-Identifier: Apache-2.0
// One decision with its proof, for someone who has nothing else.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ProblemCode } from '../problem.ts';
import { isReceipt, verifyReceipt, writeReceipt } from './receipt.ts';
import { readSpoolFile } from './spool-file.ts';
import { SET_DIGEST, chainOf, decisionLine, idOf, keysOf, setLine, testKey } from './test-spool.ts';
import type { TestKey } from './test-spool.ts';

const key = testKey();
const trusted = keysOf(key);

type Made = { readonly lines: readonly string[]; readonly index?: number; readonly set?: number; readonly by?: TestKey };

const receiptOf = ({ lines, index = 1, set = 0, by = key }: Made): string => {
  const [found] = readSpoolFile(chainOf(by).file([{ lines }])).batches;
  assert.ok(found);
  const text = writeReceipt({ found, index, key: by.publicKey }, { found, index: set, key: by.publicKey });
  assert.ok(text !== undefined);
  return text;
};

const code = (text: string, keys: Parameters<typeof verifyReceipt>[1] = trusted): ProblemCode | 'good' => {
  const outcome = verifyReceipt(text, keys);
  return outcome.ok ? 'good' : outcome.problem.code;
};

const good = receiptOf({ lines: [setLine, decisionLine(1), decisionLine(2)] });

describe('a receipt', () => {
  it('is an in-toto statement about the object, with what was decided and by whose documents', () => {
    const outcome = verifyReceipt(good, trusted);
    assert.ok(outcome.ok && isReceipt(good));
    const { statement, policySet } = outcome.receipt;
    const told = JSON.parse(JSON.stringify(statement));
    const record = JSON.parse(decisionLine(1));
    assert.equal(told._type, 'https://in-toto.io/Statement/v1');
    assert.equal(told.predicateType, 'https://writ.dev/decision-receipt/v1');
    assert.deepEqual(told.subject, [{ name: 'object', digest: { sha256: record.objectDigest.slice(7) } }]);
    const { id, replica, request, verdict, setDigest, trustDigest, spoke, revisions, time } = told.predicate;
    assert.deepEqual(
      { id, replica, verdict, setDigest, time },
      { id: idOf(1), replica: 'one', verdict: 'Deny', setDigest: SET_DIGEST, time: record.time },
    );
    assert.deepEqual(
      { trustDigest, spoke, revisions },
      { trustDigest: record.trustDigest, spoke: record.spoke, revisions: record.revisions },
    );
    assert.deepEqual([request.uid, request.dryRun], ['uid-1', true], 'a dry run is marked');
    assert.deepEqual(policySet, JSON.parse(setLine));
  });

  it('of a request without an object is about its record', () => {
    const text = receiptOf({ lines: [setLine, decisionLine(1, { objectDigest: undefined })] });
    const outcome = verifyReceipt(text, trusted);
    assert.ok(outcome.ok);
    assert.deepEqual(JSON.parse(JSON.stringify(outcome.receipt.statement)).subject[0].name, 'record');
  });

  it('holds for every place in batches of 1 to 40', () => {
    for (let size = 1; size <= 40; size += 1) {
      const lines = Array.from({ length: size }, (_, index) => decisionLine(index));
      const [found] = readSpoolFile(chainOf(key).file([{ lines }])).batches;
      assert.ok(found);
      for (let index = 0; index < size; index += 1)
        assert.equal(code(writeReceipt({ found, index, key: key.publicKey }, undefined) ?? ''), 'good');
    }
  });

  it('survives keys that are names of Object', () => {
    const hostile = decisionLine(1, {
      revisions: JSON.parse('{"__proto__":"x","constructor":"y"}'),
      spoke: [],
      closed: 'NAMESPACE_UNKNOWN',
    });
    assert.equal(code(receiptOf({ lines: [setLine, hostile] })), 'good');
  });
});

type EditableProof = { index: number; hashes: string[]; record: string; publicKey: string };
type Editable = { statement: { predicate: Record<string, unknown> }; decision: EditableProof; policySet: EditableProof; note?: string };

describe('is refused', () => {
  const edit = (change: (receipt: Editable) => void): string => {
    const receipt: Editable = JSON.parse(good);
    change(receipt);
    return `${JSON.stringify(receipt, null, 2)}\n`;
  };
  const rows: readonly (readonly [what: string, code: ProblemCode, text: () => string])[] = [
    ['another verdict in the statement', 'RECEIPT_MALFORMED', () => edit(({ statement }) => (statement.predicate.verdict = 'Allow'))],
    ['another field in the statement', 'RECEIPT_MALFORMED', () => edit(({ statement }) => (statement.predicate.note = 'x'))],
    ['another field beside it', 'RECEIPT_MALFORMED', () => edit((receipt) => (receipt.note = 'x'))],
    ['no proof', 'RECEIPT_MALFORMED', () => edit((receipt) => Reflect.deleteProperty(receipt, 'decision'))],
    ['another place', 'RECEIPT_INCLUSION', () => edit(({ decision }) => (decision.index = 2))],
    ['a hash less', 'RECEIPT_INCLUSION', () => edit(({ decision }) => decision.hashes.pop())],
    [
      'a proof of a policy set for another',
      'RECEIPT_INCLUSION',
      () => edit(({ policySet }) => (policySet.record = setLine.replace('ann', 'eve'))),
    ],
    ['a decision in place of the policy set', 'RECEIPT_MALFORMED', () => receiptOf({ lines: [setLine, decisionLine(1)], set: 1 })],
    [
      'the policy set of another digest',
      'RECEIPT_MALFORMED',
      () => receiptOf({ lines: [setLine.replace('5555', '5556'), decisionLine(1)] }),
    ],
    ['a policy set as the decision', 'RECEIPT_MALFORMED', () => edit((receipt) => (receipt.decision = receipt.policySet))],
    ['an untrusted key', 'RECEIPT_KEY', () => receiptOf({ lines: [setLine, decisionLine(1)], by: testKey() })],
    [
      'another key beside the batch',
      'RECEIPT_KEY',
      () =>
        edit(
          ({ decision }) =>
            (decision.publicKey = JSON.parse(receiptOf({ lines: [setLine, decisionLine(1)], by: testKey() })).decision.publicKey),
        ),
    ],
    ['other spacing', 'RECEIPT_MALFORMED', () => JSON.stringify(JSON.parse(good))],
    ['another text', 'RECEIPT_MALFORMED', () => 'null'],
  ];
  for (const [what, expected, text] of rows) it(what, () => assert.equal(code(text()), expected));

  it('a record that was changed together with its statement', () => {
    const text = good
      .replaceAll('\\"verdict\\":\\"Deny\\",\\"setDigest', '\\"verdict\\":\\"Allow\\",\\"setDigest')
      .replace('"verdict": "Deny",\n      "setDigest', '"verdict": "Allow",\n      "setDigest');
    assert.ok(text !== good);
    assert.equal(code(text), 'RECEIPT_INCLUSION');
  });

  it('any flipped bit and any cut, and nothing is thrown', () => {
    const bytes = Buffer.from(good);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        assert.notEqual(code(changed.toString(), undefined), 'good');
        assert.notEqual(code(bytes.subarray(0, at).toString(), undefined), 'good');
      }),
      { numRuns: 500 },
    );
  });
});
