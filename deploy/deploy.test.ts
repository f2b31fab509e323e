// SPDX-License-Identifier: Apache-2.0
// The manifests on a real API server: they build, are accepted without a warning, give each identity what it needs and
// no more, and make pods that the restricted standard lets through.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { readConfig as readOperatorConfig } from '../operator/config.ts';
import { webhookConfiguration } from '../operator/controllers/webhook-configuration.ts';
import { rulesFor } from '../policies/compile/admission-rules.ts';
import { isWorkloadWrite } from '../policies/subject/kind-index.ts';
import { ownersIn } from '../policies/tenancy/ownership.ts';
import { readConfig as readWebhookConfig } from '../webhook/config.ts';
import { OPERATOR, WEBHOOK, allowed, refused, shown } from './test-access.ts';
import type { Access } from './test-access.ts';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import type { ControlPlane } from '../test/cluster/control-plane-handle.ts';

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type Container = {
  readonly ports: readonly { readonly name: string }[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
};
/** Of Deployments, Services, PodDisruptionBudgets and ValidatingAdmissionPolicies, as far as they are looked at. */
type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly replicas?: number;
    readonly strategy?: { readonly rollingUpdate: { readonly maxSurge: number } };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly [Container] };
    };
    readonly selector: object & { readonly matchLabels?: object };
    readonly ports?: readonly { readonly targetPort: string }[];
    readonly validations?: readonly { readonly expression: string }[];
    readonly matchConstraints?: { readonly excludeResourceRules?: readonly object[] };
  };
};

let cluster: ControlPlane;
const kubectl = async (args: readonly string[], input?: unknown): Promise<string> => {
  const result = await cluster.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
  assert.equal(result.code, 0, `kubectl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
};
/** What a folder builds to. */
const built = async (path: string): Promise<readonly Manifest[]> =>
  parseAllDocuments(await kubectl(['kustomize', folder(path)])).map((document): Manifest => document.toJS());
/** kubectl prints one JSON text after the other. */
const objects = (text: string): readonly { readonly status: { readonly allowed: boolean } }[] =>
  JSON.parse(`[${text.replaceAll(/^\}\n\{/gm, '},{')}]`);

const may = async (rows: readonly Access[]): Promise<readonly boolean[]> => {
  const items = rows.map(({ user, ...resourceAttributes }) => ({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups: ['system:serviceaccounts', 'system:authenticated'], resourceAttributes },
  }));
  const answers = objects(await kubectl(['create', '-o', 'json', '-f', '-'], { apiVersion: 'v1', kind: 'List', items }));
  return answers.map(({ status }) => status.allowed);
};

describe('deploy/ on an API server', { timeout: 600_000 }, () => {
  before(async () => {
    cluster = await startControlPlane();
  });
  after(() => cluster?.stop());

  it('processes: applies, without anything that runs', async () => {
    await kubectl(['apply', '--server-side', '--warnings-as-errors', '-k', folder('overlays/processes')]);
    const kinds = new Set((await built('overlays/processes')).map(({ kind }) => kind));
    for (const kind of ['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy']) assert.equal(kinds.has(kind), false, kind);
  });

  it('base: is accepted on a dry run and applies without a warning', async () => {
    await kubectl(['apply', '--server-side', '--dry-run=server', '--warnings-as-errors', '-k', folder('base')]);
    await kubectl(['apply', '--server-side', '--warnings-as-errors', '-k', folder('base')]);
  });

  it('base: holds everything that processes holds', async () => {
    const name = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
    const base = new Set((await built('base')).map(name));
    for (const manifest of await built('overlays/processes')) assert.ok(base.has(name(manifest)), name(manifest));
  });

  it('base: the pods pass the restricted standard', async () => {
    for (const deployment of ['writ-operator', 'writ-webhook']) {
      const { spec } = JSON.parse(await kubectl(['get', 'deployment', deployment, '-n', 'writ-system', '-o', 'json']));
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        ...spec.template,
        metadata: { ...spec.template.metadata, name: deployment, namespace: 'writ-system' },
      };
      await kubectl(['create', '--dry-run=server', '-f', '-'], pod);
      const [container] = pod.spec.containers;
      const privileged = { ...pod, spec: { ...pod.spec, containers: [{ ...container, securityContext: { privileged: true } }] } };
      const answer = await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(privileged) });
      assert.match(answer.stderr, /violates PodSecurity "restricted/);
    }
  });

  it('base: selectors and ports meet', async () => {
    const all = await built('base');
    const templates = all.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec.template);
    const selecting = all.filter(({ kind }) => ['Service', 'PodDisruptionBudget'].includes(kind));
    assert.equal(selecting.length, 7);
    for (const {
      kind,
      metadata,
      spec: { selector, ports },
    } of selecting) {
      const labels = kind === 'Service' ? selector : (selector.matchLabels ?? {});
      const meant = templates.filter((template) => Object.entries(labels).every(([key, value]) => template.metadata.labels[key] === value));
      assert.equal(meant.length, 1, `${kind} ${metadata.name}`);
      const names = meant[0]?.spec.containers.flatMap((container) => container.ports.map(({ name }) => name));
      for (const { targetPort } of ports ?? []) assert.ok(names?.includes(targetPort), `${metadata.name}: ${targetPort}`);
    }
  });

  it('the API server leaves unlooked at only what the webhook is asked about in any case, and what keeps its owners', async () => {
    const policies = (await built('overlays/processes')).filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    const rules = policies.flatMap(({ spec }) => spec.matchConstraints?.excludeResourceRules ?? []);
    const asked = rulesFor([]);
    const scope = { apiGroups: [''], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], scope: 'Namespaced' };
    assert.deepEqual(rules, [{ ...scope, resources: ['pods', 'pods/status'] }]);
    for (const operation of scope.operations) {
      assert.ok(isWorkloadWrite({ resource: { group: '', resource: 'pods' }, subResource: '', operation }));
      const asking = asked.filter(({ apiGroups, resources, operations }) =>
        [apiGroups.includes(''), resources.includes('pods'), operations.includes(operation)].every(Boolean),
      );
      assert.ok(
        asking.some(({ apiVersions, scope: where }) => apiVersions.includes('*') && where === 'Namespaced'),
        operation,
      );
    }
    const target = { kind: 'url', url: 'https://127.0.0.1:1/validate' } as const;
    const configuration = webhookConfiguration({ rules: asked, target, authorities: 'pem', systemNamespace: 'writ-system' });
    const webhooks: readonly Readonly<Record<string, unknown>>[] = JSON.parse(JSON.stringify(configuration.webhooks));
    assert.deepEqual(
      webhooks.map(({ rules: about, failurePolicy, objectSelector, matchConditions }) => ({
        about,
        failurePolicy,
        objectSelector,
        matchConditions,
      })),
      [{ about: asked, failurePolicy: 'Fail', objectSelector: {}, matchConditions: undefined }],
    );
  });

  it('the API server lets the same own what is of a tenant as the webhook does', async () => {
    const owners = ownersIn('writ-system');
    const policies = await built('overlays/processes');
    const expressions = policies
      .filter(({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === 'writ-owner-references')
      .flatMap(({ spec }) => spec.validations?.map(({ expression }) => expression) ?? []);
    const lists = expressions.flatMap((expression) =>
      [...expression.matchAll(/(\S+) in \[([^\]]*)\]/g)].map(([, who, names = '']) => [
        who,
        [...names.matchAll(/'([^']*)'/g)].map(([, name]) => name),
      ]),
    );
    assert.deepEqual(lists, [
      ['request.userInfo.username', owners.users],
      ['group', owners.groups],
    ]);
  });

  it('base: each process understands the flags that it is given', async () => {
    const readers: Readonly<Record<string, typeof readOperatorConfig | typeof readWebhookConfig>> = {
      'writ-operator': readOperatorConfig,
      'writ-webhook': readWebhookConfig,
    };
    const values: Readonly<Record<string, string>> = {
      NAMESPACE: 'writ-system',
      POD_NAME: 'writ-webhook-0',
      TRUST_DIGEST: `sha256:${'0'.repeat(64)}`,
    };
    const deployments = (await built('base')).filter(({ kind }) => kind === 'Deployment');
    assert.equal(deployments.length, 2);
    for (const { metadata, spec } of deployments) {
      const [container] = spec.template.spec.containers;
      const given = (argv: Readonly<Record<string, string>>) =>
        readers[metadata.name]?.(
          container.args.map((argument) => argument.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => argv[name] ?? whole)),
          {},
        );
      const config = given(values);
      assert.equal(config?.kind, 'config', JSON.stringify(config));
      // As shipped the digest is empty: the process must refuse to start and name the flag.
      const shipped = given({
        ...values,
        ...Object.fromEntries(container.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
      });
      assert.match(shipped?.kind === 'error' ? shipped.message : '', /--trust-digest/);
    }
  });

  it('ledger: is accepted, keeps one writer, and both processes understand what it adds', async () => {
    await kubectl(['apply', '--server-side', '--dry-run=server', '--warnings-as-errors', '-k', folder('overlays/ledger')]);
    const all = await built('overlays/ledger');
    const specOf = (name: string): Manifest['spec'] => {
      const found = all.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
      assert.ok(found);
      return found.spec;
    };
    const operator = specOf('writ-operator');
    assert.deepEqual([operator.replicas, operator.strategy?.rollingUpdate.maxSurge], [1, 0]);
    const container = operator.template.spec.containers[0];
    assert.ok(container.ports.some(({ name }) => name === 'usage'));
    const known: Readonly<Record<string, string>> = {
      NAMESPACE: 'writ-system',
      POD_NAME: 'pod-0',
      TRUST_DIGEST: `sha256:${'0'.repeat(64)}`,
    };
    const filled = (text: string): string => text.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => known[name] ?? whole);
    const read = (reader: typeof readOperatorConfig | typeof readWebhookConfig, { args, env }: Container) => {
      const given = env.flatMap(({ name, value }) => (value === undefined || name in known ? [] : [[name, filled(value)]]));
      return reader(args.map(filled), Object.fromEntries(given));
    };
    const told = read(readOperatorConfig, container);
    assert.equal(told.kind, 'config', JSON.stringify(told));
    assert.ok(JSON.stringify(told).includes('writ-usage.writ-system.svc'), 'the certificate carries the name of the service');
    const webhook = read(readWebhookConfig, specOf('writ-webhook').template.spec.containers[0]);
    assert.ok(JSON.stringify(webhook).includes('https://writ-usage.writ-system.svc/v1/events'), JSON.stringify(webhook));
  });

  it('gives each identity what it needs', async () => {
    const answers = await may(allowed);
    assert.deepEqual(allowed.filter((_, index) => answers[index] !== true).map(shown), []);
  });

  it('and nothing more', async () => {
    const answers = await may(refused);
    assert.deepEqual(refused.filter((_, index) => answers[index] !== false).map(shown), []);
  });

  it('lets the webhook write reports and leases of replicas, but no inventory and no other lease', async () => {
    const create = (kind: 'ConfigMap' | 'Lease', name: string, user: string) => {
      const apiVersion = kind === 'Lease' ? 'coordination.k8s.io/v1' : 'v1';
      const input = JSON.stringify({ apiVersion, kind, metadata: { name, namespace: 'writ-system' } });
      return cluster.kubectl(['create', '--dry-run=server', `--as=${user}`, '-f', '-'], { input });
    };
    // The API server takes a new policy into use within seconds.
    let other = await create('ConfigMap', 'other', WEBHOOK);
    for (let tries = 0; other.code === 0 && tries < 200; tries += 1) other = await create('ConfigMap', 'other', WEBHOOK);
    assert.match(other.stderr, /the webhook may write only ConfigMaps and Leases named writ-replica-/);
    assert.notEqual((await create('ConfigMap', 'writ-inventory-a.b', WEBHOOK)).code, 0);
    assert.notEqual((await create('Lease', 'writ-operator', WEBHOOK)).code, 0);
    assert.equal((await create('ConfigMap', 'writ-replica-a', WEBHOOK)).code, 0);
    assert.equal((await create('Lease', 'writ-replica-a', WEBHOOK)).code, 0);
    assert.equal((await create('ConfigMap', 'writ-inventory-a.b', OPERATOR)).code, 0);
  });

  it('lets nobody but the operator write the tenant label of a namespace', async () => {
    const label = 'writ.dev/tenant';
    await kubectl(['create', 'clusterrole', 'namespace-editor', '--verb=*', '--resource=namespaces,namespaces/status,namespaces/finalize']);
    await kubectl(['create', 'clusterrolebinding', 'tenants', '--clusterrole=namespace-editor', '--user=ann']);
    await kubectl(['create', 'clusterrolebinding', 'admins', '--clusterrole=cluster-admin', '--user=root']);
    const as = (user: string, args: readonly string[], input?: string) =>
      cluster.kubectl([...args, `--as=${user}`], input === undefined ? {} : { input });
    const namespace = (name: string, labels?: Readonly<Record<string, string>>): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    const create = (user: string, text: string) => as(user, ['create', '-f', '-'], text);
    const patch = (user: string, value: string | null, more: readonly string[] = []) =>
      as(user, ['patch', 'namespace', 'team', '--type=merge', '-p', JSON.stringify({ metadata: { labels: { [label]: value } } }), ...more]);
    const refused = (answer: { readonly code: number; readonly stderr: string }, what: string): void => {
      assert.notEqual(answer.code, 0, what);
      assert.match(answer.stderr, /writ-tenant-label.*the label writ\.dev\/tenant is written by the operator of Writ alone/, what);
    };
    assert.equal((await create(OPERATOR, namespace('team', { [label]: 'acme' }))).code, 0);
    // The API server takes a new policy into use within seconds.
    const dry = ['--dry-run=server'];
    for (let tries = 0; (await patch('ann', null, dry)).code === 0 && tries < 200; tries += 1);

    for (const user of ['ann', 'root']) {
      for (const value of [null, 'rival', '']) {
        refused(await patch(user, value), `${user}: ${value}`);
        refused(await patch(user, value, ['--subresource=status']), `${user}: status, ${value}`);
      }
      refused(await create(user, namespace('own', { [label]: 'acme' })), `${user}: a new namespace`);
      refused(await create(user, namespace('own', { [label]: '' })), `${user}: an empty label`);
      refused(await as(user, ['replace', '-f', '-'], namespace('team')), `${user}: labels left out`);
    }
    const finalized = JSON.stringify({ ...JSON.parse(namespace('team')), spec: { finalizers: ['kubernetes'] } });
    refused(await as('ann', ['replace', '--raw', '/api/v1/namespaces/team/finalize', '-f', '-'], finalized), 'finalize');

    for (const args of [['other=1'], [`${label}=acme`, '--overwrite'], ['other-']])
      assert.equal((await as('ann', ['label', 'namespace', 'team', ...args])).code, 0, args.join(' '));
    assert.equal((await create('ann', namespace('plain'))).code, 0);
    assert.equal((await as('ann', ['label', 'namespace', 'plain', 'other=1'])).code, 0);
    for (const value of ['rival', null, 'acme']) assert.equal((await patch(OPERATOR, value)).code, 0, `operator: ${value}`);
    // The root of a cluster, which could remove the policy first.
    assert.equal((await patch('root', null, ['--as-group=system:masters'])).code, 0);
  });

  it('lets whoever holds view see GitSources of their namespace', async () => {
    await kubectl(['create', 'rolebinding', 'viewers', '--clusterrole=writ-viewer', '--user=ann', '-n', 'default']);
    const [sees, writes] = await may([
      { user: 'ann', verb: 'list', group: 'writ.dev', resource: 'gitsources', namespace: 'default' },
      { user: 'ann', verb: 'create', group: 'writ.dev', resource: 'gitsources', namespace: 'default' },
    ]);
    assert.deepEqual([sees, writes], [true, false]);
  });

  it('lets nobody but the operator write an inventory', async () => {
    await kubectl(['create', 'role', 'editor', '--verb=*', '--resource=configmaps', '-n', 'writ-system']);
    await kubectl(['create', 'rolebinding', 'editors', '--role=editor', '--user=bob', '-n', 'writ-system']);
    const run = (user: string, args: readonly string[], input?: object) =>
      cluster.kubectl([...args, '-n', 'writ-system', `--as=${user}`], input === undefined ? {} : { input: JSON.stringify(input) });
    const configMap = (metadata: object, data: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
    const inventory = (value: string) => configMap({ name: 'writ-inventory-a.b' }, { value });
    const create = ['create', '-f', '-'];
    const replace = ['replace', '-f', '-'];
    const remove = ['delete', 'configmap', 'writ-inventory-a.b'];
    const collection = ['delete', '--raw', '/api/v1/namespaces/writ-system/configmaps'];
    const refused = (answer: { readonly code: number; readonly stderr: string }, what: string): void => {
      assert.notEqual(answer.code, 0, what);
      assert.match(answer.stderr, /inventories and marks are written by the operator of Writ alone/, what);
    };
    for (let tries = 0; (await run('bob', [...create, '--dry-run=server'], inventory('1'))).code === 0 && tries < 200; tries += 1);

    refused(await run('bob', create, inventory('1')), 'create');
    refused(await run('bob', create, configMap({ generateName: 'writ-inventory-' })), 'a generated name');
    assert.equal((await run(OPERATOR, create, inventory('1'))).code, 0);
    refused(await run('bob', replace, inventory('2')), 'update');
    refused(await run('bob', ['label', 'configmap', 'writ-inventory-a.b', 'writ.dev/inventory=false']), 'a label');
    refused(await run('bob', remove), 'delete');
    refused(await run('bob', collection), 'delete the collection');
    assert.equal((await run(OPERATOR, replace, inventory('3'))).code, 0);
    assert.equal((await run('bob', create, configMap({ name: 'notes' }))).code, 0);
    assert.equal((await run('bob', ['delete', 'configmap', 'notes'])).code, 0);
    assert.equal((await run(OPERATOR, remove)).code, 0);
    assert.equal((await run('bob', [...create, '--as-group=system:masters'], inventory('4'))).code, 0);
    // A namespace that goes takes its inventories along. Without a controller it stays, and nothing can be made in it: so last.
    await kubectl(['delete', 'namespace', 'writ-system', '--wait=false']);
    const gone = async () => (await run('bob', [...remove, '--dry-run=server'])).code === 0;
    for (let tries = 0; !(await gone()) && tries < 200; tries += 1);
    assert.equal((await run('bob', collection)).code, 0);
  });
});
