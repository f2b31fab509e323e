// SPDX-License-Identifier: Apache-2.0
// Tiers and licenses from Git: a tenant is held to its tier, told which one would allow more, and given more by a license alone;
// nothing that happens to the objects gives it more.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  GUARD_CONFIGURATION_NAME,
  licenses,
  limitRanges,
  namespaces,
  resourceQuotas,
  tenants,
  tierCatalogs,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { bounded, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { conditionOf, objectSays, sourceApplies, sourceRefuses } from './told.ts';
import type { ToldObject } from './told.ts';
import { until } from './until.ts';
import { PINNED_IMAGE, verdictOf } from './verdict.ts';

const SHIPPED = readFileSync(new URL('../../deploy/examples/tiers.yaml', import.meta.url), 'utf8');
const catalog = (version: number, change = (text: string): string => text): string =>
  change(SHIPPED.replace('  version: 1\n', `  version: ${version}\n`));
const license = (installation: string, version = 1, more = ''): string => `apiVersion: writ.dev/v1alpha1
kind: License
metadata:
  name: acme
spec:
  version: ${version}
  installation: ${installation}
  tier: Enterprise
  expires: 2099-01-01T00:00:00Z
${more}`;
const acme = (tier: string, more = ''): string => tenantText('acme', ['acme-one', 'acme-two'], `    quota: 40\n  tier: ${tier}\n${more}`);

describe('tiers', () => {
  let writ: Installation;
  let installation: string;
  before(async () => {
    writ = await installWrit({
      documents: { 'policies/bounded.yaml': bounded, 'tiers.yaml': catalog(1), 'tenants/acme.yaml': acme('Free') },
      interval: '2s',
      controlPlane: { controllerManager: false },
    });
    installation = (await writ.client.get<KubeObject>(namespaces, { name: 'kube-system' }))?.metadata.uid ?? '';
    assert.notEqual(installation, '');
  });
  after(() => writ?.stop());

  const push = async (files: Record<string, string | null>): Promise<void> =>
    void (await sourceApplies(writ.client, await writ.push(files)));
  const tenantSays = async (status: string, reason: string, pattern: RegExp): Promise<ToldObject> => {
    let last: ToldObject | undefined;
    await until(
      async () => {
        last = await writ.client.get<ToldObject>(tenants, { name: 'acme' });
        const condition = conditionOf(last, 'Entitled');
        return condition?.status === status && condition.reason === reason && pattern.test(condition.message);
      },
      { what: `acme to say Entitled=${status} ${reason} ${String(pattern)}`, withinMs: 20_000 },
    ).catch((error: unknown) => {
      throw new Error(JSON.stringify(last?.status), { cause: error });
    });
    assert.ok(last);
    return last;
  };
  const exists = async (name: string): Promise<boolean> => (await writ.client.get<KubeObject>(namespaces, { name })) !== undefined;
  const cpuIn = async (namespace: string): Promise<string | undefined> => {
    type Quota = KubeObject & { readonly spec?: { readonly hard?: Readonly<Record<string, string>> } };
    return (await writ.client.get<Quota>(resourceQuotas, { namespace, name: 'writ-tier' }))?.spec?.hard?.['requests.cpu'];
  };
  const cpuIs = (namespace: string, wanted: string): Promise<unknown> =>
    until(async () => (await cpuIn(namespace)) === wanted, { what: `${wanted} CPUs in ${namespace}`, withinMs: 20_000 });

  it('hold a tenant to what its tier allows, and name the tier that would allow more', async () => {
    const told = await tenantSays(
      'False',
      'EntitlementExceeded',
      /namespaces\.quota: 40 is asked for, tier Free allows 1; tier Enterprise would/,
    );
    assert.match(conditionOf(told, 'Entitled')?.message ?? '', /spec\.namespaces\.items: 2 namespaces .* tier Starter would allow it/);
    assert.equal(conditionOf(told, 'Ready')?.status, 'False');
    assert.deepEqual([await exists('acme-one'), await exists('acme-two')], [true, false]);
    await cpuIs('acme-one', '2');
    const made = await writ.client.get<KubeObject>(namespaces, { name: 'acme-one' });
    assert.equal(made?.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
    await objectSays(writ.client, { resource: tierCatalogs, name: 'cluster' }, { type: 'Ready', status: 'True', reason: 'InForce' });
    const { stdout } = await writ.plane.kubectl(['get', 'wtc']);
    assert.match(stdout, /^cluster +1 +True +1 of 1 replicas go by version 1/m);
  });

  it('are told by the command line as the cluster has them', async () => {
    const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
    const args = [main, 'tenant', 'explain', 'acme', '--context', 'writ-test', '--output', 'json'];
    const { stdout, status, stderr } = spawnSync(process.execPath, args, {
      env: { ...process.env, KUBECONFIG: writ.plane.kubeconfig },
      encoding: 'utf8',
    });
    assert.equal(status, 1, stderr);
    const { tier, entitled } = JSON.parse(stdout);
    const live = conditionOf(await writ.client.get<ToldObject>(tenants, { name: 'acme' }), 'Entitled');
    assert.deepEqual([tier, entitled.message], ['Free', live?.message]);
  });

  it('that need a license are had by a license of this installation alone', async () => {
    await push({ 'tenants/acme.yaml': acme('Enterprise'), 'licenses/acme.yaml': license('another-installation') });
    await tenantSays('False', 'EntitlementExceeded', /tier Enterprise needs a license, .*; Starter counts/);
    await objectSays(writ.client, { resource: licenses, name: 'acme' }, { type: 'Ready', status: 'False', reason: 'LicenseForeign' });
    await cpuIs('acme-one', '8');
    await until(() => exists('acme-two'), { what: 'the second namespace, which Starter allows' });
    await push({ 'licenses/acme.yaml': license(installation, 2) });
    await tenantSays('True', 'Entitled', /^tier Enterprise of catalog version 1, by license acme until 2099/);
    await objectSays(writ.client, { resource: tenants, name: 'acme' }, { type: 'Ready', status: 'True' });
    await cpuIs('acme-one', '256');
    await cpuIs('acme-two', '256');
    assert.ok((await writ.client.list<KubeObject>(limitRanges, { namespace: 'acme-one' })).items.length > 0);
  });

  it('stand while their objects are edited or deleted by an admin', async () => {
    const refused = async (args: readonly string[], code: string, input?: string): Promise<void> => {
      const { code: exit, stderr } = await writ.plane.kubectl(args, input === undefined ? {} : { input });
      assert.notEqual(exit, 0);
      assert.ok(stderr.includes(code), stderr);
    };
    await refused(['delete', 'tiercatalog', 'cluster'], 'REMOVAL_UNSEALED');
    await refused(['delete', 'license', 'acme'], 'REMOVAL_UNSEALED');
    await refused(['patch', 'tiercatalog', 'cluster', '--type=merge', '-p', '{"spec":{"defaultTier":"Enterprise"}}'], 'SPEC_DIFFERS');
    await refused(['apply', '--server-side', '--force-conflicts', '-f', '-'], 'SPEC_DIFFERS', license(installation, 9));
    await tenantSays('True', 'Entitled', /^tier Enterprise/);
  });

  it('come back and never are what they were not, when the guard is taken away too', async () => {
    const before = (await writ.client.get<KubeObject>(tierCatalogs, { name: 'cluster' }))?.metadata.uid;
    await until(
      async () => {
        await writ.client.delete(validatingWebhookConfigurations, { name: GUARD_CONFIGURATION_NAME }).catch(() => undefined);
        await writ.client.delete(tierCatalogs, { name: 'cluster' }).catch(() => undefined);
        const found = await writ.client.get<KubeObject>(tierCatalogs, { name: 'cluster' });
        return found !== undefined && found.metadata.uid !== before;
      },
      { what: 'a deletion that got through, and the catalog again', withinMs: 90_000 },
    );
    await objectSays(writ.client, { resource: tierCatalogs, name: 'cluster' }, { type: 'Ready', status: 'True', reason: 'InForce' });
    await tenantSays('True', 'Entitled', /^tier Enterprise/);
    assert.deepEqual([await cpuIn('acme-one'), await cpuIn('acme-two')], ['256', '256']);
  });

  it('are changed by a newer catalog in one commit, and by no older or senseless one', async () => {
    await push({ 'tiers.yaml': catalog(2, (text) => text.replace('requests.cpu: "256"', 'requests.cpu: "128"')) });
    await tenantSays('True', 'Entitled', /^tier Enterprise of catalog version 2/);
    await cpuIs('acme-one', '128');
    await writ.push({ 'tiers.yaml': catalog(1) });
    assert.match((await sourceRefuses(writ.client, 'POLICY_ROLLBACK')).message, /tiers\.yaml:\d+:\d+: POLICY_ROLLBACK/);
    await writ.push({
      'tiers.yaml': catalog(3, (text) => text.replace('podSecurity: {enforce: restricted', 'podSecurity: {enforce: baseline')),
    });
    assert.match(
      (await sourceRefuses(writ.client, 'CATALOG_INVALID')).message,
      /tiers\.yaml:\d+:\d+: CATALOG_INVALID: spec\.tiers\[0\]\.defaults\.podSecurity\.enforce/,
    );
    assert.equal(await cpuIn('acme-one'), '128');
  });

  it('fall when the license ends by seal, and take nothing away that is there', async () => {
    const noAgents = (text: string): string => text.replace('agents: 10\n', 'agents: 0\n');
    await push({ 'tiers.yaml': catalog(4, noAgents), 'licenses/acme.yaml': license(installation, 3, '  retired: true\n') });
    await tenantSays('False', 'EntitlementExceeded', /Starter counts/);
    await cpuIs('acme-one', '8');
    assert.deepEqual([await exists('acme-one'), await exists('acme-two')], [true, true]);
  });

  it('bound how many agents a tenant has', async () => {
    // As the tier's Pod Security level asks for, so that it is not refused for that.
    const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const resources = { limits: { cpu: '100m', memory: '64Mi' } };
    const pod = (labels: Readonly<Record<string, string>>): KubeObject & { readonly spec: unknown } => ({
      metadata: { name: 'probe', namespace: 'acme-one', labels },
      spec: {
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [{ name: 'agent', image: PINNED_IMAGE, resources, securityContext }],
      },
    });
    const refused = (verdict: string): boolean => verdict.includes('count/agents.writ.dev');
    let verdict = '';
    await until(async () => refused((verdict = await verdictOf(writ.client, pod({ 'writ.dev/agent': 'true' })))), {
      what: 'an agent too many to be refused',
      withinMs: 60_000,
    }).catch((error: unknown) => {
      throw new Error(verdict, { cause: error });
    });
    const other = await verdictOf(writ.client, pod({}));
    assert.ok(!refused(other), other);
  });

  it('end with a catalog that says so, and tenants have what they say', async () => {
    await push({ 'tiers.yaml': catalog(5, (text) => text.replace(/ {2}defaultTier[^]*/, '  retired: true\n')) });
    await tenantSays('Unknown', 'NoCatalog', /no TierCatalog is in force/);
    await until(async () => (await cpuIn('acme-one')) === undefined, { what: "the tier's quota to go" });
  });
});
