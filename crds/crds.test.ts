// SPDX-License-Identifier: Apache-2.0
// The CRDs on a real API server: what a person sees with kubectl, and that server and generated validators agree.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import type { ControlPlane } from '../test/cluster/control-plane-handle.ts';
import { crdFile } from './generate/schema.ts';
import { crdKinds } from './kinds.ts';
import { objectCases } from './object-cases/all.ts';

let cluster: ControlPlane;
const kubectl = async (args: readonly string[], input?: unknown): Promise<string> => {
  const result = await cluster.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
  assert.equal(result.code, 0, `kubectl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
};

/** What the server says to the object on a dry run, as strict as kubectl's own default. */
const dryRun = async (object: Readonly<Record<string, unknown>>): Promise<{ readonly status: number; readonly message: string }> => {
  const resource = crdKinds.find(({ kind }) => kind === object['kind']);
  assert.ok(resource);
  const scope = resource.namespaced ? 'namespaces/default/' : '';
  const url = `${cluster.url}/apis/${resource.group}/${resource.version}/${scope}${resource.plural}?dryRun=All&fieldValidation=Strict`;
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly message: string }>();
  const call = request(url, {
    method: 'POST',
    ca: Buffer.from(cluster.caData, 'base64'),
    headers: { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' },
  });
  call.on('error', reject);
  call.on('response', (response) => {
    text(response).then((body) => resolve({ status: response.statusCode ?? 0, message: String(JSON.parse(body).message ?? '') }), reject);
  });
  call.end(JSON.stringify(object));
  return promise;
};

const tenant = { apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name: 'acme' }, spec: { tier: 'Enterprise' } };

describe('CRDs on an API server', { timeout: 600_000 }, () => {
  before(async () => {
    cluster = await startControlPlane();
    const files = crdKinds.flatMap((resource) => ['-f', fileURLToPath(crdFile(resource))]);
    await kubectl(['apply', '--server-side', ...files]);
    await kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...files]);
  });
  after(() => cluster?.stop());

  it('accepts every schema as structural, with rules within the cost limits', async () => {
    const list = JSON.parse(await kubectl(['get', 'customresourcedefinitions', '-l', 'app.kubernetes.io/part-of=writ', '-o', 'json']));
    assert.equal(list.items.length, crdKinds.length);
    for (const { metadata, status } of list.items) {
      const bad = status.conditions.filter(
        ({ type, status }: { type: string; status: string }) => type === 'NonStructuralSchema' && status === 'True',
      );
      assert.deepEqual(bad, [], metadata.name);
    }
  });

  it('knows short names and the category', async () => {
    const lines = (await kubectl(['api-resources', '--api-group=writ.dev', '--no-headers', '-o', 'wide'])).trim().split('\n');
    const shown = Object.fromEntries(lines.map((line) => [line.split(/\s+/)[0], line]));
    for (const [plural, short] of [
      ['gitsources', 'wgs'],
      ['policies', 'wp'],
      ['rulesets', 'wrs'],
      ['trustpolicies', 'wtp'],
      ['tenants', 'wt'],
      ['tiercatalogs', 'wtc'],
      ['licenses', 'wlic'],
      ['pricebooks', 'wpb'],
      ['tenantusages', 'wtu'],
    ] as const) {
      assert.match(shown[plural] ?? '', new RegExp(`^${plural}\\s+${short}\\s.*\\swrit$`));
    }
    await kubectl(['create', '-f', '-'], tenant);
    assert.match(await kubectl(['get', 'writ']), /tenant\.writ\.dev\/acme/);
    assert.match(await kubectl(['get', 'wt', 'acme', '-o', 'name']), /^tenant\.writ\.dev\/acme\n$/);
  });

  it('explains fields', async () => {
    assert.match(await kubectl(['explain', 'policy.spec.validations.messageExpression']), /CEL expression of type string/);
    assert.match(await kubectl(['explain', 'gitsource.spec.interval']), /One minute by default/);
    const whole = await kubectl(['explain', 'tenant.spec', '--recursive']);
    assert.match(whole, /dataResidency/);
    assert.doesNotMatch(whole, /<no description>/);
  });

  it('starts with observedGeneration -1 and waits for Ready', async () => {
    const created = JSON.parse(await kubectl(['create', '-o', 'json', '-f', '-'], { ...tenant, metadata: { name: 'waiting' } }));
    assert.deepEqual(created.status, { observedGeneration: -1 });
    assert.equal(created.spec.admission, 'Open');
    const waiting = kubectl(['wait', '--for=condition=Ready', 'tenant/waiting', '--timeout=60s']);
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Succeeded',
      message: 'two namespaces',
      lastTransitionTime: '2026-05-01T10:00:00Z',
      observedGeneration: 1,
    };
    const status = { observedGeneration: 1, namespaceCount: 2, conditions: [condition] };
    await kubectl(['apply', '--server-side', '--subresource=status', '--field-manager=writ-status', '-f', '-'], {
      ...tenant,
      metadata: { name: 'waiting' },
      spec: undefined,
      status,
    });
    assert.match(await waiting, /condition met/);
    const [head = '', line = ''] = (await kubectl(['get', 'tenant', 'waiting'])).split('\n');
    assert.deepEqual(head.trim().split(/\s{2,}/), ['NAME', 'TIER', 'NAMESPACES', 'READY', 'STATUS', 'AGE']);
    assert.deepEqual(
      line
        .trim()
        .split(/\s{2,}/)
        .slice(0, 5),
      ['waiting', 'Enterprise', '2', 'True', 'two namespaces'],
    );
  });

  it('shows the columns of every kind', async () => {
    const columns = async (plural: string): Promise<string> => {
      const table = await kubectl(['get', '--raw', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.writ.dev`]);
      return JSON.parse(table)
        .spec.versions[0].additionalPrinterColumns.map(({ name }: { name: string }) => name)
        .join(' ');
    };
    assert.equal(await columns('gitsources'), 'URL Revision Ready Status Age');
    assert.equal(await columns('policies'), 'Enforcement Replicas Ready Status Age');
    assert.equal(await columns('rulesets'), 'Release Policies Ready Status Age');
    assert.equal(await columns('trustpolicies'), 'Version Expires Ready Status Age');
    assert.equal(await columns('tiercatalogs'), 'Version Ready Status Age');
    assert.equal(await columns('licenses'), 'Tier Expires Ready Status Age');
    assert.equal(await columns('pricebooks'), 'Version Effective Ready Status Age');
    assert.equal(await columns('tenantusages'), 'Complete Limits Ready Status Age');
  });

  it('keeps a signed document byte for byte and adds nothing to it', async () => {
    const document = 'apiVersion: writ.dev/v1alpha1\nkind: Policy\n# ünïcode 😀 \ttab\n\n';
    const policy = objectCases.find(({ what }) => what === 'a pasted ValidatingAdmissionPolicy spec')?.object;
    const created = JSON.parse(
      await kubectl(['create', '-o', 'json', '-f', '-'], {
        ...policy,
        metadata: { name: 'signed' },
        signature: { document, bundles: ['{"a":1}'] },
      }),
    );
    assert.deepEqual(created.signature, { document, bundles: ['{"a":1}'] });
    assert.deepEqual(created.spec, policy?.['spec']);
  });

  for (const { what, object, wrong, rule } of objectCases) {
    const expected = wrong?.field ?? (rule === undefined ? 'accepted' : `"${rule}"`);
    it(`${String(object['kind'])}: ${what}: ${expected}`, async () => {
      const { status, message } = await dryRun(object);
      if (wrong === undefined && rule === undefined) return assert.equal(status, 201, message);
      assert.ok(status === 400 || status === 422, `${status} ${message}`);
      assert.ok(message.includes(wrong?.field ?? rule ?? ''), message);
    });
  }
});
