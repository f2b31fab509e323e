// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fromJson } from '../cel/index.ts';
import { readRelease, sizeProblem, MAX_RELEASE_BYTES } from './index.ts';
import type { MemberFile, ReleaseOutcome } from './index.ts';
import { documentOf, filesOf, hexOf, memberText, releaseText } from './test-release.ts';
import type { MemberText } from './test-release.ts';

const [a, b, c] = [memberText('a'), memberText('b'), memberText('c')];

const codesOf = (outcome: ReleaseOutcome): readonly string[] =>
  outcome.ok ? ['ok'] : outcome.problems.map(({ code, at }) => `${code} ${at?.file ?? ''}`);

const read = (members: readonly MemberText[], spec: object = {}, files = filesOf(members)): ReleaseOutcome =>
  readRelease(documentOf(releaseText('r', members, spec)), files);

const RULESET = 'rulesets/r/ruleset.yaml';

describe('a release', () => {
  it('orders its members under its own name, digest and version, in the order of their names', () => {
    const document = documentOf(releaseText('r', [b, a], { version: 7, scope: 'Tenants' }));
    const outcome = readRelease(document, filesOf([a, b]));
    assert.ok(outcome.ok, codesOf(outcome).join());
    assert.deepEqual(
      outcome.members.map(({ compiled: { name, digest, version, ruleset } }) => ({ name, digest, version, ruleset })),
      ['r/a', 'r/b'].map((name) => ({
        name,
        digest: document.parsed.digest,
        version: 7,
        ruleset: { name: 'r', release: '1.0.0', scope: 'Tenants' },
      })),
    );
  });

  it('of no scope binds every governed namespace', () => {
    const outcome = read([a]);
    assert.ok(outcome.ok);
    assert.equal(outcome.members[0]?.compiled.ruleset?.scope, 'Cluster');
  });

  it('gives a member strength and settings, and keeps the settings that it does not name', () => {
    const params = { schema: { type: 'object', properties: { max: { type: 'integer' } } }, defaults: { max: 3, min: 1 } };
    const member = { ...memberText('a', { enforcement: 'Deny', params }), more: { enforcement: 'Audit', params: { max: 5 } } };
    const outcome = read([member]);
    assert.ok(outcome.ok, codesOf(outcome).join());
    assert.equal(outcome.members[0]?.compiled.enforcement, 'Audit');
    assert.deepEqual(outcome.members[0]?.compiled.params, fromJson({ max: 5, min: 1 }));
  });

  it('that has ended has no members', () => {
    const ended = { policies: undefined, retired: true };
    assert.deepEqual(codesOf(read([], ended)), ['ok']);
    assert.deepEqual(codesOf(read([], ended, filesOf([a]))), ['RULESET_MEMBER_EXTRA rulesets/r/policies/a.yaml']);
  });
});

describe('a release is refused', () => {
  const long = memberText('a', { title: 'x'.repeat(200) });
  const withParams = (params: object, given: object): MemberText => ({ ...memberText('a', { params }), more: { params: given } });
  const properties = { max: { type: 'integer' } };
  const rows: readonly (readonly [what: string, outcome: () => ReleaseOutcome, codes: readonly string[]])[] = [
    ['a member is missing', () => read([a, b], {}, filesOf([a])), [`RULESET_MEMBER_MISSING ${RULESET}`]],
    ['all are missing', () => read([a, b], {}, []), [`RULESET_MEMBER_MISSING ${RULESET}`, `RULESET_MEMBER_MISSING ${RULESET}`]],
    ['a member was changed', () => read([a], {}, filesOf([{ ...a, text: `${a.text} ` }])), [`RULESET_MEMBER_DIGEST ${RULESET}`]],
    ['a file is not named', () => read([a], {}, filesOf([a, c])), ['RULESET_MEMBER_EXTRA rulesets/r/policies/c.yaml']],
    ['a file is given twice', () => read([a], {}, filesOf([a, a])), ['RULESET_MEMBER_DUPLICATE rulesets/r/policies/a.yaml']],
    [
      'two change places',
      () =>
        read(
          [a, b],
          {},
          filesOf([
            { ...a, text: b.text },
            { ...b, text: a.text },
          ]),
        ),
      [`RULESET_MEMBER_DIGEST ${RULESET}`, `RULESET_MEMBER_DIGEST ${RULESET}`],
    ],
    [
      'one policy is in two files',
      () => read([a, { path: 'more/a.yaml', text: long.text }]),
      ['RULESET_MEMBER_DUPLICATE rulesets/r/more/a.yaml'],
    ],
    ['a member has another name', () => read([{ ...a, path: 'policies/z.yaml' }]), ['MANIFEST_NAME rulesets/r/policies/z.yaml']],
    [
      'a member is a Tenant',
      () => read([{ path: 'a.yaml', text: 'apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\nspec: {tier: Free}\n' }]),
      ['RULESET_MEMBER_KIND rulesets/r/a.yaml'],
    ],
    [
      'a member speaks of its own end',
      () => read([memberText('a', { expires: '2027-01-01T00:00:00Z' })]),
      ['RULESET_MEMBER_FIELD rulesets/r/policies/a.yaml'],
    ],
    ['a member is not YAML', () => read([{ path: 'a.yaml', text: 'a: [\n' }]), ['DOCUMENT_SYNTAX rulesets/r/a.yaml']],
    [
      'a member has a field that there is not',
      () => read([memberText('a', { enforcment: 'Deny' })]),
      ['DOCUMENT_UNKNOWN_FIELD rulesets/r/policies/a.yaml'],
    ],
    [
      'an expression does not compile',
      () => read([memberText('a', { validations: [{ expression: '1 +' }] })]),
      ['POLICY_EXPRESSION rulesets/r/policies/a.yaml'],
    ],
    ['a policy takes no settings', () => read([{ ...a, more: { params: { max: 1 } } }]), [`RULESET_MEMBER_PARAMS ${RULESET}`]],
    ['a setting is misspelt', () => read([withParams({ defaults: { max: 1 } }, { mx: 2 })]), [`RULESET_MEMBER_PARAMS ${RULESET}`]],
    [
      'a setting has a hostile name',
      () => read([withParams({ defaults: { max: 1 } }, JSON.parse('{"constructor": 2}'))]),
      [`RULESET_MEMBER_PARAMS ${RULESET}`],
    ],
    [
      'a setting does not fit the schema',
      () => read([withParams({ schema: { type: 'object', properties } }, { max: 'many' })]),
      [`RULESET_MEMBER_PARAMS ${RULESET}`],
    ],
    [
      'the members are too large together',
      () => read([a], {}, [...filesOf([a]), { path: 'b.yaml', bytes: Buffer.alloc(MAX_RELEASE_BYTES) }]),
      [`RULESET_TOO_LARGE ${RULESET}`],
    ],
  ];
  for (const [what, outcome, codes] of rows) it(`where ${what}`, () => assert.deepEqual(codesOf(outcome()), codes));

  it('before a byte of a member is read as policy', () => {
    const [broken, open] = [
      { path: 'a.yaml', text: 'a: [\n' },
      { ...b, text: `${b.text} ` },
    ];
    assert.deepEqual(codesOf(read([broken, b], {}, filesOf([broken, open]))), [`RULESET_MEMBER_DIGEST ${RULESET}`]);
  });

  it('at any flip of a byte of any member', () => {
    const members = [a, b, c];
    const document = documentOf(releaseText('r', members));
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, where, flip) => {
        const files = filesOf(members).map(({ path, bytes }, index): MemberFile => {
          if (index !== which) return { path, bytes };
          const changed = Uint8Array.from(bytes);
          const at = where % changed.length;
          changed[at] = (changed[at] ?? 0) ^ flip;
          return { path, bytes: changed };
        });
        assert.deepEqual(codesOf(readRelease(document, files)), [`RULESET_MEMBER_DIGEST ${RULESET}`]);
      }),
      { numRuns: 500 },
    );
  });

  it('with any members of another release', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const release = (number: number): readonly MemberText[] => names.map((name) => memberText(name, { title: `release ${number}` }));
    const releases = [release(1), release(2)] as const;
    const documents = releases.map((members) => documentOf(releaseText('r', members)));
    fc.assert(
      fc.property(fc.nat(1), fc.array(fc.nat(1), { minLength: names.length, maxLength: names.length }), (ordered, taken) => {
        const files = filesOf(taken.flatMap((from, index) => releases[from]?.[index] ?? []));
        const document = documents[ordered];
        assert.ok(document !== undefined);
        assert.equal(
          readRelease(document, files).ok,
          taken.every((from) => from === ordered),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('and never throws, whatever the members are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('policies/a.yaml', '__proto__', 'constructor', 'x'), fc.uint8Array({ maxLength: 300 }))),
        (given) => {
          const files = given.map(([path, bytes]) => ({ path, bytes }));
          const policies = given.map(([path, bytes]) => ({ path, sha256: hexOf(Buffer.from(bytes).toString('latin1')) }));
          const spec = policies.length === 0 ? {} : { policies: [...new Map(policies.map((one) => [one.path, one])).values()] };
          readRelease(documentOf(releaseText('r', [a], spec)), files);
          return true;
        },
      ),
      { numRuns: 300 },
    );
  });
});

it('what an object carries has a size', () => {
  const text = 'x'.repeat(90_000);
  const members = Array.from({ length: 11 }, (_, index) => ({ path: `${index}.yaml`, document: text }));
  assert.equal(sizeProblem({ document: 'a', members }), undefined);
  assert.equal(sizeProblem({ document: 'a', members: [...members, { path: 'z.yaml', document: text }] })?.code, 'RULESET_TOO_LARGE');
  // A quote takes two bytes as JSON.
  assert.equal(
    sizeProblem({ document: 'a', members: members.map((one) => ({ ...one, document: '"'.repeat(90_000) })) })?.code,
    'RULESET_TOO_LARGE',
  );
});
