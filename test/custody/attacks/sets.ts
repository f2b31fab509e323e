// SPDX-License-Identifier: Apache-2.0
// Attacks on how documents end: set seals that are older, of another source, by those who may not, or that list the document.
import type { Mark } from '../../../crds/marks.ts';
import type { Standing } from '../../../policies/currency/removal.ts';
import { digestOf } from '../../../policies/document/digest.ts';
import { sealStatement } from '../../../policies/trust/seal.ts';
import { writeStatement } from '../../../policies/trust/statement.ts';
import { bytes, pairs, trustOf } from './gate.ts';
import type { Attack, Control, EndAttempt, Pair } from './gate.ts';

const SOURCE = 'writ-system/policies';
const OTHER = 'writ-system/other';
const digest = digestOf(bytes);
/** Alice may decide about policies, Edward about licenses alone; about rulesets of Gold publishers it takes Bob too. */
const trust = trustOf({
  rules: [
    { kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['alice'] }] },
    { kinds: ['License'], allOf: [{ threshold: 1, principals: ['edward'] }] },
    { kinds: ['Ruleset'], publisherTiers: ['Gold'], allOf: [{ threshold: 2, principals: ['alice', 'bob'] }] },
  ],
});

type Says = { readonly by?: Pair; readonly lists?: readonly string[]; readonly predicate?: { readonly [field: string]: string | number } };
/** The set seal of the source that does not list the policy. */
const setSeal = ({ by = pairs.alice, lists = ['policies/other.yaml'], predicate = {} }: Says = {}): string =>
  sealStatement(
    writeStatement(
      'set',
      lists.map((name) => ({ name, digest })),
      { sequence: 6, source: SOURCE, ...predicate },
    ),
    by.privateKey,
  );

/** Ordered under set seal 5. */
const standing: Standing = { kind: 'Policy', name: 'pinned', version: 3, digest, source: SOURCE, sequence: 5 };
const gold: Standing = { kind: 'Ruleset', name: 'eu', version: 3, digest, source: SOURCE, sequence: 5, tier: 'Gold' };
const markAt = (version: number): Mark => ({ kind: 'Set', name: SOURCE, version, digest });

const end = (name: string, code: Attack['code'], sets: () => readonly string[], more: Partial<EndAttempt> = {}): Attack => ({
  name: `end: ${name}`,
  code,
  attempt: () => ({ sets: sets(), trust, standing, ...more }),
});

export const setAttacks: readonly Attack[] = [
  end('an older set seal', 'SET_ROLLBACK', () => [setSeal({ predicate: { sequence: 4 } })], { mark: markAt(5) }),
  end('an older set seal, after the marks were lost', 'REMOVAL_UNSEALED', () => [setSeal({ predicate: { sequence: 4 } })]),
  end('the set seal under which it came', 'REMOVAL_UNSEALED', () => [setSeal({ predicate: { sequence: 5 } })]),
  end('another set seal of the sequence in force', 'SET_EQUIVOCATION', () => [setSeal()], { mark: markAt(6) }),
  end('the set seal of another source', 'REMOVAL_UNSEALED', () => [setSeal({ predicate: { source: OTHER } })]),
  end('a set seal that names no source', 'REMOVAL_UNSEALED', () => [
    sealStatement(writeStatement('set', [{ name: 'policies/other.yaml', digest }], { sequence: 6 }), pairs.alice.privateKey),
  ]),
  end('a set seal that lists it', 'REMOVAL_UNSEALED', () => [setSeal({ lists: ['policies/pinned.yaml'] })]),
  end('a set seal that lists other bytes of it', 'REMOVAL_UNSEALED', () => [
    sealStatement(
      writeStatement('set', [{ name: 'policies/pinned.yaml', digest: digestOf(Buffer.from('x')) }], { sequence: 6, source: SOURCE }),
      pairs.alice.privateKey,
    ),
  ]),
  end('by a stranger', 'SEAL_UNKNOWN_KEY', () => [setSeal({ by: pairs.stranger })]),
  end('by somebody who may decide about nothing', 'SEAL_THRESHOLD', () => [setSeal({ by: pairs.bob })]),
  end('by somebody who may decide about its licenses alone', 'SEAL_THRESHOLD', () => [
    setSeal({ by: pairs.edward, lists: ['licenses/acme.yaml'], predicate: { sequence: Number.MAX_SAFE_INTEGER } }),
  ]),
  end('past its own date', 'SEAL_EXPIRED', () => [setSeal({ predicate: { expires: '2026-01-01T00:00:00Z' } })]),
  end('of what was applied by hand', 'REMOVAL_UNSEALED', () => [setSeal()], { standing: { ...standing, source: undefined } }),
  end('of a ruleset of a Gold publisher, by one of the two that it takes', 'REMOVAL_UNSEALED', () => [setSeal()], { standing: gold }),
  end('two set seals of one sequence that say different things', 'SET_EQUIVOCATION', () => [
    setSeal(),
    setSeal({ lists: ['policies/pinned.yaml'] }),
  ]),
];

const ends = (name: string, sets: () => readonly string[], more: Partial<EndAttempt> = {}): Control => ({
  name,
  attempt: () => ({ sets: sets(), trust, standing, ...more }),
});

export const setControls: readonly Control[] = [
  ends('a newer set seal of its source ends a policy that it lists no more', () => [setSeal()], { mark: markAt(5) }),
  ends('whatever somebody seals beside it who may decide about nothing', () => [
    setSeal({ by: pairs.bob, lists: ['policies/pinned.yaml'], predicate: { sequence: Number.MAX_SAFE_INTEGER } }),
    setSeal(),
  ]),
  ends('whatever somebody seals beside it who may decide about its licenses alone', () => [
    setSeal({ by: pairs.edward, lists: ['licenses/acme.yaml'], predicate: { sequence: Number.MAX_SAFE_INTEGER } }),
    setSeal({ lists: ['licenses/acme.yaml'] }),
  ]),
  ends('by both a Gold publisher\u2019s ruleset ends', () => [setSeal(), setSeal({ by: pairs.bob })], { standing: gold }),
  ends('a retired version ends under any set', () => [setSeal({ predicate: { source: OTHER } })], {
    standing: { ...standing, retired: true },
  }),
];
