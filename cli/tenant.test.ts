// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { temporaryFolder } from './spawn-writ.ts';
import type { Ran } from './spawn-writ.ts';
import { runInProcess } from './test-run.ts';

const HERE = '0f9f2f0e-6a39-4a4e-b14e-3b7d8b1f9e11';
const files = {
  'tiers.yaml': readFileSync(new URL('../deploy/examples/tiers.yaml', import.meta.url), 'utf8'),
  'tenants/acme.yaml': `apiVersion: writ.dev/v1alpha1
kind: Tenant
metadata: {name: acme}
spec: {tier: Professional, namespaces: {quota: 40}, podSecurity: {enforce: baseline}}
`,
  'tenants/plain.yaml': `apiVersion: writ.dev/v1alpha1
kind: Tenant
metadata: {name: plain}
spec: {}
`,
  'licenses/acme.yaml': `apiVersion: writ.dev/v1alpha1
kind: License
metadata: {name: acme}
spec: {version: 1, installation: ${HERE}, tier: Professional, tenants: [acme], expires: "2027-03-01T00:00:00Z", gracePeriod: 24h}
`,
};
const AT = ['--installation', HERE, '--at', '2027-01-01T00:00:00Z'];

const tenant = async (...args: readonly string[]): Promise<Ran> => {
  using folder = temporaryFolder();
  folder.write(files);
  return await runInProcess(['tenant', ...args, '-f', folder.path]);
};

describe('writ tenant explain', () => {
  it('tells what is cut and which tier would allow it, and that something is', async () => {
    const { code, out } = await tenant('explain', 'acme', ...AT);
    assert.equal(code, 1, out);
    assert.match(out, /asks for tier Professional and has Professional/);
    assert.match(out, /^spec\.namespaces\.quota +10 +CUT: 40 is asked for, Enterprise would allow it$/m);
    assert.match(out, /^spec\.podSecurity\.enforce +baseline +the Tenant$/m);
    assert.match(out, /^acme +Professional +2027-03-02T00:00:00\.000Z +counts$/m);
  });

  it('is good where all is within the tier, and says the same as JSON', async () => {
    const { code, out } = await tenant('explain', 'plain', ...AT, '--output', 'json');
    const told = JSON.parse(out);
    assert.deepEqual([code, told.tenant, told.asks, told.tier, told.problems], [0, 'plain', null, 'Free', []]);
    assert.deepEqual(
      told.licenses.map(({ name, counts, why }: { name: string; counts: boolean; why: string }) => [name, counts, why]),
      [['acme', false, 'it is for acme']],
    );
  });

  it('goes by the time: past its grace a license gives nothing', async () => {
    const { out } = await tenant('explain', 'acme', '--installation', HERE, '--at', '2027-03-02T00:00:00Z');
    assert.match(out, /asks for tier Professional and has Starter/);
    assert.match(out, /no: it has ended/);
  });

  it('says what is wrong with how it is called', async () => {
    const unknown = await tenant('explain', 'nobody');
    assert.deepEqual([unknown.code, /TENANT_MISSING: there is no Tenant nobody, but acme, plain/.test(unknown.err)], [1, true]);
    assert.equal((await runInProcess(['tenant', 'explain', 'acme'])).code, 2);
    assert.equal((await tenant('explain', 'acme', '--context', 'both')).code, 2);
    assert.equal((await tenant('explain', 'acme', '--at', 'tomorrow')).code, 2);
  });
});

describe('writ tenant entitlements', () => {
  it('tells all tenants, tiers and licenses', async () => {
    const { code, out } = await tenant('entitlements', ...AT);
    assert.equal(code, 1, out);
    assert.match(out, /^acme +Professional +Professional +acme +2027-03-02T00:00:00\.000Z +1: spec\.namespaces\.quota$/m);
    assert.match(out, /^plain +\(default\) +Free +- +- +-$/m);
    assert.match(out, /^MissionCritical +Required/m);
    assert.match(out, /^acme +Professional +2027-03-02T00:00:00\.000Z +acme$/m);
  });

  it('does so as JSON', async () => {
    const told = JSON.parse((await tenant('entitlements', ...AT, '--output', 'json')).out);
    assert.deepEqual(
      told.tenants.map(({ tenant: name, tier, license }: { tenant: string; tier: string; license: string | null }) => [
        name,
        tier,
        license,
      ]),
      [
        ['acme', 'Professional', 'acme'],
        ['plain', 'Free', null],
      ],
    );
    assert.deepEqual([told.tiers.length, told.licenses[0].countsFor, told.catalog.version], [5, ['acme'], 1]);
  });
});
