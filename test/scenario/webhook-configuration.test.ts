// SPDX-License-Identifier: Apache-2.0
// What the API server asks Writ about: kept as it must be whoever edits it, wide enough before a policy needs it, and
// never in the way of the cluster's own namespaces. Its certificate is rotated while it is asked.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  GUARD_CONFIGURATION_NAME,
  SYSTEM_NAMESPACE,
  TENANT_LABEL,
  WEBHOOK_CONFIGURATION_NAME,
  WEBHOOK_TLS_SECRET,
  configMaps,
  namespaces,
  policies,
  secrets,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { pinned, policyText, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { sourceApplies } from './told.ts';
import { breath, until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

type Hook = {
  readonly name: string;
  readonly failurePolicy: string;
  readonly timeoutSeconds: number;
  readonly clientConfig: { readonly caBundle: string };
  readonly rules: readonly { readonly apiGroups: readonly string[]; readonly resources: readonly string[] }[];
  readonly namespaceSelector: unknown;
};
type Configuration = KubeObject & { readonly webhooks: readonly Hook[] };
type Secret = KubeObject & { readonly data: Readonly<Record<string, string>> };

const NAMED = { name: WEBHOOK_CONFIGURATION_NAME };
const TAGGED = { image: 'agent:latest' };
const configMapOf = (namespace: string): KubeObject => ({ metadata: { name: 'notes', namespace } });

describe('the webhook configuration', () => {
  let writ: Installation;
  before(async () => {
    writ = await installWrit({
      documents: { 'policies/pinned.yaml': pinned, 'tenants/acme.yaml': tenantText('acme', ['acme-prod']) },
      controlPlane: { controllerManager: false },
      // Renewed after 20 s, swapped 5 s later, ended after 30 s.
      operatorFlags: { 'certificate-lifetime': '30s' },
    });
    await until(refusesTagged, { what: 'the policy to be enforced' });
  });
  after(() => writ?.stop());

  const refusesTagged = async (): Promise<boolean> =>
    (await verdictOf(writ.client, podOf({ namespace: 'acme-prod', ...TAGGED }))).includes('pinned (Invalid)');
  const read = async (): Promise<Configuration | undefined> => writ.client.get<Configuration>(validatingWebhookConfigurations, NAMED);
  const hook = async (): Promise<Hook> => {
    const found = (await read())?.webhooks[0];
    assert.ok(found);
    return found;
  };
  /** All but the certificate, which changes with time. */
  const shape = async (): Promise<unknown> => {
    const { clientConfig: _, ...rest } = await hook();
    return rest;
  };
  const secretData = async (name: string): Promise<string> =>
    (await writ.client.get<Secret>(secrets, { namespace: SYSTEM_NAMESPACE, name: WEBHOOK_TLS_SECRET }))?.data[name] ?? '';

  it('is rotated to a new certificate and authority while requests come, and none fails', async () => {
    const [oldCertificate, oldBundle] = [await secretData('tls.crt'), (await hook()).clientConfig.caBundle];
    const stopping = new AbortController();
    let asked = 0;
    const wrong: string[] = [];
    const load = (async () => {
      while (!stopping.signal.aborted) {
        const [refused, allowed] = [
          await verdictOf(writ.client, podOf({ namespace: 'acme-prod', ...TAGGED })),
          await verdictOf(writ.client, podOf({ namespace: 'acme-prod' })),
        ];
        if (!refused.includes('pinned (Invalid)') || allowed !== 'allowed') wrong.push(refused, allowed);
        asked += 2;
        await breath();
      }
    })();
    try {
      for (const round of ['first', 'second']) {
        const before = await secretData('tls.crt');
        await until(async () => (await secretData('tls.crt')) !== before, {
          what: `the ${round} rotation`,
          withinMs: 60_000,
          everyMs: 200,
        });
        if (round === 'first') {
          const bundle = Buffer.from((await hook()).clientConfig.caBundle, 'base64').toString();
          assert.ok(bundle.includes(Buffer.from(oldBundle, 'base64').toString().trim()), 'the authority before is trusted on');
          assert.ok((bundle.match(/BEGIN CERTIFICATE/g) ?? []).length >= 2);
        }
      }
    } finally {
      stopping.abort();
      await load;
    }
    assert.deepEqual(wrong, []);
    assert.ok(asked > 50, `${asked} requests`);
    assert.notEqual(await secretData('tls.crt'), oldCertificate);
    assert.ok(!(await hook()).clientConfig.caBundle.includes(oldBundle), 'an authority that ended is gone');
  });

  const damages: readonly (readonly [what: string, damage: () => Promise<unknown>])[] = [
    ['its deletion', () => writ.client.delete(validatingWebhookConfigurations, NAMED)],
    ...(
      [
        [
          'rules that are narrowed',
          { rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }] },
        ],
        ['a failure policy that opens', { failurePolicy: 'Ignore' }],
        ['a selector that leaves tenants out', { namespaceSelector: { matchLabels: { nobody: 'here' } } }],
        ['an object selector', { objectSelector: { matchLabels: { nobody: 'here' } } }],
        ['match conditions', { matchConditions: [{ name: 'never', expression: 'false' }] }],
        ['another certificate authority', { clientConfig: { url: 'https://127.0.0.1:1/validate' } }],
        ['a second webhook', undefined],
      ] as const
    ).map(([what, change]): readonly [string, () => Promise<unknown>] => [
      what,
      async () => {
        const live = await read();
        assert.ok(live);
        const first = live.webhooks[0];
        const webhooks = change === undefined ? [first, { ...first, name: 'other.writ.dev' }] : [{ ...first, ...change }];
        await writ.client.replace(validatingWebhookConfigurations, { ...live, webhooks });
      },
    ]),
  ];
  for (const [what, damage] of damages) {
    it(`is repaired after ${what}`, async () => {
      const good = await shape();
      await damage();
      const repaired = async (): Promise<boolean> => {
        const live = await read();
        if (live?.webhooks.length !== 1) return false;
        return JSON.stringify(await shape()) === JSON.stringify(good);
      };
      await until(repaired, { what: 'the repair', withinMs: 15_000 });
      await until(refusesTagged, { what: 'the policy to be enforced again', withinMs: 15_000 });
    });
  }

  it('is not narrowed by whoever deletes a policy that a commit orders while nobody is asked', async () => {
    const before = await shape();
    const { metadata } = (await writ.client.get<KubeObject>(policies, { name: 'pinned' })) ?? {};
    await assert.rejects(writ.client.delete(policies, { name: 'pinned' }), /REMOVAL_UNSEALED: policies\/pinned\.yaml/);
    // The guard is put back at once, so whoever wants to slip by has to try again and again.
    await until(
      async () => {
        await writ.client.delete(validatingWebhookConfigurations, { name: GUARD_CONFIGURATION_NAME });
        return writ.client.delete(policies, { name: 'pinned' });
      },
      { what: 'a deletion that slips by', withinMs: 20_000 },
    );
    // The remote is looked at once a minute here.
    await until(
      async () => {
        const found = await writ.client.get<KubeObject>(policies, { name: 'pinned' });
        return found !== undefined && found.metadata.uid !== metadata?.uid;
      },
      { what: 'the policy to come back', withinMs: 15_000 },
    );
    assert.deepEqual(await shape(), before);
    assert.ok(await refusesTagged());
  });

  it('is widened before a policy that needs it is in force, and narrowed after the last one left', async () => {
    const asks = async (): Promise<boolean> => (await hook()).rules.some((rule) => rule.resources.includes('configmaps'));
    assert.equal(await asks(), false);
    const noted = policyText({ name: 'noted', expression: 'has(object.data)', message: 'write something', resource: 'configmaps' });
    await sourceApplies(writ.client, await writ.push({ 'policies/noted.yaml': noted }));
    assert.equal(await asks(), true);
    await until(
      async () => (await verdictOf(writ.client, configMapOf('acme-prod'), configMaps)).includes('noted (Invalid): write something'),
      {
        what: 'the policy for ConfigMaps to be enforced',
      },
    );
    await sourceApplies(writ.client, await writ.push({ 'policies/noted.yaml': null }));
    await until(async () => !(await asks()), { what: 'the configuration to be narrowed', withinMs: 15_000 });
    assert.equal(await verdictOf(writ.client, configMapOf('acme-prod'), configMaps), 'allowed');
  });

  it('never asks about the namespaces that a cluster recovers by, whatever labels they are given', async () => {
    for (const name of [SYSTEM_NAMESPACE, 'kube-system', 'kube-public', 'kube-node-lease']) {
      await writ.client.patch(namespaces, { name }, { type: 'merge', body: { metadata: { labels: { [TENANT_LABEL]: 'acme' } } } });
    }
    await writ.webhook.stop('SIGKILL');
    assert.match(await verdictOf(writ.client, podOf({ namespace: 'acme-prod' })), /failed calling webhook/);
    for (const namespace of [SYSTEM_NAMESPACE, 'kube-system', 'kube-public', 'kube-node-lease', 'default']) {
      // What else guards a namespace, such as pod security in our own, is not our word.
      assert.doesNotMatch(await verdictOf(writ.client, podOf({ namespace, ...TAGGED })), /webhook/, namespace);
    }
    const { failurePolicy, timeoutSeconds } = await hook();
    assert.equal(failurePolicy, 'Fail');
    assert.ok(timeoutSeconds <= 5);
  });
});
