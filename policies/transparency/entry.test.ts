// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createGlance } from './alike.ts';
import { canonicalJson, readCanonicalObject } from './canonical-json.ts';
import { NO_LEAF, decodeEntry, encodeEntry } from './entry.ts';
import type { AuditEntry } from './entry.ts';
import { NOTHING_LIKELY, glanceEntry } from './glance.ts';
import type { Likely } from './glance.ts';
import { sealField } from './sealed-field.ts';

const entry: AuditEntry = {
  v: 1,
  log: 'writ.example/audit/cluster',
  seq: 41,
  ts: '2026-11-22T13:00:00.000Z',
  prev: NO_LEAF,
  action: 'commit.refused',
  actor: 'writ-operator',
  object: { kind: 'GitSource', name: 'policies', namespace: 'writ-system' },
  tenant: 'acme',
  decision: 'Deny',
  detail: { count: 1, deep: [{ a: null, b: true }, [], {}, -3, 0], text: 'é 💡' },
};
const text = encodeEntry(entry).toString();

describe('canonical JSON', () => {
  it('is that of RFC 8785, section 3.2.3: keys in the order of UTF-16 units', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const order = [...canonicalJson(value).matchAll(/:"([A-Z][a-z]+)/g)].map(([, word]) => word);
    assert.deepEqual(order, ['Carriage', 'One', 'Control', 'Latin', 'Euro', 'Emoji', 'Hebrew']);
    assert.equal(canonicalJson([1e30, 4.5, 2e-3, 1e-27, -0]), '[1e+30,4.5,0.002,1e-27,0]');
  });

  it('is read as it was written, and of no other spelling', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ noUnicodeString: false })), (value) => {
        const written = canonicalJson(JSON.parse(JSON.stringify(value)));
        const read = readCanonicalObject(written);
        assert.equal(read === undefined ? undefined : canonicalJson(read), written);
        const spread = JSON.stringify(JSON.parse(written), null, 1);
        assert.equal(readCanonicalObject(spread) === undefined, spread !== written);
      }),
    );
  });
});

describe('an entry', () => {
  it('is read as it was written', () => {
    const enc = {
      'detail.spec': sealField({
        plain: Buffer.from('x'),
        place: { log: 'l', tenant: '', seq: 1, path: 'p' },
        key: { kid: 'k', bytes: Buffer.alloc(32) },
        nonce: Buffer.alloc(12),
      }),
    };
    for (const one of [entry, { ...entry, enc }, { ...entry, requestId: 'a\n"\\' }])
      assert.deepEqual({ ...decodeEntry(encodeEntry(one)) }, one);
  });

  const rows: readonly (readonly [string, string])[] = [
    ['another version', text.replace('"v":1', '"v":2')],
    ['no actor', text.replace('"actor":"writ-operator",', '')],
    ['a field that nobody knows', text.replace('"v":1', '"v":1,"w":1')],
    ['a negative number', text.replace('"seq":41', '"seq":-1')],
    ['a fraction', text.replace('"seq":41', '"seq":4.1')],
    ['minus nothing', text.replace('"count":1', '"count":-0')],
    ['a zero before a number', text.replace('"count":1', '"count":01')],
    ['an exponent', text.replace('"count":1', '"count":1e0')],
    ['an escape that is not needed', text.replace('é', '\\u00e9')],
    ['keys in another order', text.replace('"kind":"GitSource","name":"policies"', '"name":"policies","kind":"GitSource"')],
    ['a key twice', text.replace('"kind":"GitSource"', '"kind":"GitSource","kind":"GitSource"')],
    ['an object without a kind', text.replace('"kind":"GitSource",', '')],
    ['an object with another field', text.replace('"name":"policies"', '"name":"policies","name2":"x"')],
    ['a time of another form', text.replace('13:00:00.000Z', '13:00:00Z')],
    ['a month that there is not', text.replace('2026-11', '2026-13')],
    ['an action of one word', text.replace('commit.refused', 'commit')],
    ['a leaf in capitals', text.replace(NO_LEAF, 'A'.repeat(64))],
    ['detail that is a list', text.replace(/"detail":\{.*?\},"log"/, '"detail":[],"log"')],
    ['a tenant that is a number', text.replace('"tenant":"acme"', '"tenant":7')],
    ['a field of Object', text.replace('"action"', '"__proto__":{},"action"')],
    ['a comma more', text.replace('"v":1}', '"v":1,}')],
    ['an end more', `${text}}`],
    ['a blank', text.replace(':1,', ': 1,')],
    ['a list', '[]'],
    ['nested without end', '['.repeat(60_000)],
    ['nothing', ''],
  ];
  for (const [what, wrong] of rows) {
    it(`is not: ${what}`, () => {
      assert.notEqual(wrong, text);
      assert.equal(decodeEntry(Buffer.from(wrong)), undefined);
      assert.equal(glanceEntry(Buffer.from(wrong)), undefined);
    });
  }
  it('is not: bytes that are no UTF-8', () => {
    const bytes = Buffer.from(text);
    bytes[bytes.indexOf('é')] = 0xff;
    assert.equal(decodeEntry(bytes), undefined);
    assert.equal(glanceEntry(bytes), undefined);
  });
});

describe('a glance', () => {
  const likely: readonly Likely[] = [NOTHING_LIKELY, entry, { ...entry, log: 'Ã©', prev: '1'.repeat(64) }];
  const same = (bytes: Buffer): void => {
    const [seen, ...others] = likely.map((one) => glanceEntry(bytes, one));
    for (const other of others) assert.deepEqual(other, seen);
    if (seen === undefined) return;
    const decoded = decodeEntry(bytes);
    assert.ok(decoded !== undefined, bytes.toString());
    const { log, seq, ts, prev, action } = decoded;
    assert.deepEqual(seen, { log, seq, ts, prev, action });
    assert.equal(decoded.enc, undefined);
  };

  it('suffices for plain entries', () => assert.ok(glanceEntry(Buffer.from(text)) !== undefined));

  it('sees what decoding sees, whatever is likely', () => {
    for (const log of ['é', 'Ã©', '', 'x']) same(encodeEntry({ ...entry, log }));
    for (const [field, value] of [
      ['ts', entry.ts],
      ['prev', entry.prev],
      ['action', entry.action],
    ] as const)
      same(Buffer.from(text.replace(`"${field}":"${value}"`, `"${field}":""`)));
  });

  it('sees what decoding sees, of every entry with any byte changed', () => {
    for (let at = 0; at < text.length; at += 1) {
      for (const byte of [0x20, 0x22, 0x2c, 0x2d, 0x30, 0x31, 0x3a, 0x5b, 0x5c, 0x61, 0x7b, 0x7d, 0x80, 0xff]) {
        const bytes = Buffer.from(text);
        bytes[at] = byte;
        same(bytes);
      }
    }
  });

  it('sees what decoding sees, of details of any sort', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
        fc.nat(text.length),
        fc.uint8Array({ maxLength: 4 }),
        (detail, at, bytes) => {
          const whole = encodeEntry({ ...entry, detail: JSON.parse(JSON.stringify(detail)) });
          same(whole);
          same(Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at)]));
          same(Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + bytes.length)]));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a glance that remembers', () => {
  /** Bytes that mean something somewhere, and some that do not. */
  const anyByte = fc.constantFrom(
    0x00,
    0x1f,
    0x20,
    0x22,
    0x2c,
    0x2d,
    0x2e,
    0x30,
    0x31,
    0x39,
    0x3a,
    0x5b,
    0x5c,
    0x61,
    0x7a,
    0x7b,
    0x7d,
    0x7f,
    0x80,
    0xc3,
    0xff,
  );
  const mostly = (good: readonly string[], bad: string): fc.Arbitrary<string> => fc.constantFrom(...good, ...good, ...good, ...good, bad);
  const words = fc.array(mostly(['a', '9', 'b', 'é', ','], '"'), { maxLength: 3 }).map((letters) => letters.join(''));
  const anyEntry = fc
    .record({
      seq: fc.oneof(fc.nat(12), fc.nat(2_000_000)),
      ts: mostly([entry.ts, '2026-11-22T13:00:00.001Z'], '2026-13-22T13:00:00.000Z'),
      prev: mostly([NO_LEAF, '1'.repeat(64)], 'A'.repeat(64)),
      action: mostly(['commit.refused', 'commit.refusal'], 'commit refused'),
      log: fc.constantFrom('a', 'b'),
      actor: words,
      tenant: words,
      decision: fc.option(words, { nil: undefined }),
      detail: fc.record({ a: words, b: fc.nat(20), c: fc.array(fc.boolean(), { maxLength: 2 }) }),
    })
    .map(({ decision, ...fields }) => encodeEntry({ ...entry, ...fields, ...(decision === undefined ? {} : { decision }) }));

  it('sees what a glance sees, whatever it has seen before', () => {
    let [remembered, said] = [0, 0];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyEntry, fc.option(fc.tuple(fc.nat(), anyByte), { nil: undefined, freq: 2 })), { minLength: 2, maxLength: 40 }),
        (sequence) => {
          const glance = createGlance();
          let likely: Likely = NOTHING_LIKELY;
          for (const [whole, change] of sequence) {
            // Its own spelling is known before one byte of it is another.
            if (change !== undefined) for (let time = 0; time < 2; time += 1) glance(whole, likely);
            const bytes = Buffer.from(whole);
            if (change !== undefined) bytes[change[0] % bytes.length] = change[1];
            const seen = glance(bytes, likely);
            assert.deepEqual(seen, glanceEntry(bytes, likely), bytes.toString());
            said += 1;
            if (seen !== undefined) {
              remembered += 1;
              likely = seen;
            }
          }
        },
      ),
      { numRuns: 400 },
    );
    assert.ok(remembered > said / 4 && remembered < said, 'some were plain, and some were not');
  });

  it('sees what a glance sees, of every entry with any byte changed', () => {
    const plain = encodeEntry({ ...entry, detail: { count: 1, text: 'é' } });
    for (let at = 0; at < plain.length; at += 1) {
      for (const byte of [0x00, 0x1f, 0x20, 0x22, 0x30, 0x39, 0x3a, 0x5c, 0x61, 0x7d, 0x7f, 0x80, 0xa9, 0xff]) {
        const glance = createGlance();
        glance(plain, NOTHING_LIKELY);
        const bytes = Buffer.from(plain);
        bytes[at] = byte;
        for (const likely of [NOTHING_LIKELY, entry]) assert.deepEqual(glance(bytes, likely), glanceEntry(bytes, likely), `${at} ${byte}`);
      }
    }
  });
});
