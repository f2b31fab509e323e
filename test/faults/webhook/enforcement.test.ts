// SPDX-License-Identifier: Apache-2.0
// A sealed policy, a real API server, the webhook as a process of its own: what is enforced, what closes when it dies,
// what stays open, and what stands when someone tampers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeInventory } from '../../../crds/inventory.ts';
import { decodeReplica, replicaName } from '../../../crds/replica.ts';
import { startControlPlane } from '../../cluster/control-plane.ts';
import type { ControlPlane } from '../../cluster/control-plane-handle.ts';
import { until } from '../../scenario/until.ts';
import { makeServingPair } from './certificates.ts';
import { startWebhookProcess } from './process.ts';
import type { WebhookProcess } from './process.ts';
import { POD_RULES, createSealer, inventoryOf, policyDigest } from './sealed.ts';
import type { SealedPolicy } from './sealed.ts';

const SOURCE = 'writ-system/policies';
const CRDS = fileURLToPath(new URL('../../../crds', import.meta.url));

const sealer = createSealer();
const owned = (version: number, label: string): SealedPolicy =>
  sealer.policy(
    'owned',
    {
      version,
      matchConstraints: POD_RULES,
      validations: [{ expression: `has(object.metadata.labels) && '${label}' in object.metadata.labels`, message: `name the ${label}` }],
    },
    SOURCE,
  );
const one = owned(1, 'owner');
const two = owned(2, 'team');

describe('a sealed policy on a real API server', { timeout: 300_000 }, () => {
  let plane: ControlPlane;
  let webhook: WebhookProcess;
  const pair = makeServingPair();

  const apply = async (...objects: readonly object[]): Promise<void> => {
    const { code, stderr } = await plane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
    assert.equal(code, 0, stderr);
  };
  let pods = 0;
  const createPod = async (namespace: string, labels: Record<string, string> = {}): Promise<string> => {
    const name = `pod-${(pods += 1)}`;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: { containers: [{ name: 'c', image: 'app' }] },
    };
    const { code, stderr } = await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
    return code === 0 ? 'created' : stderr;
  };
  const flags = (port: number): readonly string[] => [
    `--address=127.0.0.1:${port}`,
    '--metrics-address=127.0.0.1:0',
    `--trust-digest=${sealer.trustDigest}`,
    `--kubeconfig=${plane.kubeconfig}`,
    '--replica-id=replica-1',
    '--drain-delay=100ms',
    '--drain-linger=200ms',
  ];
  const tlsSecret = (certificate: { readonly certPem: string; readonly keyPem: string }): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'writ-webhook-tls', namespace: 'writ-system' },
    stringData: { 'tls.crt': certificate.certPem, 'tls.key': certificate.keyPem },
  });
  const replica = async () => {
    const { stdout } = await plane.kubectl(['get', 'configmap', '-n', 'writ-system', replicaName('replica-1'), '-o', 'json']);
    return stdout === '' ? undefined : decodeReplica(JSON.parse(stdout));
  };

  before(async () => {
    plane = await startControlPlane();
    const crds = await plane.kubectl(['apply', '--server-side', '-k', CRDS]);
    assert.equal(crds.code, 0, crds.stderr);
    await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    const namespace = (name: string, labels: Record<string, string> = {}): object => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    });
    await apply(namespace('writ-system'), namespace('team', { 'writ.dev/tenant': 'acme' }), namespace('free'));
    await apply(sealer.trustPolicy, one);
    webhook = await startWebhookProcess(flags(0));
  });
  after(async () => {
    await webhook?.end('SIGKILL');
    await plane?.stop();
  });

  it('is not ready before its certificate and a whole commit are there, and says so', async () => {
    await until(async () => (await webhook.ready()).text.includes('the inventory of'), { what: 'the caches are filled' });
    const { ok, text } = await webhook.ready();
    assert.equal(ok, false);
    assert.match(text, /\[-\] tls: TLS_MISSING/);
    await apply(tlsSecret(pair));
    await until(async () => (await webhook.ready()).text.includes('[+] tls'), { what: 'the certificate is in use' });
    assert.equal((await webhook.ready()).ok, false);
  });

  it('a commit whose inventory is not there yet is not enforced: governed workloads are closed, others open', async () => {
    await apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'writ' },
      webhooks: [
        {
          name: 'validate.writ.dev',
          admissionReviewVersions: ['v1'],
          clientConfig: { url: `${webhook.url}/validate`, caBundle: Buffer.from(pair.caPem).toString('base64') },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE', 'UPDATE'], scope: '*' }],
          namespaceSelector: { matchExpressions: [{ key: 'writ.dev/tenant', operator: 'Exists' }] },
          failurePolicy: 'Fail',
          sideEffects: 'NoneOnDryRun',
          timeoutSeconds: 5,
        },
      ],
    });
    await until(async () => (await createPod('team', { owner: 'ann' })).includes('WEBHOOK_NOT_READY'), { what: 'the API server asks' });
    assert.equal(await createPod('free'), 'created');
  });

  it('the whole commit is enforced', async () => {
    await apply(encodeInventory(inventoryOf(SOURCE, 'main@sha1:1', [one], { receivedAt: new Date().toISOString() })));
    await until(async () => (await createPod('team', { owner: 'ann' })) === 'created', { what: 'enforced' });
    assert.equal((await webhook.ready()).ok, true);
    const refusal = await createPod('team');
    assert.match(
      refusal,
      /admission webhook "validate\.writ\.dev" denied the request: owned \(Invalid\): name the owner\n?\s*writ explain d-[0-9a-f]{20}/,
    );
    assert.equal(await createPod('free'), 'created');
    const id = /d-[0-9a-f]{20}/.exec(refusal)?.[0];
    const record = await webhook.line((line) => line['id'] === id);
    assert.equal(record['verdict'], 'Deny');
    assert.equal(record['tenant'], 'acme');
    assert.deepEqual(record['spoke'], [{ policy: 'owned', digest: policyDigest(one), verdict: 'Deny', signers: ['ci'] }]);
    const metrics = await (await fetch(`${webhook.endpointUrl}/metrics`)).text();
    assert.match(metrics, /writ_policy_decisions_total\{tenant="acme",policy="owned",verdict="Deny"\} 1/);
    assert.match(metrics, /writ_sync_lag_seconds_count\{since="received"\} 1/);
    await until(async () => (await replica())?.policies['owned'] === policyDigest(one), { what: 'the report' });
  });

  it('tampered bytes are refused, and what was sealed stands', async () => {
    await apply({ ...one, signature: { ...one.signature, document: one.signature.document.replace("'owner' in", "'owner2' in") } });
    const report = async (): Promise<string | undefined> => (await replica())?.refused['owned']?.code;
    await until(async () => (await report())?.startsWith('SEAL_') === true, { what: 'the refusal is reported' });
    assert.equal(await createPod('team', { owner: 'ann' }), 'created');
    assert.match(await createPod('team'), /name the owner/);
  });

  it('a new commit flips when it is whole', async () => {
    await apply(two);
    assert.equal(await createPod('team', { owner: 'ann' }), 'created');
    await apply(encodeInventory(inventoryOf(SOURCE, 'main@sha1:2', [two])));
    await until(async () => (await createPod('team', { owner: 'ann' })).includes('name the team'), { what: 'the flip' });
    assert.equal(await createPod('team', { team: 'a' }), 'created');
    await until(async () => (await replica())?.policies['owned'] === policyDigest(two), { what: 'the report' });
    assert.deepEqual((await replica())?.refused, {});
  });

  it('a certificate is replaced without a restart', async () => {
    await apply(tlsSecret(makeServingPair('second')));
    await webhook.line(
      (line) => line['msg'] === 'a serving certificate is in use' && line !== webhook.lines.find((first) => first['msg'] === line['msg']),
    );
    assert.equal(await createPod('team', { team: 'a' }), 'created');
  });

  it('it decides on while the API server restarts, and follows it afterwards', async () => {
    await plane.restartApiServer();
    await until(async () => (await createPod('team', { team: 'a' })) === 'created', { what: 'decided again' });
    assert.match(await createPod('team'), /name the team/);
    const three = owned(3, 'purpose');
    await apply(three, encodeInventory(inventoryOf(SOURCE, 'main@sha1:3', [three])));
    await until(async () => (await createPod('team', { purpose: 'x' })) === 'created', { what: 'the next commit' });
  });

  it('killed: governed namespaces are closed, others open; back: as before', async () => {
    const port = Number(new URL(webhook.url).port);
    assert.equal(await webhook.end('SIGKILL'), 'SIGKILL');
    assert.match(await createPod('team', { purpose: 'x' }), /failed calling webhook "validate\.writ\.dev"/);
    assert.equal(await createPod('free'), 'created');
    webhook = await startWebhookProcess(flags(port));
    await until(async () => (await webhook.ready()).ok, { what: 'ready' });
    await until(async () => (await createPod('team', { purpose: 'x' })) === 'created', { what: 'open' });
    assert.match(await createPod('team'), /name the purpose/);
  });

  it('started while the API server is away, it lives, is not ready and says why, and decides once it can', async () => {
    const port = Number(new URL(webhook.url).port);
    assert.equal(await webhook.end('SIGKILL'), 'SIGKILL');
    await plane.stopApiServer({ signal: 'SIGKILL' });
    webhook = await startWebhookProcess(flags(port));
    const { ok, text } = await webhook.ready();
    assert.equal(ok, false);
    assert.match(
      text,
      /\[-\] caches: waiting for the first list of policies, rulesets, tiercatalogs, licenses, pricebooks, trust, inventories, marks, namespaces, tenants, certificate/,
    );
    await plane.startApiServer();
    await until(async () => (await webhook.ready()).ok, { what: 'ready' });
    await until(async () => (await createPod('team', { purpose: 'x' })) === 'created', { what: 'open' });
    assert.match(await createPod('team'), /name the purpose/);
  });

  it('told to end, it takes its report away and ends well', async () => {
    await until(async () => (await replica()) !== undefined, { what: 'a report' });
    assert.equal(await webhook.end('SIGTERM'), 0);
    assert.equal(await replica(), undefined);
    const { stdout } = await plane.kubectl(['get', 'lease', '-n', 'writ-system', '-o', 'name']);
    assert.equal(stdout.trim(), '');
  });
});
