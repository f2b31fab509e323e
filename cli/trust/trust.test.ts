// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { digestOf } from '../../policies/document/digest.ts';
import { createSigstore } from '../../test/sigstore/index.ts';
import { POLICY, temporaryFolder } from '../spawn-writ.ts';
import type { Folder, Ran } from '../spawn-writ.ts';

const read = (folder: Folder, name: string): string => readFileSync(join(folder.path, name), 'utf8');
const pinOf = (folder: Folder, name = 'trust.yaml'): string => digestOf(Buffer.from(read(folder, name)));
const trust = (folder: Folder, ...args: readonly string[]): Ran => folder.writ(['trust', ...args]);

/** Two principals, both needed for the next trust policy. */
const scene = (...keys: readonly string[]): Folder => {
  const folder = temporaryFolder();
  for (const name of ['alice', 'bob', ...keys]) folder.writ(['keygen', '--name', name]);
  const { code, err } = trust(folder, 'init', '--key', 'alice=alice.pub', '--key', 'bob=bob.pub');
  assert.equal(code, 0, err);
  return folder;
};
const seal = (folder: Folder, ...names: readonly string[]): void => {
  for (const name of names) {
    const { code, err } = folder.writ(['sign', 'trust.yaml', '--key', `${name}.key`, '--signer', name]);
    assert.equal(code, 0, err);
  }
};

describe('writ trust init', () => {
  it('writes what the operator takes, and tells its digest', () => {
    using folder = temporaryFolder();
    folder.writ(['keygen', '--name', 'a']);
    folder.write({ 'root.json': createSigstore().trustedRoot() });
    const identity = 'ci=https://token.example.com,https://git.example.com/acme/seal.yml@refs/heads/main,x';
    const { code, out } = trust(
      folder,
      'init',
      'repository',
      '--key',
      'a=a.pub',
      '--identity',
      identity,
      '--trusted-root',
      'root.json',
      '--expires-in',
      '365d',
    );
    assert.equal(code, 0);
    assert.match(out, new RegExp(`--trust-digest ${pinOf(folder, 'repository/trust.yaml')}`));
    const { spec } = parse(read(folder, 'repository/trust.yaml'));
    assert.deepEqual([spec.version, spec.rules.map((rule: { allOf: { threshold: number }[] }) => rule.allOf[0]?.threshold)], [1, [1, 2]]);
    assert.equal(spec.principals[1].identity.subject, 'https://git.example.com/acme/seal.yml@refs/heads/main,x');
    assert.deepEqual(readdirSync(join(folder.path, 'repository')), ['trust.yaml', 'trusted_root.json']);
    assert.equal(trust(folder, 'check', 'repository').code, 0);
    assert.equal(folder.writ(['lint', 'repository']).code, 0);
  });

  it('says which kinds no rule speaks of, and takes them by --kind', () => {
    using folder = temporaryFolder();
    folder.writ(['keygen', '--name', 'a']);
    const few = trust(folder, 'init', 'few', '--key', 'a=a.pub');
    assert.match(few.out, /refused, since no rule speaks of them: TierCatalog, License, PriceBook, BreakGlass\n/);
    assert.match(few.out, /taken without a seal, since no rule speaks of them: Tenant\n/);
    const kinds = ['Tenant', 'PriceBook', 'Tenant', 'TierCatalog', 'License', 'BreakGlass'].flatMap((kind) => ['--kind', kind]);
    const more = trust(folder, 'init', 'more', '--key', 'a=a.pub', ...kinds);
    assert.doesNotMatch(more.out, /refused/);
    assert.doesNotMatch(more.out, /without a seal/);
    const { spec } = parse(read(folder, 'more/trust.yaml'));
    assert.deepEqual(spec.rules[0].kinds, ['Policy', 'Ruleset', 'Tenant', 'PriceBook', 'TierCatalog', 'License', 'BreakGlass']);
    for (const kind of ['constructor', 'Policy', 'GitSource', '']) {
      const { code, err } = trust(folder, 'init', 'other', '--key', 'a=a.pub', '--kind', kind);
      assert.equal(code, 2);
      assert.match(err, /write one of Tenant, TierCatalog/);
    }
  });

  it('overwrites nothing, and writes nothing that would be refused', () => {
    using folder = scene();
    assert.match(trust(folder, 'init', '--key', 'alice=alice.pub').err, /FILE_EXISTS: trust\.yaml/);
    const weak = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    folder.write({ 'weak.pub': String(weak), 'text.pub': 'x' });
    for (const [args, words] of [
      [['--key', 'a=alice.pub', '--key', 'b=alice.pub'], /TRUST_KEY_SHARED/],
      [['--key', 'a=weak.pub'], /SEAL_KEY_WEAK: weak\.pub/],
      [['--key', 'a=text.pub'], /KEY_UNREADABLE/],
      [['--key', 'a=alice.pub', '--threshold', '2'], /--threshold 2: write a number from 1 to 1/],
      [['--key', 'alice.pub'], /write NAME=FILE/],
      [['--key', 'A=alice.pub'], /a name has small letters/],
      [['--identity', 'ci=https://x'], /write NAME=ISSUER,SUBJECT/],
      [[], /name whose seal counts/],
    ] as const) {
      const { code, err } = trust(folder, 'init', 'other', ...args);
      assert.ok(code === 1 || code === 2);
      assert.match(err, words);
    }
    assert.ok(!existsSync(join(folder.path, 'other')));
  });
});

describe('writ trust add', () => {
  it('writes the next version, keeps the one before with its seals, and every comment', () => {
    using folder = scene('carol');
    const commented = read(folder, 'trust.yaml').replace('  rules:', '  # those who rule\n  rules:');
    folder.write({ 'trust.yaml': commented });
    seal(folder, 'alice');
    const sealed = read(folder, 'trust.yaml.alice.sigstore.json');
    const pin = pinOf(folder);
    const { code, out } = trust(folder, 'add', '--key', 'carol=carol.pub', '--rule', '0', '--rule', '1');
    assert.equal(code, 0);
    assert.match(out, /^trust\/1\.yaml {2}kept\ntrust\/1\.yaml\.alice\.sigstore\.json {2}kept\ntrust\.yaml {2}version 2, sha256:/);
    assert.deepEqual([read(folder, 'trust/1.yaml'), read(folder, 'trust/1.yaml.alice.sigstore.json')], [commented, sealed]);
    assert.ok(!existsSync(join(folder.path, 'trust.yaml.alice.sigstore.json')));
    const text = read(folder, 'trust.yaml');
    assert.match(text, /# those who rule\n {2}rules:\n.*principals: \[alice, bob, carol\]/);
    for (const line of commented.split('\n').filter((one) => !/version|kinds/.test(one))) assert.ok(text.includes(line), line);

    const check = () => trust(folder, 'check', '--trust-digest', pin);
    assert.deepEqual(
      [check().code, /by the rules of version 1: sealed by nobody; missing: 2 of alice, bob \(has 0\)/.test(check().out)],
      [1, true],
    );
    seal(folder, 'alice', 'carol');
    assert.match(
      check().out,
      /version 1: sealed by alice; missing: 2 of alice, bob \(has 1\)\n {2}by the rules of version 2: sealed by alice, carol; enough/,
    );
    seal(folder, 'bob');
    assert.deepEqual([check().code, /follows from sha256/.test(check().out)], [0, true]);
    const json = JSON.parse(trust(folder, 'check', '--output', 'json').out);
    assert.deepEqual([json.follows, json.pinned, json.asked.length], [true, pin, 2]);
    assert.equal(trust(folder, 'check', '--trust-digest', `sha256:${'0'.repeat(64)}`).code, 1);
  });

  it('changes a version that nobody has sealed where it lies', () => {
    using folder = scene('carol', 'dora');
    trust(folder, 'add', '--key', 'carol=carol.pub');
    assert.match(trust(folder, 'add', '--key', 'dora=dora.pub').out, /^trust\.yaml {2}version 2/);
    assert.deepEqual(
      parse(read(folder, 'trust.yaml')).spec.principals.map(({ name }: { name: string }) => name),
      ['alice', 'bob', 'carol', 'dora'],
    );
    assert.deepEqual(readdirSync(join(folder.path, 'trust')), ['1.yaml']);
    using other = scene('carol');
    assert.match(trust(other, 'add', '--key', 'carol=carol.pub', '--draft').out, /^trust\.yaml {2}version 1/);
  });

  it('refuses what cannot be meant', () => {
    using folder = scene('carol');
    const before = read(folder, 'trust.yaml');
    for (const [args, words] of [
      [['--key', 'alice=carol.pub'], /alice is a principal already/],
      [['--key', 'carol=alice.pub'], /TRUST_KEY_SHARED/],
      [['--key', 'carol=carol.pub', '--rule', '7'], /EDIT_IMPOSSIBLE: trust\.yaml: there is no rule "7": its rules are 0 to 1/],
      [['--key', 'carol=carol.pub', '--rule', '__proto__'], /EDIT_IMPOSSIBLE/],
      [[], /name whose seal counts/],
    ] as const)
      assert.match(trust(folder, 'add', ...args).err, words);
    assert.equal(read(folder, 'trust.yaml'), before);
    assert.ok(!existsSync(join(folder.path, 'trust')));
    assert.match(trust(folder, 'add', 'none', '--key', 'carol=carol.pub').err, /FILE_UNREADABLE: none/);
  });
});

describe('writ trust rotate', () => {
  it('replaces a key with overlap: both count until the old one ends', () => {
    using folder = scene('alice2');
    folder.write({ 'policies/pinned.yaml': POLICY });
    folder.writ(['sign', 'policies/pinned.yaml', '--key', 'alice.key']);
    const pin = pinOf(folder);
    assert.equal(trust(folder, 'rotate', '--principal', 'alice', '--key', 'alice2.pub', '--overlap', '10d').code, 0);
    seal(folder, 'alice2', 'bob');
    // Version 1 does not know the new key: the old one hands over.
    assert.equal(trust(folder, 'check', '--trust-digest', pin).code, 1);
    seal(folder, 'alice', 'bob');
    assert.equal(trust(folder, 'check', '--trust-digest', pin).code, 0);
    const at = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
    const verify = (...args: readonly string[]) =>
      folder.writ(['verify', 'policies/pinned.yaml', '--trust', 'trust.yaml', '--trust-digest', pin, ...args]);
    assert.equal(verify().code, 0);
    const refused = verify('--at', at(11), '--output', 'json');
    assert.deepEqual(
      [
        refused.code,
        JSON.parse(refused.out).documents[0].bundles.map(({ counts, code }: { counts: boolean; code: string }) => [counts, code]),
      ],
      [1, [[false, 'SEAL_KEY_NOT_VALID']]],
    );
    const late = folder.writ(['seal', 'status', '--at', at(11)]);
    assert.match(late.out, /expired {3}policies\/pinned\.yaml: SEAL_KEY_NOT_VALID/);
    assert.match(folder.writ(['seal', 'status', '--within', '30d']).out, /expiring {2}policies\/pinned\.yaml by alice, until /);
    folder.writ(['sign', 'policies/pinned.yaml', '--key', 'alice2.key', '--signer', 'new']);
    assert.match(folder.writ(['seal', 'status', '--within', '30d']).out, /sealed {4}policies\/pinned\.yaml by alice\n/);
  });

  it('keeps ends that are sooner, moves those that are later, and keeps starts', () => {
    using folder = scene('new');
    const pem = read(folder, 'alice.pub');
    for (const [validFor, expected] of [
      ['{end: 2020-01-01T00:00:00Z}', { end: '2020-01-01T00:00:00Z' }],
      ["{start: '2020-01-01T00:00:00Z'}", { start: '2020-01-01T00:00:00Z', end: 'NEW' }],
      ['{end: 2999-01-01T00:00:00Z}', { end: 'NEW' }],
    ] as const) {
      using one = scene('new');
      one.write({ 'trust.yaml': read(one, 'trust.yaml').replace('    - pem', `    - validFor: ${validFor}\n      pem`), 'x.pub': pem });
      const { code, err } = trust(one, 'rotate', '--principal', 'alice', '--key', 'new.pub');
      assert.equal(code, 0, err);
      const [old, added] = parse(read(one, 'trust.yaml')).spec.principals[0].publicKeys;
      const end = old.validFor.end === '2020-01-01T00:00:00Z' ? old.validFor.end : 'NEW';
      assert.deepEqual([{ ...old.validFor, end }, added.validFor], [expected, undefined]);
    }
  });

  it('writes a version that says the same, with a later end', () => {
    using folder = scene();
    assert.match(trust(folder, 'rotate', '--expires-in', '30d').out, /version 2/);
    assert.match(trust(folder, 'show').out, /^version 2, until 20/);
  });

  it('says what it cannot rotate', () => {
    using folder = scene('carol');
    for (const [args, words] of [
      [['--principal', 'zoe', '--key', 'carol.pub'], /no principal zoe: alice, bob/],
      [['--principal', 'constructor', '--key', 'carol.pub'], /no principal constructor/],
      [['--principal', 'alice'], /belong together/],
      [['--principal', 'alice', '--key', 'bob.pub'], /bob\.pub is in the trust policy already/],
      [['--principal', 'alice', '--key', 'carol.pub', '--overlap', 'x'], /--overlap x: write days/],
    ] as const) {
      const { code, err } = trust(folder, 'rotate', ...args);
      assert.deepEqual([code, words.test(err)], [2, true], err);
    }
  });
});

describe('writ trust', () => {
  it('check judges as of the time that is named, and takes nothing else for one', () => {
    using folder = scene();
    assert.equal(trust(folder, 'check', '--at', '2027-03-01T00:00:00Z').code, 0);
    const { code, err } = trust(folder, 'check', '--at', 'soon');
    assert.deepEqual([code, /--at soon: write a time as/.test(err)], [2, true]);
  });

  it('show tells what counts no more below a version, the highest of each', () => {
    using folder = scene();
    assert.match(trust(folder, 'show').out, /^minimums: none$/m);
    assert.deepEqual(JSON.parse(trust(folder, 'show', '--output', 'json').out).minimums, []);
    const rows = [
      { kind: 'Policy', name: 'pinned', version: 3 },
      { kind: 'Set', name: 'writ-system/policies', version: 41 },
      { kind: 'Policy', name: 'pinned', version: 7 },
    ];
    folder.write({ 'trust.yaml': read(folder, 'trust.yaml').replace('spec:\n', `spec:\n  minimums: ${JSON.stringify(rows)}\n`) });
    const { code, out, err } = trust(folder, 'show');
    assert.equal(code, 0, err);
    assert.match(out, /^minimums\n {2}Policy pinned: version 7\n {2}Set writ-system\/policies: version 41\n$/m);
    assert.deepEqual(JSON.parse(trust(folder, 'show', '--output', 'json').out).minimums, [
      { kind: 'Policy', name: 'pinned', version: 7 },
      { kind: 'Set', name: 'writ-system/policies', version: 41 },
    ]);
  });

  it('show tells keys, identities and rules', () => {
    using folder = scene();
    const { out } = trust(folder, 'show');
    assert.match(out, /principals\n {2}alice\n {4}ECDSA P-256 .*=\n {2}bob\n/);
    assert.match(out, /rules\n {2}0 {2}Policy, Ruleset: 1 of alice, bob\n {2}1 {2}TrustPolicy: 2 of alice, bob\n/);
    assert.equal(JSON.parse(trust(folder, 'show', '--output', 'json').out).digest, pinOf(folder));
  });

  it('is no command by itself, and tells those that are', () => {
    using folder = temporaryFolder();
    for (const args of [[], ['nope'], ['init', '--nope']]) assert.equal(trust(folder, ...args).code, 2, args.join());
    for (const name of ['init', 'add', 'rotate', 'show', 'check']) {
      const { code, out } = trust(folder, name, '--help');
      assert.equal(code, 0);
      assert.match(
        out,
        new RegExp(`^Usage: writ trust ${name} [\\s\\S]*Exit codes: 0 [\\s\\S]*2 wrong use[\\s\\S]*Examples:\\n {2}writ trust ${name}`),
      );
    }
  });
});
