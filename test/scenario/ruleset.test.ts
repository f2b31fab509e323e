// SPDX-License-Identifier: Apache-2.0
// A ruleset from Git: installed, subscribed to, upgraded in one step, never mixed, undone under a higher version.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { rulesets, tenants } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { bounded, releaseFiles, tenantText } from './documents.ts';
import type { PolicyText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { conditionOf, objectSays, sourceApplies, sourceRefuses } from './told.ts';
import type { ToldObject } from './told.ts';
import { breath, until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const FILE = 'rulesets/eu/ruleset.yaml';
const member = (name: string, message: string): PolicyText => ({ name, expression: 'size(workload.containers) == 0', message });
const one = [member('alpha', 'alpha of one'), member('beta', 'beta of one')];
const two = [member('alpha', 'alpha of two')];
const release = (version: number, members: readonly PolicyText[]): Record<string, string> =>
  releaseFiles({ name: 'eu', version, release: `${version}.0.0`, members });
const subscribed = (range: string): string => `  rulesets: [{name: eu, release: "${range}", enforcement: Audit}]\n`;
const acme = (more = ''): Record<string, string> => ({ 'tenants/acme.yaml': tenantText('acme', ['acme-prod'], more) });

describe('a ruleset', () => {
  let writ: Installation;
  before(async () => {
    writ = await installWrit({
      documents: { 'policies/bounded.yaml': bounded, ...acme(), 'tenants/beta.yaml': tenantText('beta', ['beta-prod']) },
      interval: '2s',
      controlPlane: { controllerManager: false },
    });
    for (const name of ['acme', 'beta']) await objectSays(writ.client, { resource: tenants, name }, { type: 'Ready', status: 'True' });
  });
  after(() => writ?.stop());

  const ask = (namespace: string): Promise<string> => verdictOf(writ.client, podOf({ namespace }));
  const says = (type: string, status: string, reason?: string): Promise<ToldObject> =>
    objectSays(writ.client, { resource: rulesets, name: 'eu' }, { type, status, ...(reason === undefined ? {} : { reason }) });
  /** What is said in acme, member by member. */
  const told = async (): Promise<readonly string[]> =>
    [...(await ask('acme-prod')).matchAll(/eu\/\w+ \(Invalid\): (\w+ of \w+)/g)].map(([, text = '']) => text);
  const apply = async (files: Record<string, string | null>): Promise<void> =>
    void (await sourceApplies(writ.client, await writ.push(files)));
  const say = (expected: readonly string[]): Promise<unknown> =>
    until(async () => JSON.stringify(await told()) === JSON.stringify(expected), { what: `acme to be told ${expected.join(', ')}` });

  it('that is pushed is enforced, and binds nobody yet', async () => {
    await apply(release(1, one));
    const object = await says('Ready', 'True', 'Enforced');
    assert.deepEqual(conditionOf(object, 'DependenciesMet')?.status, 'True');
    const { stdout } = await writ.plane.kubectl(['get', 'rulesets']);
    assert.match(stdout, /^eu +1\.0\.0 +2 +True +1 of 1 replicas enforce release 1\.0\.0/m);
    assert.deepEqual([await ask('acme-prod'), await ask('beta-prod')], ['allowed', 'allowed']);
  });

  it('binds the tenant that names it, as strongly as the release says, and no other', async () => {
    await apply(acme(subscribed('^1')));
    await say(['alpha of one', 'beta of one']);
    assert.deepEqual([await ask('beta-prod'), await ask('default')], ['allowed', 'allowed']);
    await objectSays(writ.client, { resource: tenants, name: 'acme' }, { type: 'RulesetsReady', status: 'True' });
  });

  it('is upgraded in one step, a member less and another changed', async () => {
    const answers: string[] = [];
    const stopping = new AbortController();
    const asking = (async () => {
      while (!stopping.signal.aborted) {
        answers.push((await told()).join());
        await breath();
      }
    })();
    asking.catch(() => undefined); // told below
    await apply({ ...release(2, two), 'rulesets/eu/policies/beta.yaml': null });
    await say(['alpha of two']);
    stopping.abort();
    await asking;
    assert.deepEqual(
      answers.filter((answer) => !['alpha of one,beta of one', 'alpha of two'].includes(answer)),
      [],
    );
    assert.deepEqual(answers.filter((answer, index) => answer !== answers[index - 1]).length <= 2, true, 'there was more than one step');
  });

  it('outside of the range that the tenant expects binds it all the same, and the tenant says so', async () => {
    const tenant = await objectSays(
      writ.client,
      { resource: tenants, name: 'acme' },
      { type: 'RulesetsReady', status: 'False', reason: 'RulesetReleaseUnfit' },
    );
    assert.match(
      conditionOf(tenant, 'RulesetsReady')?.message ?? '',
      /spec\.rulesets\[0\]\.release: eu is expected in \^1, it is 2\.0\.0 and binds/,
    );
    assert.deepEqual(await told(), ['alpha of two']);
  });

  it('of mixed releases is refused, and what stood stands', async () => {
    const mixed = { ...release(3, one), 'rulesets/eu/policies/alpha.yaml': release(2, two)['rulesets/eu/policies/alpha.yaml'] ?? '' };
    await writ.push(mixed);
    const { message } = await sourceRefuses(writ.client, 'RULESET_MEMBER_DIGEST');
    assert.match(message, new RegExp(`^${FILE}:\\d+:\\d+: RULESET_MEMBER_DIGEST`));
    assert.deepEqual(await told(), ['alpha of two']);
  });

  it('whose object an admin changes goes on as it is sealed', async () => {
    await apply({ ...release(2, two), 'rulesets/eu/policies/beta.yaml': null });
    const [alpha] = Object.entries(release(1, one)).filter(([path]) => path.endsWith('alpha.yaml'));
    const changes: readonly object[] = [
      { signature: { members: [{ path: 'policies/alpha.yaml', document: alpha?.[1] }] } },
      { signature: { members: [] } },
      { spec: { scope: 'Cluster', policies: [] } },
    ];
    for (const body of changes) {
      await writ.client.patch<KubeObject>(rulesets, { name: 'eu' }, { type: 'merge', body }).catch(() => undefined);
      assert.deepEqual(await told(), ['alpha of two']);
      assert.equal(await ask('beta-prod'), 'allowed');
    }
    await says('Ready', 'True', 'Enforced');
  });

  it('is undone by its old content under a higher version, not by its old bytes', async () => {
    await writ.push(release(1, one));
    await sourceRefuses(writ.client, 'POLICY_ROLLBACK');
    assert.deepEqual(await told(), ['alpha of two']);
    await apply(release(4, one));
    await say(['alpha of one', 'beta of one']);
  });

  it('without what it requires is not taken, and is once that comes with it', async () => {
    const us = releaseFiles({
      name: 'us',
      version: 1,
      release: '1.0.0',
      requires: '[{name: base, release: "^2"}]',
      members: [member('gamma', 'gamma')],
    });
    await writ.push(us);
    const { message } = await sourceRefuses(writ.client, 'RULESET_REQUIRES_MISSING');
    assert.match(message, /^rulesets\/us\/ruleset\.yaml:9:3: /);
    await apply(releaseFiles({ name: 'base', version: 1, release: '2.3.0', members: [member('delta', 'delta')] }));
    await objectSays(writ.client, { resource: rulesets, name: 'us' }, { type: 'DependenciesMet', status: 'True' });
  });
});
