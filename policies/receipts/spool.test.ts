// SPDX-License-Identifier: Apache-2.0
// A whole spool: what holds, and that nothing in it can be changed, moved, cut or left out without being told.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ProblemCode } from '../problem.ts';
import { createSpoolCheck } from './index.ts';
import type { Keys, SpoolReport } from './index.ts';
import { chainOf, decisionLine, keysOf, setLine, testKey } from './test-spool.ts';
import type { TestBatch } from './test-spool.ts';

const key = testKey();
const trusted = keysOf(key);

const check = (files: readonly Buffer[], keys: Keys = trusted): SpoolReport => {
  const checker = createSpoolCheck(keys);
  files.forEach((content, index) => void checker.file(`file-${index}`, content));
  return checker.report();
};
const codes = (report: SpoolReport): readonly ProblemCode[] => report.problems.map(({ code }) => code);

const lines = (from: number, count: number): readonly string[] => Array.from({ length: count }, (_, index) => decisionLine(from + index));
/** Two files: batches 1 to 3 and 4 to 5. */
const twoFiles = (): readonly [Buffer, Buffer] => {
  const chain = chainOf(key);
  return [
    chain.file([{ lines: [setLine, ...lines(0, 4)] }, { lines: lines(4, 1) }, { lines: lines(5, 7), claim: { lost: 2 } }]),
    chain.file([{ lines: [setLine, ...lines(12, 3)] }, { lines: [], claim: { end: true } }]),
  ];
};
const [first, second] = twoFiles();

describe('a spool that is whole', () => {
  it('holds, and says how far it reaches and what it lacks', () => {
    const report = check([first, second]);
    assert.deepEqual(report.problems, []);
    assert.deepEqual([report.replica, report.batches, report.records, report.lost], ['one', 5, 17, 2]);
    assert.deepEqual([report.first?.batch, report.last?.batch, report.last?.end], [1, 5, true]);
    assert.deepEqual(report.keys, [key.publicKey.hint]);
  });

  it('holds by P-256 as well', () => {
    const p256 = testKey('p256');
    const file = chainOf(p256).file([{ lines: lines(0, 3) }]);
    assert.deepEqual(codes(check([file], keysOf(p256))), []);
  });

  it('holds from any file on: what is older may have gone', () => {
    const report = check([second]);
    assert.deepEqual([codes(report), report.first?.batch], [[], 4]);
  });

  it('goes on under another key after a restart, and tells a crash', () => {
    const other = testKey();
    const chain = chainOf(key);
    const files = [
      chain.file([{ lines: lines(0, 2) }]),
      chain.file([{ lines: lines(2, 2), claim: { restart: { clean: false, tornBytes: 7 } } }], other),
    ];
    const report = check(files, keysOf(key, other));
    assert.deepEqual([codes(report), report.keys.length, report.crashes.map(({ batch }) => batch)], [[], 2, [2]]);
    assert.deepEqual(codes(check(files)), ['RECEIPT_KEY'], 'a key that nobody trusts');
  });

  it('by the keys that it names itself, where none is given', () => assert.deepEqual(codes(check([first, second], undefined)), []));
});

describe('is refused', () => {
  const one = (...batches: readonly TestBatch[]): readonly Buffer[] => [chainOf(key).file(batches)];
  const text = first.toString();
  const rows: readonly (readonly [what: string, code: ProblemCode, files: () => readonly Buffer[]])[] = [
    ['a batch by a key that is not trusted', 'RECEIPT_KEY', () => [chainOf(testKey()).file([{ lines: lines(0, 2) }])]],
    ['a batch by another key than that of its file', 'RECEIPT_KEY', () => one({ lines: lines(0, 2), key: testKey() })],
    ['a batch of another number of records', 'RECEIPT_INCLUSION', () => one({ lines: lines(0, 2), claim: { size: 3 } })],
    ['a batch with another root', 'RECEIPT_INCLUSION', () => one({ lines: lines(0, 2), claim: { root: '0'.repeat(64) } })],
    ['a batch that does not follow', 'RECEIPT_CHAIN', () => one({ lines: lines(0, 1) }, { lines: lines(1, 1), claim: { batch: 3 } })],
    [
      'a batch that follows another one',
      'RECEIPT_CHAIN',
      () => one({ lines: lines(0, 1) }, { lines: lines(1, 1), claim: { prev: `sha256:${'1'.repeat(64)}` } }),
    ],
    ['a first batch with one before it', 'RECEIPT_CHAIN', () => one({ lines: [], claim: { prev: `sha256:${'1'.repeat(64)}` } })],
    ['a batch of another replica', 'RECEIPT_CHAIN', () => one({ lines: lines(0, 1), claim: { replica: 'two' } })],
    ['the files the other way round', 'RECEIPT_CHAIN', () => [second, first]],
    ['a file twice', 'RECEIPT_CHAIN', () => [first, first]],
    ['records after the last seal', 'RECEIPT_UNSEALED', () => [Buffer.from(`${text}${decisionLine(99)}\n`)]],
    ['half a line after the last seal', 'RECEIPT_UNSEALED', () => [Buffer.from(`${text}{"msg":"dec`)]],
    ['no header', 'RECEIPT_MALFORMED', () => [Buffer.from(text.slice(text.indexOf('\n') + 1))]],
    ['nothing', 'RECEIPT_MALFORMED', () => [Buffer.alloc(0)]],
    ['a seal with a space more', 'RECEIPT_MALFORMED', () => [Buffer.from(text.replace('"envelope":', '"envelope": '))]],
    ['a seal with a second signature', 'RECEIPT_MALFORMED', () => [Buffer.from(text.replace(/("signatures":\[)(\{[^}]*\})/, '$1$2,$2'))]],
    ['a seal with a key of Object', 'RECEIPT_MALFORMED', () => [Buffer.from(text.replace('"envelope":{', '"envelope":{"__proto__":1,'))]],
  ];
  for (const [what, code, files] of rows) it(what, () => assert.ok(codes(check(files())).includes(code), codes(check(files())).join()));

  it('and the place is named', () => {
    const [problem] = check([Buffer.from(text.replace('pod-é-5', 'pod-e-5'))]).problems;
    assert.deepEqual(problem?.at, { file: 'file-0', line: 17, column: 1 });
  });

  it('what stands after a gap still counts, the gap is told once', () => {
    const at = text.split('\n');
    const without = Buffer.from([...at.slice(0, 7), ...at.slice(9)].join('\n'));
    const report = check([without, second]);
    assert.deepEqual([codes(report), report.batches], [['RECEIPT_CHAIN'], 4]);
  });
});

describe('no change goes unseen', () => {
  const numRuns = 200;

  it('a flipped bit, wherever it is', () => {
    fc.assert(
      fc.property(fc.nat(first.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(first);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        assert.notDeepEqual(codes(check([changed, second])), []);
        assert.notDeepEqual(codes(check([changed], undefined)), []);
      }),
      { numRuns },
    );
  });

  it('every bit of a small file', () => {
    const small = chainOf(key).file([{ lines: [decisionLine(1)] }]);
    for (let at = 0; at < small.length; at += 1) {
      const changed = Buffer.from(small);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      assert.notDeepEqual(codes(check([changed], undefined)), [], `byte ${at}`);
    }
  });

  it('a cut, wherever it is', () => {
    fc.assert(
      fc.property(fc.nat(first.length - 1), (length) => {
        assert.notDeepEqual(codes(check([first.subarray(0, length), second])), []);
      }),
      { numRuns },
    );
  });

  it('a line that is taken out, doubled, or put elsewhere', () => {
    const all = first.toString().trimEnd().split('\n');
    const as = (some: readonly string[]): readonly Buffer[] => [Buffer.from(`${some.join('\n')}\n`), second];
    assert.deepEqual(codes(check(as(all))), []);
    for (const [at, line] of all.entries()) {
      assert.notDeepEqual(codes(check(as(all.toSpliced(at, 1)))), [], `without line ${at}`);
      assert.notDeepEqual(codes(check(as(all.toSpliced(at, 0, line)))), [], `line ${at} twice`);
      const moved = all.toSpliced(at, 1).toSpliced((at + 3) % all.length, 0, line);
      assert.notDeepEqual(codes(check(as(moved))), [], `line ${at} elsewhere`);
    }
  });

  it('whole batches that are taken out or change places', () => {
    const chain = chainOf(key);
    const header = chain.file([]);
    const batches = [1, 2, 3, 1].map((count, index) => chain.file([{ lines: lines(index * 10, count) }]).subarray(header.length));
    const as = (some: readonly Buffer[]): readonly ProblemCode[] => codes(check([Buffer.concat([header, ...some])]));
    assert.deepEqual(as(batches), []);
    for (const at of [1, 2]) assert.deepEqual(as(batches.toSpliced(at, 1)), ['RECEIPT_CHAIN']);
    for (const at of [0, 1, 2]) {
      const [one, other] = [batches[at]!, batches[at + 1]!];
      assert.ok(as(batches.toSpliced(at, 2, other, one)).includes('RECEIPT_CHAIN'));
    }
    // What came before may have gone, what comes after may not be there yet: told by first and last, not as a problem.
    const shorter = check([Buffer.concat([header, ...batches.slice(1, -1)])]);
    assert.deepEqual([codes(shorter), shorter.first?.batch, shorter.last?.batch, shorter.last?.end], [[], 2, 3, undefined]);
  });

  it('whatever the bytes are, it is told and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(first.length), (bytes, at) => {
        const mixed = Buffer.concat([first.subarray(0, at), bytes, first.subarray(at)]);
        assert.equal(codes(check([mixed])).length > 0, bytes.length > 0);
      }),
      { numRuns },
    );
  });
});
