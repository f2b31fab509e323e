// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '../document/digest.ts';
import { MAX_CHAIN, loadTrust, loadTrustObject, loadTrustObjectInSteps } from './load.ts';
import type { TrustLink } from './load.ts';
import { seal } from './seal.ts';
import { refuseSwap } from './succession.ts';
import { NOW, keyed, trustBytes } from './test-trust.ts';
import type { TrustSpec } from './test-trust.ts';
import type { Trust } from './trust.ts';

const people = ['ann', 'bob', 'cat', 'dan'] as const;
type Person = (typeof people)[number];
const pairs = new Map(people.map((name) => [name, generateKeyPairSync('ec', { namedCurve: 'P-256' })]));

type Version = { readonly who: readonly Person[]; readonly threshold: number } & Pick<TrustSpec, 'revoked' | 'expires'>;

const link = (
  version: number,
  { who, threshold, ...more }: Version,
  sealers: readonly Person[],
): TrustLink & { readonly bundles: string[] } => {
  const principals = who.map((name) => keyed(name, pairs.get(name)!.publicKey));
  const bytes = trustBytes({ principals, threshold, version, kinds: ['Policy', 'TrustPolicy'], ...more });
  return { bytes, bundles: sealers.map((name) => seal(bytes, pairs.get(name)!.privateKey)) };
};

/** Each version sealed by these; the first is pinned unless it is said otherwise. */
const load = (links: readonly TrustLink[], { pin = links[0]!, at = NOW }: { readonly pin?: TrustLink; readonly at?: number } = {}) => {
  const [last, ...before] = links.toReversed();
  const succession = { bundles: last!.bundles, chain: before.toReversed(), at };
  return loadTrust(last!.bytes, { pinnedDigest: digestOf(pin.bytes), succession });
};
const codeOf = (...input: Parameters<typeof load>): string => {
  const outcome = load(...input);
  return outcome.ok ? `version ${outcome.trust.version}` : outcome.problem.code;
};
const trustOf = (...input: Parameters<typeof load>): Trust => {
  const outcome = load(...input);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem.message);
  return outcome.trust;
};

const one: Version = { who: ['ann'], threshold: 1 };
const two: Version = { who: ['ann', 'bob'], threshold: 2 };
const three: Version = { who: ['bob', 'cat'], threshold: 1 };
const first = link(1, one, []);
const second = link(2, two, ['ann', 'bob']);
const third = link(3, three, ['ann', 'bob']);

describe('a chain of trust policies', () => {
  it('leads from the pinned version to the one in force', () => {
    const trust = trustOf([first, second, third]);
    assert.equal(trust.version, 3);
    assert.deepEqual(
      trust.predecessors.map(({ version, digest }) => [version, digest]),
      [
        [2, digestOf(second.bytes)],
        [1, digestOf(first.bytes)],
      ],
    );
  });

  it('begins wherever the pin is, and what stands before it does not matter', () => {
    assert.equal(codeOf([first, second, third], { pin: second }), 'version 3');
    assert.equal(codeOf([first, second, third], { pin: third }), 'version 3');
    assert.equal(codeOf([{ bytes: Buffer.from('{'), bundles: [] }, second, third], { pin: second }), 'version 3');
    assert.deepEqual(trustOf([first, second, third], { pin: third }).predecessors, []);
  });

  it('needs the seals that the version before asks for', () => {
    const bold = link(2, three, ['bob', 'cat']);
    assert.equal(codeOf([first, bold]), 'TRUST_CHAIN_SEALS_BEFORE');
    assert.equal(codeOf([first, second, link(3, three, ['bob'])]), 'TRUST_CHAIN_SEALS_BEFORE');
    assert.equal(codeOf([first, second, link(3, three, [])]), 'TRUST_CHAIN_SEALS_BEFORE');
  });

  it('needs the seals that the version itself asks for', () => {
    assert.equal(codeOf([first, link(2, two, ['ann'])]), 'TRUST_CHAIN_SEALS_OWN');
    const outcome = load([first, link(2, two, ['ann'])]);
    assert.match(outcome.ok ? '' : outcome.problem.message, /version 2 needs by the rules of version 2: 2 of ann, bob \(has 1\)/);
  });

  it('counts principals, not seals', () => {
    const again = link(2, two, ['ann', 'ann', 'ann']);
    assert.equal(codeOf([first, again]), 'TRUST_CHAIN_SEALS_OWN');
    assert.equal(codeOf([first, link(2, two, [...people, ...people, 'ann'])]), 'TRUST_CHAIN_SEALS_BEFORE');
  });

  it('needs a rule that speaks of trust policies, in both', () => {
    const mute = (version: number): TrustLink => {
      const bytes = trustBytes({ principals: [keyed('ann', pairs.get('ann')!.publicKey)], version });
      return { bytes, bundles: [seal(bytes, pairs.get('ann')!.privateKey)] };
    };
    assert.equal(codeOf([mute(1), link(2, one, ['ann'])]), 'TRUST_CHAIN_SEALS_BEFORE');
    assert.equal(codeOf([first, mute(2)]), 'TRUST_CHAIN_SEALS_OWN');
  });

  it('goes on over versions that have expired or whose sealers were revoked later', () => {
    const old = link(2, { ...two, expires: '2020-01-01T00:00:00Z' }, ['ann', 'bob']);
    const later = link(3, { ...two, revoked: { principals: ['ann'] }, threshold: 1 }, ['ann', 'bob']);
    assert.equal(codeOf([first, old, later]), 'version 3');
    assert.equal(codeOf([first, old, later, link(4, one, ['ann', 'bob'])]), 'version 4');
  });

  it('takes no seal of whom the version revokes, and no document that the version before revokes', () => {
    const out = link(2, { ...one, revoked: { principals: ['ann'] } }, ['ann']);
    assert.equal(codeOf([first, out]), 'TRUST_CHAIN_SEALS_OWN');
    const wary = link(1, { ...one, revoked: { documents: [digestOf(link(2, one, []).bytes)] } }, []);
    assert.equal(codeOf([wary, link(2, one, ['ann'])]), 'TRUST_CHAIN_SEALS_BEFORE');
  });

  it('rises by one each time', () => {
    assert.equal(codeOf([first, link(3, one, ['ann'])]), 'TRUST_CHAIN_VERSION');
    assert.equal(codeOf([first, second, link(1, two, ['ann', 'bob'])]), 'TRUST_CHAIN_VERSION');
    assert.equal(codeOf([first, link(1, two, ['ann', 'bob'])]), 'TRUST_CHAIN_EQUIVOCATION');
  });

  it('is refused where the pin is nowhere in it', () => {
    assert.equal(codeOf([second, third], { pin: first }), 'TRUST_NOT_PINNED');
  });

  it('is bounded', () => {
    const many = Array.from({ length: MAX_CHAIN + 1 }, () => first);
    assert.equal(codeOf([...many, second]), 'TRUST_CHAIN_BROKEN');
    assert.equal(codeOf([{ ...first, bundles: ['x'.repeat(1_000_000)] }, second]), 'TRUST_CHAIN_BROKEN');
  });

  it('says where an earlier version is broken', () => {
    const junk = Buffer.from('[');
    const outcome = load([{ bytes: junk, bundles: [], file: 'trust/1.yaml' }, second]);
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.problem.code, outcome.problem.at?.file], ['TRUST_CHAIN_BROKEN', 'trust/1.yaml']);
  });

  it('reads the object of the API server in the same way', () => {
    const text = ({ bytes, bundles }: TrustLink) => ({ document: Buffer.from(bytes).toString(), bundles });
    const outcome = loadTrustObject(
      { ...text(third), chain: [text(first), text(second)] },
      { pinnedDigest: digestOf(first.bytes), at: NOW },
    );
    assert.equal(outcome.ok && outcome.trust.version, 3);
  });
});

describe('a chain that is verified in steps', () => {
  const text = ({ bytes, bundles }: TrustLink) => ({ document: Buffer.from(bytes).toString(), bundles });
  const stepsFor = (pin: TrustLink, ...links: readonly TrustLink[]): number => {
    const [last, ...before] = links.map(text).toReversed();
    const signature = { ...last!, chain: before.toReversed() };
    return [...loadTrustObjectInSteps(signature, { pinnedDigest: digestOf(pin.bytes), at: NOW })].length;
  };
  it('rests at each version from the pinned one on, and at each of its seals', () => {
    trustOf([first, second, third]);
    const [all, later, last] = [stepsFor(first, first, second, third), stepsFor(second, first, second, third), stepsFor(third, third)];
    assert.ok(all >= later + 4 && later >= last + 4, `${all}, ${later}, ${last}`);
  });
  it('rests between tokens, syntax, tree, values, schema and principals of one that is new', () => {
    const fresh = link(1, { ...one, expires: '2031-02-03T04:05:06Z' }, []);
    const [anew, again] = [stepsFor(fresh, fresh), stepsFor(fresh, fresh)];
    assert.equal(anew, again + 5 + one.who.length);
  });
  it('looks at nothing that no pin leads to, nor at more than a chain may have', () => {
    assert.equal(stepsFor(third, first, second), 0);
    assert.equal(stepsFor(first, ...Array.from({ length: MAX_CHAIN + 2 }, () => first)), 0);
  });
});

describe('a process that holds a trust policy', () => {
  const held = trustOf([first, second]);
  const fork = link(2, { ...two, expires: '2030-01-01T00:00:00Z' }, ['ann', 'bob']);
  const rows: readonly (readonly [what: string, next: Trust, code: string | undefined])[] = [
    ['takes the one that comes from it', trustOf([first, second, third]), undefined],
    ['keeps the same', trustOf([first, second]), undefined],
    ['takes the same under a later pin', trustOf([second], { pin: second }), undefined],
    ['takes no older one', trustOf([first]), 'TRUST_ROLLBACK'],
    ['takes no other of the same version', trustOf([first, fork]), 'TRUST_CHAIN_EQUIVOCATION'],
    ['takes none that comes from another', trustOf([first, fork, third]), 'TRUST_CHAIN_EQUIVOCATION'],
  ];
  for (const [what, next, code] of rows) it(what, () => assert.equal(refuseSwap(held, next)?.code, code));
  it('that holds none takes any', () => assert.equal(refuseSwap(undefined, held), undefined));
});

describe('for any chain', () => {
  /** 2 to 6 versions, each of some people with a threshold, sealed by all whom it and the one before name. */
  const chains = fc
    .array(
      fc
        .subarray([...people], { minLength: 1 })
        .chain((who) => fc.integer({ min: 1, max: who.length }).map((threshold) => ({ who, threshold }))),
      { minLength: 2, maxLength: 6 },
    )
    .map((versions) =>
      versions.map((version, index) => link(index + 1, version, [...new Set([...version.who, ...(versions[index - 1]?.who ?? [])])])),
    );

  it('that is whole, loading succeeds', () => {
    fc.assert(
      fc.property(chains, (links) => {
        assert.equal(codeOf(links), `version ${links.length}`);
      }),
      { numRuns: 30 },
    );
  });

  type Harm = (links: readonly TrustLink[], index: number) => readonly TrustLink[];
  /** Of the link at `index`, which is not the pinned one. */
  const harms: Readonly<Record<string, Harm>> = {
    altered: (links, index) =>
      links.map((one, at) => (at === index ? { ...one, bytes: Buffer.concat([one.bytes, Buffer.from('\n')]) } : one)),
    reordered: (links, index) => {
      const swapped = [...links];
      const other = index === links.length - 1 ? index - 1 : index + 1;
      [swapped[index], swapped[other]] = [links[other]!, links[index]!];
      return swapped;
    },
    dropped: (links, index) => links.filter((_, at) => at !== index),
    'under-signed': (links, index) => links.map((one, at) => (at === index ? { ...one, bundles: [] } : one)),
    repeated: (links, index) => links.flatMap((one, at) => (at === index ? [one, one] : [one])),
    'without its own seals': (links, index) =>
      links.map((one, at) => (at === index ? { ...one, bundles: links[(index + 1) % links.length]!.bundles } : one)),
  };
  for (const [what, harm] of Object.entries(harms)) {
    it(`with any link ${what}, loading fails`, () => {
      fc.assert(
        fc.property(chains, fc.nat(), (links, seed) => {
          const index = 1 + (seed % (links.length - 1));
          const pin = links[0]!;
          const harmed = harm(links, index);
          // Without its last link a chain is that of the version before, which was in force once.
          if (what === 'dropped' && index === links.length - 1) return;
          // The pinned one alone is always what it is.
          if (harmed.at(-1) === pin) return;
          const outcome = load(harmed, { pin });
          assert.ok(!outcome.ok, `version ${outcome.ok ? outcome.trust.version : ''}`);
        }),
        { numRuns: 60 },
      );
    });
  }
});
