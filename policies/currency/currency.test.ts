// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sealedKinds, tenants } from '../../crds/kinds.ts';
import type { Mark } from '../../crds/marks.ts';
import { checkMark, documentKey, endMarks, joinMarks, marksOf, noMarks, raiseMarks } from './index.ts';
import type { Marked, Marks } from './index.ts';
import { fileOf, kindOfFile, mayRemove } from './removal.ts';
import type { SetProof, Standing } from './removal.ts';

const document = (version: number, digest = `d${version}`, more: Partial<Marked> = {}): Marked => ({
  kind: 'Policy',
  name: 'p',
  version,
  digest,
  ...more,
});

describe('a document beside its mark', () => {
  const mark: Mark = { kind: 'Policy', name: 'p', version: 2, digest: 'd2' };
  const rows: readonly [what: string, Mark | undefined, Marked, string | undefined][] = [
    ['the first', undefined, document(1), undefined],
    ['the same', mark, document(2), undefined],
    ['a newer one', mark, document(3), undefined],
    ['an older one', mark, document(1), 'POLICY_ROLLBACK'],
    ['an older one with the same bytes', mark, document(1, 'd2'), 'POLICY_ROLLBACK'],
    ['other bytes', mark, document(2, 'x'), 'POLICY_EQUIVOCATION'],
    ['the one that was ended', { ...mark, gone: true }, document(2), 'POLICY_ROLLBACK'],
    ['a newer one after the end', { ...mark, gone: true }, document(3), undefined],
    ['the retired one itself', { ...mark, gone: true }, document(2, 'd2', { retired: true }), undefined],
    ['an older set', { ...mark, kind: 'Set' }, document(1, 'd1', { kind: 'Set' }), 'SET_ROLLBACK'],
    ['another set of that sequence', { ...mark, kind: 'Set' }, document(2, 'x', { kind: 'Set' }), 'SET_EQUIVOCATION'],
  ];
  for (const [what, known, one, code] of rows) it(`${what}: ${code ?? 'good'}`, () => assert.equal(checkMark(known, one)?.code, code));
});

describe('marks', () => {
  const anyMark = fc
    .record({
      kind: fc.constantFrom('Policy', 'Set'),
      name: fc.constantFrom('a', 'b', '__proto__'),
      version: fc.integer({ min: 1, max: 4 }),
    })
    .chain((one) =>
      fc.record({ gone: fc.boolean(), variant: fc.constantFrom('', 'x') }).map(({ gone, variant }): Mark => {
        const digest = `${one.name}-${one.version}${variant}`;
        return gone ? { ...one, digest, gone } : { ...one, digest };
      }),
    );
  const anyMarks: fc.Arbitrary<Marks> = fc.array(anyMark, { maxLength: 6 }).map(marksOf);
  const isAtLeast = (after: Marks, before: Marks): void => {
    for (const [key, { version }] of before) assert.ok((after.get(key)?.version ?? 0) >= version, key);
  };

  it('never fall, whatever is joined, raised or ended', () => {
    fc.assert(
      fc.property(anyMarks, anyMarks, (one, other) => {
        const joined = joinMarks(one, other);
        for (const after of [joined, raiseMarks(one, [...other.values()]), endMarks(one, [...other.values()])]) {
          isAtLeast(after, one);
          isAtLeast(after, other);
        }
        assert.deepEqual(joinMarks(joined, other), joined);
        assert.deepEqual(joinMarks(one, one), one);
      }),
    );
  });

  it('keep what is known here where others say something else of the same version', () => {
    const own = raiseMarks(noMarks, [document(2)]);
    const told = marksOf([{ kind: 'Policy', name: 'p', version: 2, digest: 'x', gone: true }]);
    assert.deepEqual(joinMarks(own, told), own);
  });

  it('end for what was ended, not for a newer one, and are not opened again by the same bytes', () => {
    const own = raiseMarks(noMarks, [document(2)]);
    const ended = endMarks(own, [document(2)]);
    assert.equal(ended.get(documentKey(document(2)))?.gone, true);
    assert.deepEqual(raiseMarks(ended, [document(2)]), ended);
    assert.equal(raiseMarks(ended, [document(3)]).get('Policy/p')?.gone, undefined);
    assert.deepEqual(endMarks(raiseMarks(own, [document(3)]), [document(2)]), raiseMarks(own, [document(3)]));
    assert.equal(raiseMarks(own, [document(3, 'd3', { retired: true })]).get('Policy/p')?.gone, true);
  });
});

describe('a document may end', () => {
  const SOURCE = 'writ-system/policies';
  const standing: Standing = { ...document(3), source: SOURCE, sequence: 6 };
  const set: SetProof = {
    source: SOURCE,
    sequence: 7,
    digest: 'set7',
    files: new Map([['policies/other.yaml', 'sha256:1']]),
    signers: ['ci'],
    mayDecide: (kind) => kind === 'Policy',
  };
  const rows: readonly [what: string, Standing, SetProof | undefined, RegExp | undefined][] = [
    ['when a newer set of its source lists it no more', standing, set, undefined],
    ['when it is retired, without any set', { ...standing, retired: true, source: undefined }, undefined, undefined],
    ['not without a set', standing, undefined, /no good set seal of writ-system\/policies/],
    ['not by a set where no source ordered it', { ...standing, source: undefined }, set, /no source ordered it/],
    ['not by the set of another source', standing, { ...set, source: 'writ-system/other' }, /is of writ-system\/other/],
    ['not by a set that names no source', standing, { ...set, source: undefined }, /does not name its source/],
    ['not by a set that lists it', standing, { ...set, files: new Map([['policies/p.yaml', 'sha256:1']]) }, /set seal 7 lists it/],
    ['not by the set that was there before it', standing, { ...set, sequence: 6 }, /no newer than set seal 6/],
    ['not by those who may not decide of its kind', { ...standing, kind: 'Ruleset' }, set, /not enough for a Ruleset/],
  ];
  for (const [what, one, proof, why] of rows) {
    it(what, () => {
      const problem = mayRemove(one, proof);
      if (why === undefined) assert.equal(problem, undefined);
      else assert.equal(problem?.code, 'REMOVAL_UNSEALED');
      if (why !== undefined) assert.match(problem?.message ?? '', why);
    });
  }
});

it('the file of a document says of what kind it is', () => {
  for (const { kind } of [...sealedKinds, tenants]) assert.equal(kindOfFile(fileOf({ kind, name: 'constructor' })), kind);
  for (const path of ['trust.yaml', 'constructor/a.yaml', '__proto__/a.yaml', 'policies', ''])
    assert.equal(kindOfFile(path), undefined, path);
});
