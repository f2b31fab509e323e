// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkpointText, readCheckpoint } from './checkpoint.ts';
import { readInclusion, writeInclusion } from './inclusion-file.ts';
import { checkNote, cosignText, readNote, readVerifierKey, signText, verifierKey, writeNote } from './note.ts';
import { openCheckpoint } from './signed-checkpoint.ts';
import { LOG_NAME, logSigner, testSigner, witnessOne, witnessTwo } from './test-log.ts';

// The example of golang.org/x/mod/sumdb/note.
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PETERS_NOTE =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

describe('a signed note', () => {
  it('of the reference implementation verifies', () => {
    const key = readVerifierKey(PETER) ?? assert.fail();
    const note = readNote(Buffer.from(PETERS_NOTE)) ?? assert.fail();
    assert.deepEqual(checkNote(note, [key]), { good: [{ key }], bad: [] });
    assert.equal(writeNote(note), PETERS_NOTE);
  });

  it('no byte of it can be changed without being told', () => {
    const key = readVerifierKey(PETER) ?? assert.fail();
    const bytes = Buffer.from(PETERS_NOTE);
    for (let at = 0; at < bytes.length; at += 1) {
      for (const bit of [1, 0x20, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ bit;
        const note = readNote(changed);
        if (note !== undefined) assert.deepEqual(checkNote(note, [key]).good, [], `byte ${at}`);
      }
    }
  });

  const good = writeNote({ text: 'text\n', signatures: [signText('text\n', logSigner)] });
  const rows: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['a text alone', 'text\n'],
    ['no signature', 'text\n\n'],
    ['a text without an end', `text${good.slice(5)}`],
    ['a carriage return', good.replace('text', 'te\rxt')],
    ['a NUL', good.replace('text', 'te\0xt')],
    ['a hyphen for the dash', good.replace('\u2014', '-')],
    ['base64 of another spelling', good.replace(/=?\n$/, '\n')],
    ['something after it', `${good}x`],
    ['no last line feed', good.slice(0, -1)],
    ['two blanks', good.replace('\u2014 ', '\u2014  ')],
  ];
  for (const [what, text] of rows) it(`is not: ${what}`, () => assert.equal(readNote(Buffer.from(text)), undefined));
  it('is not: bytes that are no UTF-8', () => assert.equal(readNote(Buffer.concat([Buffer.of(0xff), Buffer.from(good)])), undefined));

  it('is read from any bytes without an exception, and written back alike', () => {
    fc.assert(
      fc.property(fc.nat(good.length), fc.string({ unit: 'binary' }), (at, more) => {
        const bytes = Buffer.from(good.slice(0, at) + more + good.slice(at));
        const note = readNote(bytes);
        if (note !== undefined) assert.ok(Buffer.from(writeNote(note)).equals(bytes));
      }),
    );
  });
});

describe('a verifier key', () => {
  const { text } = logSigner.key;
  const rows: readonly (readonly [string, string])[] = [
    ['another name', text.replace('writ.example', 'evil.example')],
    ['another id', text.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['another type', PETER.replace('+AR', '+AB')],
    ['no name', text.slice(text.indexOf('+'))],
    ['a name with a blank', text.replace('writ.', 'writ ')],
    ['a cut', text.slice(0, -4)],
    ['nothing', ''],
  ];
  it('is read as it was written', () => {
    for (const { key } of [logSigner, witnessOne]) assert.equal(readVerifierKey(key.text)?.text, key.text);
    assert.equal(readVerifierKey(witnessOne.key.text)?.kind, 'cosignature');
  });
  for (const [what, wrong] of rows) it(`is not: ${what}`, () => assert.equal(readVerifierKey(wrong), undefined));
  it('is not made of another sort of key', () =>
    assert.equal(verifierKey('a', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey), undefined));
});

describe('a checkpoint', () => {
  const checkpoint = { origin: LOG_NAME, size: 7, root: Buffer.alloc(32, 3) };
  const text = checkpointText(checkpoint);
  it('is read as it was written', () => assert.deepEqual(readCheckpoint(text), checkpoint));
  const rows: readonly (readonly [string, string])[] = [
    ['a line more', `${text}more\n`],
    ['a size with a zero before it', text.replace('\n7\n', '\n07\n')],
    ['a negative size', text.replace('\n7\n', '\n-7\n')],
    ['a size beyond what can be counted', text.replace('\n7\n', '\n9999999999999999\n')],
    ['a root that is too short', text.replace('AwMD', '')],
    ['no origin', text.slice(LOG_NAME.length)],
  ];
  for (const [what, wrong] of rows) it(`is not: ${what}`, () => assert.equal(readCheckpoint(wrong), undefined));

  const trust = { keys: [logSigner.key], witnesses: [witnessOne.key, witnessTwo.key], quorum: 1 };
  const signed = (...signatures: readonly ReturnType<typeof signText>[]): Buffer => Buffer.from(writeNote({ text, signatures }));
  const codeOf = (bytes: Buffer, by = trust): string => {
    const outcome = openCheckpoint(bytes, by);
    return outcome.ok ? 'good' : outcome.problem.code;
  };
  it('counts by its log and enough witnesses', () => {
    const own = signText(text, logSigner);
    const [one, two] = [cosignText(text, witnessOne, 5000), cosignText(text, witnessTwo, 5000)];
    assert.equal(codeOf(signed(own, one)), 'good');
    assert.equal(codeOf(signed(own)), 'AUDIT_KEY', 'no witness');
    assert.equal(codeOf(signed(own, one, one), { ...trust, quorum: 2 }), 'AUDIT_KEY', 'one witness twice');
    assert.equal(codeOf(signed(own, one, two), { ...trust, quorum: 2 }), 'good');
    assert.equal(codeOf(signed(one)), 'AUDIT_KEY', 'witnesses alone');
    assert.equal(codeOf(signed(own, cosignText('other\n', witnessOne, 5000))), 'AUDIT_SIGNATURE');
    assert.equal(codeOf(signed(signText(text, testSigner(LOG_NAME, 'ed25519', 'other')), one)), 'AUDIT_KEY', 'another key of that name');
    assert.equal(codeOf(signed(signText(text, testSigner('other.example/log')), one)), 'AUDIT_KEY', 'another name');
    assert.equal(codeOf(Buffer.from('x')), 'AUDIT_MALFORMED');
  });
});

describe('a proof for the hand', () => {
  const proof = {
    index: 4,
    hashes: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)],
    checkpoint: Buffer.from('note\n'),
    extra: Buffer.from('{}'),
  };
  it('is read as it was written', () => {
    assert.deepEqual(readInclusion(writeInclusion(proof)), proof);
    const { extra: _extra, ...plain } = proof;
    assert.deepEqual(readInclusion(writeInclusion({ ...plain, hashes: [] })), { ...plain, hashes: [] });
  });
  it('is not: any other bytes', () => {
    const text = writeInclusion(proof).toString();
    for (const wrong of [
      '',
      'c2sp',
      text.replace('@v1', '@v2'),
      text.replace('index 4', 'index 04'),
      text.replace('AQEB', ''),
      text.replace('extra', 'more'),
    ])
      assert.equal(readInclusion(Buffer.from(wrong)), undefined, wrong.slice(0, 40));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.equal(readInclusion(bytes), undefined)));
  });
});
