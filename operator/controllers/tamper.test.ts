// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import type { EventInput } from '../../kube/events.ts';
import { createTamperTeller, describeTampering, marksTampering } from './tamper.ts';
import type { Tampering } from './tamper.ts';

const mark = (version: number, digit = '1'): Mark => ({ kind: 'Policy', name: 'a', version, digest: `sha256:${digit.repeat(64)}` });
const other: Mark = { ...mark(1), name: 'b' };
const marks = (...listed: readonly Mark[]) => encodeMarks(listed);

describe('tampering', () => {
  const rows: readonly (readonly [string, Parameters<typeof marksTampering>[0], RegExp | undefined])[] = [
    ['marks that rise are ours', { type: 'updated', previous: marks(mark(1)), object: marks(mark(2), other) }, undefined],
    ['marks that end are ours', { type: 'updated', previous: marks(mark(1)), object: marks({ ...mark(1), gone: true }) }, undefined],
    ['the first ones are ours', { type: 'added', object: marks(mark(1)) }, undefined],
    ['a mark that falls is not', { type: 'updated', previous: marks(mark(2)), object: marks(mark(1)) }, /Policy\/a .*lowered/],
    ['another digest is not', { type: 'updated', previous: marks(mark(2)), object: marks(mark(2, '2')) }, /Policy\/a .*lowered/],
    ['a mark that is left out is not', { type: 'updated', previous: marks(mark(2), other), object: marks(mark(2)) }, /Policy\/b .*lowered/],
    ['damage is not', { type: 'updated', previous: marks(mark(2)), object: { ...marks(mark(2)), data: {} } }, /damaged/],
    ['its repair is', { type: 'updated', previous: { ...marks(mark(2)), data: {} }, object: marks(mark(2)) }, undefined],
    ['a deletion is not', { type: 'deleted', object: marks(mark(2)) }, /was deleted/],
  ];
  for (const [what, change, expected] of rows) {
    it(what, () => {
      const found = marksTampering(change);
      if (expected === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', expected);
    });
  }

  it('is told each time, the same deed too', () => {
    const events: EventInput[] = [];
    const seen: Tampering[] = [];
    const tell = createTamperTeller({
      recorder: { record: async (event) => events.push(event) > 0 },
      observe: (tampering) => seen.push(tampering),
    });
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', name: 'writ-marks' };
    const deed = { what: 'marks', regarding, found: describeTampering('ConfigMap writ-marks', 'deleted') } as const;
    tell(deed);
    tell(deed);
    assert.equal(seen.length, 2);
    assert.equal(new Set(events.map(({ note }) => note)).size, 2);
    assert.ok(events.every(({ type, reason }) => type === 'Warning' && reason === 'TamperRepaired'));
  });
});
