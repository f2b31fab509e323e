// SPDX-License-Identifier: Apache-2.0
// What the API server does to objects before and around policies, on a live one: the facts that reading manifests, matching
// and the advice of the command line rest on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readManifests } from '../../cli/manifest.ts';
import { parseReview } from '../../policies/decide/request.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import { toJson } from '../../policies/cel/index.ts';
import { isJsonObject, valueAt } from '../../policies/document/json.ts';
import type { JsonObject, JsonPath } from '../../policies/document/json.ts';
import { until } from '../scenario/until.ts';
import { startLiveServer } from './live-server.ts';
import type { Answer, LiveServer } from './live-server.ts';
import type { Json } from './policy-arbitrary.ts';
import { ourRefusals, REFUSED_BINDINGS, REFUSED_POLICIES, refusalsOf, SOUND_POLICY } from './refusals.ts';

const PODS = '/api/v1/namespaces/acme/pods?dryRun=All';
const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';

const fieldsOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});

const textAt = (value: unknown, field: string): string => {
  const text = fieldsOf(value)[field];
  return typeof text === 'string' ? text : '';
};

describe('what the API server does to objects', () => {
  let live: LiveServer;
  before(async () => {
    live = await startLiveServer();
    await live.call({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'acme' } },
    });
  });
  after(() => live[Symbol.asyncDispose]());

  const created = async (path: string, body: Json): Promise<Answer> => live.call({ method: 'POST', path, body });

  /** The last review that the webhook was sent. */
  const reviewed = async (path: string, body: Json): Promise<AdmissionRequest> => {
    const known = live.reviews().length;
    // A webhook configuration takes a moment to be in force.
    const asked = async (): Promise<boolean> => {
      const { status, body: answer } = await created(path, body);
      assert.equal(status, 201, JSON.stringify(answer));
      return live.reviews().length > known;
    };
    await until(asked, { what: 'the webhook to be asked' });
    const review = parseReview(live.reviews().at(-1) ?? '');
    assert.ok(review.ok);
    return review.request;
  };

  const objectOf = async (path: string, body: Json): Promise<JsonObject> => fieldsOf(toJson((await reviewed(path, body)).object));

  type Fields = { readonly [key: string]: Json };
  const podWith = (spec: Fields, container: Fields = {}): Json => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { case: 'x' } },
    spec: { containers: [{ name: 'a', image: 'a', ...container }], ...spec },
  });

  it('37: users have system:authenticated appended, namespaces their name as a label', async () => {
    const { userInfo } = await reviewed(PODS, podWith({}));
    assert.ok(userInfo.groups.includes('system:authenticated'));
    const { body } = await live.call({ method: 'GET', path: '/api/v1/namespaces/acme' });
    assert.equal(valueAt(fieldsOf(body), ['metadata', 'labels', 'kubernetes.io/metadata.name']), 'acme');
  });

  it('38: what nobody wrote is there', async () => {
    const pod = await objectOf(PODS, podWith({}));
    const paths: readonly JsonPath[] = [
      ['spec', 'securityContext'],
      ['spec', 'containers', 0, 'resources'],
      ['spec', 'containers', 0, 'imagePullPolicy'],
      ['status', 'phase'],
      ['status', 'qosClass'],
      ['spec', 'priority'],
      ['spec', 'tolerations'],
      ['metadata', 'uid'],
      ['metadata', 'creationTimestamp'],
      ['metadata', 'managedFields'],
      ['metadata', 'generation'],
      ['metadata', 'namespace'],
    ];
    for (const path of paths) assert.notEqual(valueAt(pod, path), undefined, path.join('.'));
    assert.equal(valueAt(pod, ['metadata', 'resourceVersion']), undefined);
  });

  it('39: what says nothing is gone', async () => {
    const container: Fields = { env: [{ name: 'E', value: '' }], securityContext: { privileged: false } };
    const pod = await objectOf(
      PODS,
      podWith({ hostNetwork: false, initContainers: [], hostname: '', automountServiceAccountToken: false }, container),
    );
    for (const field of ['hostNetwork', 'initContainers', 'hostname']) assert.equal(valueAt(pod, ['spec', field]), undefined, field);
    assert.equal(valueAt(pod, ['spec', 'containers', 0, 'env', 0, 'value']), undefined);
    assert.equal(valueAt(pod, ['spec', 'containers', 0, 'securityContext', 'privileged']), false);
    assert.equal(valueAt(pod, ['spec', 'automountServiceAccountToken']), false);
  });

  it('40: quantities are canonical and limits are requests, stringData is data', async () => {
    const pod = await objectOf(PODS, podWith({}, { resources: { limits: { cpu: '1000m', memory: '1024Mi' } } }));
    assert.deepEqual(valueAt(pod, ['spec', 'containers', 0, 'resources']), {
      limits: { cpu: '1', memory: '1Gi' },
      requests: { cpu: '1', memory: '1Gi' },
    });
    const secret = await objectOf('/api/v1/namespaces/acme/secrets?dryRun=All', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', labels: { case: 'x' } },
      stringData: { a: 'b' },
    });
    assert.deepEqual([secret['data'], secret['stringData']], [{ a: 'Yg==' }, undefined]);
  });

  it('41: what is not valid is never judged', async () => {
    await reviewed(PODS, podWith({}));
    const known = live.reviews().length;
    const { status } = await created(PODS, podWith({ restartPolicy: 'Sometimes' }));
    assert.equal(status, 422);
    assert.equal(live.reviews().length, known);
  });

  it('33: an equivalent rule gets the object in its own version', async () => {
    const path = '/apis/autoscaling/v2/namespaces/acme/horizontalpodautoscalers?dryRun=All';
    const request = await reviewed(path, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h', labels: { case: 'x' } },
      spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
    });
    // This webhook takes every version, so nothing is converted, and both are told.
    assert.deepEqual([request.kind.version, request.requestKind?.version], ['v2', 'v2']);
  });

  it('36: webhook configurations are subject to policies, policies are not', async () => {
    const policy = (name: string): Json => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels: { guarded: 'yes' } },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }],
          objectSelector: { matchLabels: { guarded: 'yes' } },
        },
        validations: [{ expression: 'false' }],
      },
    });
    await created(`${REGISTRATION}/validatingadmissionpolicies`, policy('guard'));
    await created(`${REGISTRATION}/validatingadmissionpolicybindings`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'guard' },
      spec: { policyName: 'guard', validationActions: ['Deny'] },
    });
    const configuration: Json = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'guarded', labels: { guarded: 'yes' } },
      webhooks: [],
    };
    const refused = async (): Promise<boolean> =>
      (await created(`${REGISTRATION}/validatingwebhookconfigurations?dryRun=All`, configuration)).status === 422;
    await until(refused, { what: 'the policy to refuse a webhook configuration' });
    assert.equal((await created(`${REGISTRATION}/validatingadmissionpolicies?dryRun=All`, policy('other'))).status, 201);
  });

  it('42: kubectl reads YAML 1.1, without timestamps and base 60', async () => {
    const scalars = ['yes', 'on', '0777', '0o17', '08', '1_000', '1e3', '1.0', '1:30', '2001-01-01', 'no', '~', '0x1F'];
    const manifest = `apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec:\n${scalars.map((text, at) => `  f${at}: ${text}\n`).join('')}`;
    // A kind that nobody serves, so that nothing but reading happens.
    const { stdout, stderr } = await live.plane.kubectl(['annotate', '--local', '-o', 'json', '-f', '-', 'a=b'], { input: manifest });
    assert.notEqual(stdout, '', stderr);
    const theirs = valueAt(fieldsOf(JSON.parse(stdout)), ['spec']);
    const { documents, problems } = readManifests(manifest, 'thing.yaml');
    assert.deepEqual(problems, []);
    assert.deepEqual(valueAt(documents[0]?.value ?? {}, ['spec']), theirs);
    assert.deepEqual(theirs, {
      f0: true,
      f1: true,
      f2: 511,
      f3: 15,
      f4: 8,
      f5: 1000,
      f6: 1000,
      f7: 1,
      f8: '1:30',
      f9: '2001-01-01',
      f10: false,
      f11: null,
      f12: 31,
    });
  });

  it('refuses at creation what Writ refuses, in the same words', async () => {
    const causes = (body: unknown): readonly string[] => {
      const found = valueAt(fieldsOf(body), ['details', 'causes']);
      return (Array.isArray(found) ? found : []).map((cause) => `${textAt(cause, 'field')}: ${textAt(cause, 'message')}`);
    };
    const wrong: unknown[] = [];
    const compare = async (path: string, document: Json, ours: readonly string[]): Promise<void> => {
      const { status, body } = await created(`${REGISTRATION}/${path}?dryRun=All`, document);
      const theirs = refusalsOf(causes(body));
      if (status !== 422 || JSON.stringify(ours) !== JSON.stringify(theirs)) wrong.push({ document, status, ours, theirs });
    };
    for (const policy of REFUSED_POLICIES) await compare('validatingadmissionpolicies', policy, ourRefusals({ policy, bindings: [] }));
    for (const binding of REFUSED_BINDINGS)
      await compare('validatingadmissionpolicybindings', binding, ourRefusals({ policy: SOUND_POLICY, bindings: [binding] }));
    assert.deepEqual(wrong, []);
  });
});
