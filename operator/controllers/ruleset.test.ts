// SPDX-License-Identifier: Apache-2.0
// What a Ruleset and a Tenant tell of releases, and which commits are refused for what a ruleset requires.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import { documentOf, memberText, releaseText } from '../../policies/ruleset/test-release.ts';
import type { LiveRuleset, LiveTenant } from './live.ts';
import { requirementProblems } from './requirements.ts';
import type { BroughtRelease, StandingRelease } from './requirements.ts';
import { rulesetVerdict } from './ruleset.ts';
import type { RulesetFacts } from './ruleset.ts';
import { subscriptionStatus } from './subscriptions.ts';

const { ruleset, parsed } = documentOf(releaseText('eu', [memberText('a')], { release: '1.4.0' }));
const document: PolicyDocument = {
  kind: 'Ruleset',
  name: 'eu',
  digest: parsed.digest,
  version: 1,
  expiresMs: undefined,
  graceMs: 0,
  endsItself: false,
  retired: false,
  policies: [],
  compiled: [],
  signers: ['ci'],
  ruleset,
  again: () => assert.fail('a status judges nothing'),
};
const live: LiveRuleset = { kind: 'Ruleset', metadata: { name: 'eu', generation: 1 }, spec: ruleset.spec };
const report = (digest: string, more: Partial<ReplicaReport> = {}): ReplicaReport => ({
  replica: 'r',
  setDigest: '',
  trustDigest: '',
  policies: {},
  rulesets: { eu: digest },
  refused: {},
  flippedAt: '2026-01-01T00:00:00Z',
  ...more,
});
const tenant = (rulesets: LiveTenant['spec']['rulesets']): LiveTenant => ({
  metadata: { name: 'acme' },
  spec: rulesets === undefined ? {} : { rulesets },
});
const unmet = [{ code: 'RULESET_REQUIRES_MISSING', message: 'eu requires the ruleset base' } as const];

const told = (judged: Judged, facts: Partial<RulesetFacts> = {}, object: LiveRuleset = live): Readonly<Record<string, string>> => {
  const { ready, others } = rulesetVerdict(object, judged, {
    replicas: [report(parsed.digest)],
    unmet: [],
    tenants: [],
    nowMs: 1000,
    ...facts,
  });
  return Object.fromEntries([ready, ...others].map(({ type, status, reason }) => [type, `${status} ${reason}`]));
};

describe('a Ruleset tells', () => {
  const good: Judged = { ok: true, document };
  const met = { Verified: 'True Verified', DependenciesMet: 'True Met' };
  const refused = (code: 'RULESET_MEMBER_DIGEST' | 'POLICY_EXPRESSION' | 'SEAL_MISSING', signed?: PolicyDocument): Judged => ({
    ok: false,
    problem: { code, message: 'm' },
    ...(signed === undefined ? {} : { signed }),
  });
  const rows: readonly (readonly [
    what: string,
    conditions: () => Readonly<Record<string, string>>,
    expected: Readonly<Record<string, string>>,
  ])[] = [
    ['that all replicas enforce it', () => told(good), { Ready: 'True Enforced', ...met }],
    [
      'that one does not yet',
      () => told(good, { replicas: [report(parsed.digest), report('sha256:other')] }),
      { Ready: 'False NotEnforced', ...met, Reconciling: 'True Progressing' },
    ],
    [
      'why one does not',
      () => told(good, { replicas: [report('x', { refusedRulesets: { eu: { code: 'POLICY_ROLLBACK', message: 'm' } } })] }),
      { Ready: 'False PolicyRollback', ...met },
    ],
    [
      'what it lacks',
      () => told(good, { unmet }),
      {
        Ready: 'False RulesetRequiresMissing',
        Verified: 'True Verified',
        DependenciesMet: 'False RulesetRequiresMissing',
        Stalled: 'True RulesetRequiresMissing',
      },
    ],
    ['that it has ended', () => told({ ok: true, document: { ...document, retired: true } }), { Ready: 'True Retired', ...met }],
    [
      'that it is past its date',
      () => told({ ok: true, document: { ...document, expiresMs: 500 } }),
      { Ready: 'False PolicyExpired', ...met, Stalled: 'True PolicyExpired' },
    ],
    [
      'that it goes on in its grace',
      () => told({ ok: true, document: { ...document, expiresMs: 500, graceMs: 1000 } }),
      { Ready: 'True Enforced', ...met },
    ],
    [
      'that a member is not the one that is sealed',
      () => told(refused('RULESET_MEMBER_DIGEST', document)),
      { Ready: 'False RulesetMemberDigest', Verified: 'False RulesetMemberDigest', Stalled: 'True RulesetMemberDigest' },
    ],
    [
      'that the seals are good where a member does not compile',
      () => told(refused('POLICY_EXPRESSION', document)),
      { Ready: 'False PolicyExpression', Verified: 'True Verified', Stalled: 'True PolicyExpression' },
    ],
    [
      'that the seal is not',
      () => told(refused('SEAL_MISSING')),
      { Ready: 'False SealMissing', Verified: 'False SealMissing', Stalled: 'True SealMissing' },
    ],
    [
      'that an edit has no effect',
      () => told(good, {}, { ...live, spec: { ...live.spec, scope: 'Tenants' } }),
      { Ready: 'False SpecDiffers', ...met },
    ],
  ];
  for (const [what, conditions, expected] of rows) it(what, () => assert.deepEqual(conditions(), expected));

  it('that tenants are closed where no replica answers', () => {
    const { ready } = rulesetVerdict(live, good, { replicas: [], unmet: [], tenants: [], nowMs: 1 });
    assert.deepEqual([ready.status, ready.message], ['False', 'no replica of the webhook answers: tenants are closed until one does']);
  });

  it('which tenants expect another release', () => {
    const { ready } = rulesetVerdict(live, good, {
      replicas: [report(parsed.digest)],
      unmet: [],
      tenants: [tenant([{ name: 'eu', release: '^2' }]), tenant([{ name: 'eu', release: '^1.4' }])],
      nowMs: 1,
    });
    assert.match(ready.message, /release 1\.4\.0; 1 tenants expect another release, first acme, and are bound all the same$/);
  });
});

const standing = (name: string, release: string, more: Partial<StandingRelease> = {}): StandingRelease => ({
  name,
  release,
  digest: `sha256:${name}-${release}`,
  retired: false,
  requires: [],
  ...more,
});

describe('a Tenant tells', () => {
  const rows: readonly (readonly [
    what: string,
    rulesets: LiveTenant['spec']['rulesets'],
    bound: readonly string[],
    codes: readonly string[],
  ])[] = [
    ['nothing where it names none', undefined, [], []],
    ['what binds it', [{ name: 'eu', release: '^1.4' }, { name: 'base' }], ['eu 1.4.0', 'base 2.0.0'], []],
    ['what is not there', [{ name: 'us' }], [], ['RULESET_NOT_INSTALLED spec.rulesets[0]']],
    ['what has ended', [{ name: 'old' }], [], ['RULESET_NOT_INSTALLED spec.rulesets[0]']],
    [
      'that another release binds it',
      [{ name: 'base' }, { name: 'eu', release: '^2' }],
      ['base 2.0.0', 'eu 1.4.0'],
      ['RULESET_RELEASE_UNFIT spec.rulesets[1].release'],
    ],
    ['of no range', [{ name: 'eu', release: '???' }], ['eu 1.4.0'], ['RULESET_RELEASE_UNFIT spec.rulesets[0].release']],
  ];
  const releases = [standing('eu', '1.4.0'), standing('base', '2.0.0'), standing('old', '1.0.0', { retired: true })];
  for (const [what, rulesets, bound, codes] of rows) {
    it(what, () => {
      const status = subscriptionStatus(tenant(rulesets), releases);
      assert.deepEqual(
        status.rulesets.map(({ name, release }) => `${name} ${release}`),
        bound,
      );
      assert.deepEqual(
        status.problems.map(({ code, path }) => `${code} ${path}`),
        codes,
      );
    });
  }
});

describe('a commit with rulesets', () => {
  const brought = (
    name: string,
    release: string,
    ...requires: readonly { readonly name: string; readonly release?: string }[]
  ): BroughtRelease => ({
    ...standing(name, release, { requires }),
    positionOf: () => ({ file: `rulesets/${name}/ruleset.yaml`, line: 9, column: 3 }),
  });
  const codes = (commit: readonly BroughtRelease[], cluster: readonly StandingRelease[]): readonly string[] =>
    requirementProblems(commit, cluster).map(({ code, at }) => `${code} ${at?.file}:${at?.line}`);
  const needing = brought('eu', '1.0.0', { name: 'base', release: '^2' });

  it('is taken where the cluster has what it requires, or the commit itself', () => {
    assert.deepEqual(codes([needing], [standing('base', '2.1.0')]), []);
    assert.deepEqual(codes([needing, brought('base', '2.1.0')], [standing('base', '1.0.0')]), []);
  });

  it('is refused where nothing has it', () => {
    assert.deepEqual(codes([needing], []), ['RULESET_REQUIRES_MISSING rulesets/eu/ruleset.yaml:9']);
    assert.deepEqual(codes([needing], [standing('base', '1.0.0')]), ['RULESET_REQUIRES_RELEASE rulesets/eu/ruleset.yaml:9']);
    assert.deepEqual(codes([needing, brought('base', '3.0.0')], [standing('base', '2.0.0')]), [
      'RULESET_REQUIRES_RELEASE rulesets/eu/ruleset.yaml:9',
    ]);
  });

  it('is not refused for one that stands', () => {
    assert.deepEqual(codes([needing, brought('base', '3.0.0')], [needing, standing('base', '2.0.0')]), []);
    assert.deepEqual(codes([brought('base', '3.0.0')], [needing, standing('base', '2.0.0')]), []);
  });
});
