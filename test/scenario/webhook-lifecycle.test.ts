// SPDX-License-Identifier: Apache-2.0
// The webhook as a process: when it is ready, what is closed while it is not there, how it ends, and what it answers to
// posts that no API server would send.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'node:https';
import {
  SYSTEM_NAMESPACE,
  WEBHOOK_TLS_SECRET,
  configMaps,
  leases,
  policies,
  secrets,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import { replicaName } from '../../crds/replica.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { ProblemCode } from '../../policies/problem.ts';
import { problemCodes } from '../../policies/problem-codes/index.ts';
import { systemClock } from '../../process/clock.ts';
import { pinned, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { sourceApplies } from './told.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

type Reply = { readonly status: number; readonly body: string };
const NAMESPACE = 'acme-prod';
const TAGGED = { image: 'agent:latest' };

describe('the webhook', () => {
  let writ: Installation;
  let ca = '';
  before(async () => {
    // A tenant and no policy at all.
    writ = await installWrit({
      documents: { 'tenants/acme.yaml': tenantText('acme', [NAMESPACE]) },
      controlPlane: { controllerManager: false },
      webhookFlags: { 'drain-delay': '1s' },
    });
    const secret = await writ.client.get<KubeObject & { data: Record<string, string> }>(secrets, {
      namespace: SYSTEM_NAMESPACE,
      name: WEBHOOK_TLS_SECRET,
    });
    ca = Buffer.from(secret?.data['ca.crt'] ?? '', 'base64').toString();
    await until(async () => (await writ.client.list(validatingWebhookConfigurations)).items.length === 3, { what: 'all configurations' });
  });
  after(() => writ?.stop());

  const good = (namespace = NAMESPACE): Promise<string> => verdictOf(writ.client, podOf({ namespace }));
  const ready = async (): Promise<Reply> => {
    const response = await fetch(`${writ.webhook.endpoint}/readyz`);
    return { status: response.status, body: await response.text() };
  };
  const post = (body: string | Uint8Array, type = 'application/json'): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const sent = request(writ.webhookUrl, { method: 'POST', ca, agent: false, headers: { 'content-type': type } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      // An answer to a body that is too large comes before all of it is sent.
      sent.on('error', reject);
      sent.end(body);
    });

  it('with no verified policy is ready and closes tenants, nothing else', async () => {
    assert.equal((await ready()).status, 200);
    await until(async () => (await good()).includes('NO_VERIFIED_POLICY'), { what: 'the default of deny' });
    assert.equal(await good('default'), 'allowed');
  });

  it('opens to what the first verified policy allows', async () => {
    await sourceApplies(writ.client, await writ.push({ 'policies/pinned.yaml': pinned }));
    await until(async () => (await good()) === 'allowed', { what: 'a good pod to be allowed' });
    assert.match(await verdictOf(writ.client, podOf({ namespace: NAMESPACE, ...TAGGED })), /pinned \(Invalid\)/);
  });

  const review = (change: (request: Record<string, unknown>) => Record<string, unknown>): string =>
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: change({
        uid: 'u-1',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        name: 'probe',
        namespace: NAMESPACE,
        operation: 'CREATE',
        userInfo: { username: 'ada' },
        object: { apiVersion: 'v1', kind: 'Pod', ...podOf({ namespace: NAMESPACE }) },
        dryRun: true,
      }),
    });
  const posts: readonly (readonly [what: string, body: string | Uint8Array, status: number, code: ProblemCode])[] = [
    ['no JSON', 'kind: AdmissionReview', 400, 'REVIEW_NOT_JSON'],
    ['no review', '{"kind":"Pod"}', 400, 'REVIEW_NOT_REVIEW'],
    ['a review of another version', review((all) => all).replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1'), 400, 'REVIEW_VERSION'],
    ['a review without its object', review(({ object: _, ...rest }) => rest), 400, 'REVIEW_WITHOUT_OBJECT'],
    [
      'a DELETE without the old object',
      review(({ object: _, ...rest }) => ({ ...rest, operation: 'DELETE' })),
      400,
      'REVIEW_WITHOUT_OBJECT',
    ],
    ['8 MiB', Buffer.alloc(8 * 2 ** 20, 0x20), 413, 'REQUEST_TOO_LARGE'],
  ];
  for (const [what, body, status, code] of posts) {
    it(`answers ${what} with ${code} and what to do`, async () => {
      const reply = await post(body);
      const told: { code: string; fix: string } = JSON.parse(reply.body);
      assert.deepEqual([reply.status, told.code], [status, code], reply.body);
      assert.equal(told.fix, problemCodes[code].fix);
    });
  }

  it('decides a DELETE by its old object, as it comes from an API server', async () => {
    const { status, body } = await post(review(({ object, ...rest }) => ({ ...rest, operation: 'DELETE', oldObject: object })));
    assert.equal(status, 200);
    assert.equal(JSON.parse(body).response.uid, 'u-1');
    assert.equal(JSON.parse(body).response.allowed, true);
  });

  it('killed: tenants are closed, the rest of the cluster works, its report runs out; back: as before', async () => {
    await writ.webhook.stop('SIGKILL');
    assert.match(await good(), /failed calling webhook "(?:validate|objects\.tenancy)\.writ\.dev"/);
    assert.equal(await good('default'), 'allowed');
    assert.equal((await writ.client.list(policies)).items.length, 1);
    writ.webhook = await writ.startWebhook();
    const first = await until(() => ready(), { what: 'its endpoint' });
    assert.ok(first.status === 200 || /\[-\]/.test(first.body), first.body);
    await writ.webhook.ready();
    await until(async () => (await good()) === 'allowed', { what: 'a good pod to be allowed' });
    assert.match(await verdictOf(writ.client, podOf({ namespace: NAMESPACE, ...TAGGED })), /pinned \(Invalid\)/);
  });

  it('told to end is not ready at once, answers all that comes until its drain ends, and takes its report away', async () => {
    const name = { namespace: SYSTEM_NAMESPACE, name: replicaName('one') };
    assert.ok(await writ.client.get(configMaps, name));
    const replies: (Reply | Error)[] = [];
    const isReady = (): Promise<boolean> =>
      fetch(`${writ.webhook.endpoint}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
    const end = writ.webhook.stop('SIGTERM', 15_000);
    await until(async () => !(await isReady()), { what: 'to be not ready', everyMs: 20, withinMs: 5_000 });
    const fromMs = systemClock.monotonicMs();
    // The drain lasts one second; what begins in the first half of it must be answered, whatever happens to it after.
    while (systemClock.monotonicMs() - fromMs < 400) {
      replies.push(
        ...(await Promise.all([1, 2, 3].map(() => post(review((all) => all)).catch((error: unknown) => new Error(String(error)))))),
      );
    }
    await end;
    assert.ok(replies.length >= 6);
    assert.deepEqual([...new Set(replies.map((reply) => (reply instanceof Error ? reply.message : reply.status)))], [200]);
    assert.equal(await writ.webhook.exited, 'exit code 0');
    assert.equal(await writ.client.get(configMaps, name), undefined);
    assert.equal(await writ.client.get(leases, name), undefined);
    writ.webhook = await writ.startWebhook();
    await writ.webhook.ready();
  });
});
