// SPDX-License-Identifier: Apache-2.0
// Rulesets beside policies: what they require, and what closes when they end.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Inventory } from '../../crds/inventory.ts';
import { compileMembers } from '../../policies/ruleset/index.ts';
import { documentOf, filesOf, memberText, releaseText } from '../../policies/ruleset/test-release.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Assembled } from './enforcement.ts';
import { createSetMaker } from './set.ts';
import { offer, step } from './test-assemble.ts';

const SOURCE = 'writ-system/rules';

const rulesetOf = (name: string, version: number, spec: object = {}): PolicyDocument => {
  const text = releaseText(name, [memberText('a'), memberText('b', { enforcement: 'Warn' })], {
    version,
    release: `${version}.0.0`,
    ...spec,
  });
  const document = documentOf(text);
  const { members, problems } = compileMembers(document, filesOf([memberText('a'), memberText('b', { enforcement: 'Warn' })]));
  assert.deepEqual(problems, []);
  return {
    kind: 'Ruleset',
    name,
    version,
    digest: document.parsed.digest,
    expiresMs: undefined,
    graceMs: 0,
    endsItself: true,
    retired: document.ruleset.spec.retired === true,
    signers: ['ci'],
    policies: members.map(({ policy, compiled }) => ({ ...policy, metadata: { ...policy.metadata, name: compiled.name } })),
    compiled: members.map(({ compiled }) => compiled),
    ruleset: document.ruleset,
    again: () => assert.fail('assembling judges nothing'),
  };
};
const inventory = (revision: string, ...documents: readonly PolicyDocument[]): Inventory => ({
  source: SOURCE,
  revision,
  documents: documents.map(({ name, digest }) => ({ kind: 'Ruleset', group: 'writ.dev', version: 'v1alpha1', name, digest })),
});
const enforced = ({ documents }: Assembled): readonly string[] => documents.map(({ name, version }) => `${name} ${version}`);
const codeOf = ({ refused }: Assembled, name: string): string | undefined => refused.get(`Ruleset/${name}`)?.code;

const needs = (name: string, release: string) => ({ requires: [{ name, release }] });
const eu = rulesetOf('eu', 1, needs('base', '^1'));
const [base1, base2] = [rulesetOf('base', 1), rulesetOf('base', 2)];

describe('a ruleset that requires another', () => {
  it('waits until that is there, and stands when that goes on to another release', () => {
    const alone = step({ offers: [offer(eu)] });
    assert.deepEqual([enforced(alone), codeOf(alone, 'eu')], [[], 'RULESET_REQUIRES_MISSING']);
    const both = step({ previous: alone.enforcement, offers: [offer(eu), offer(base1)] });
    assert.deepEqual([enforced(both), codeOf(both, 'eu')], [['base 1', 'eu 1'], undefined]);
    const later = step({ previous: both.enforcement, offers: [offer(eu), offer(base2)] });
    assert.deepEqual([enforced(later), codeOf(later, 'eu')], [['base 2', 'eu 1'], undefined]);
    const newer = rulesetOf('eu', 2, needs('base', '^1'));
    const held = step({ previous: later.enforcement, offers: [offer(newer), offer(base2)] });
    assert.deepEqual([enforced(held), codeOf(held, 'eu')], [['base 2', 'eu 1'], 'RULESET_REQUIRES_RELEASE']);
  });

  it('holds the commit back that brings it, as a whole', () => {
    const first = step({ offers: [offer(base1, SOURCE)], inventories: [inventory('r1', base1)] });
    const state = {
      previous: first.enforcement,
      offers: [offer(base2, SOURCE), offer(eu, SOURCE)],
      inventories: [inventory('r2', base2, eu)],
    };
    const second = step(state);
    assert.deepEqual([enforced(second), codeOf(second, 'eu')], [['base 1'], 'RULESET_REQUIRES_RELEASE']);
    assert.deepEqual(
      second.pending.map(({ revision, missing }) => [revision, missing.map(({ name }) => name)]),
      [['r2', ['eu']]],
    );
  });

  it('takes with it who requires it', () => {
    const us = rulesetOf('us', 1, needs('eu', '^1'));
    const alone = step({ offers: [offer(us), offer(eu), offer(rulesetOf('other', 1))] });
    assert.deepEqual(enforced(alone), ['other 1']);
    assert.deepEqual([codeOf(alone, 'eu'), codeOf(alone, 'us')], ['RULESET_REQUIRES_MISSING', 'RULESET_REQUIRES_MISSING']);
  });

  it('stands where a commit that was followed before orders it', () => {
    const first = step({ offers: [offer(eu, SOURCE)], inventories: [inventory('r1', eu)], isStarting: true });
    const previous = { ...first.enforcement, standing: new Map() };
    assert.deepEqual(enforced(step({ previous, offers: [offer(eu, SOURCE)] })), ['eu 1']);
  });

  it('is not held back by a replica that starts, which cannot know what stood', () => {
    assert.deepEqual(enforced(step({ offers: [offer(eu), offer(base2)], isStarting: true })), ['base 2', 'eu 1']);
  });
});

describe('a ruleset', () => {
  it('ends by the set seal of those who may decide about a publisher of its tier', () => {
    const gold = rulesetOf('gold', 1, { publisher: { name: 'acme', tier: 'Gold' } });
    const one = step({ offers: [offer(gold, SOURCE)], inventories: [inventory('r1', gold)] });
    const ended = (...tiers: readonly (string | undefined)[]): readonly string[] => {
      const set = {
        source: SOURCE,
        sequence: 1,
        digest: 'sha256:set',
        files: new Map<string, string>(),
        signers: ['ci'],
        mayDecide: (kind: string, tier: string | undefined) => kind === 'Ruleset' && tiers.includes(tier),
      };
      return enforced(step({ previous: one.enforcement, inventories: [inventory('r2')], sets: new Map([[SOURCE, set]]) }));
    };
    assert.deepEqual([ended('Gold'), ended('Silver', undefined)], [[], ['gold 1']]);
  });

  it('goes from one release to the next in one step, and never back', () => {
    const one = step({ offers: [offer(base1, SOURCE)], inventories: [inventory('r1', base1)] });
    const two = step({ previous: one.enforcement, offers: [offer(base2, SOURCE)], inventories: [inventory('r2', base2)] });
    assert.deepEqual(enforced(two), ['base 2']);
    const back = step({ previous: two.enforcement, offers: [offer(base1, SOURCE)], inventories: [inventory('r3', base1)] });
    assert.deepEqual([enforced(back), codeOf(back, 'base')], [['base 2'], 'POLICY_ROLLBACK']);
  });

  it('ends by a retired version only', () => {
    const one = step({ offers: [offer(base1)] });
    const gone = step({ previous: one.enforcement, offers: [] });
    assert.deepEqual([enforced(gone), codeOf(gone, 'base')], [['base 1'], 'REMOVAL_UNSEALED']);
    const ended = step({ previous: gone.enforcement, offers: [offer(rulesetOf('base', 2, { retired: true, policies: undefined }))] });
    assert.deepEqual(
      ended.documents.flatMap(({ compiled }) => compiled),
      [],
    );
    assert.deepEqual(enforced(step({ previous: ended.enforcement, offers: [] })), []);
  });

  it('past its date closes what its members match, for those whom they bound', () => {
    const document = { ...rulesetOf('eu', 3, { scope: 'Tenants' }), expiresMs: 500 };
    const set = createSetMaker()([document], 1000);
    assert.deepEqual(
      set.policies.map(({ name, version, enforcement, ruleset, validations }) => [
        name,
        version,
        enforcement,
        ruleset?.scope,
        validations[0]?.program.source,
      ]),
      [
        ['eu/a', 3, 'Deny', 'Tenants', 'false'],
        ['eu/b', 3, 'Warn', 'Tenants', 'false'],
      ],
    );
    assert.match(set.policies[0]?.validations[0]?.message ?? '', /^POLICY_EXPIRED: ruleset eu: /);
    assert.notEqual(set.digest, createSetMaker()([{ ...document, expiresMs: undefined }], 1000).digest);
  });
});
