// SPDX-License-Identifier: Apache-2.0
// The chapter of two tenants: each gets a home from a few lines of YAML, and what one of them tries neither reaches nor starves the other. People
// are impersonated, so that they have the rights of a tenant's owner and no more.
import { pods, tenants } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { systemClock } from '../../process/clock.ts';
import { until } from '../../test/scenario/until.ts';
import { expect } from './answer.ts';
import type { Answer } from './answer.ts';
import { kubectlAs } from './scene.ts';
import type { Scene } from './scene.ts';

const GPUS = 2;
const CREATE = ['create', '-f', '-'];

const tenant = (name: string): string => `apiVersion: writ.dev/v1alpha1
kind: Tenant
metadata:
  name: ${name}
spec:
  owners: [{kind: User, name: ${name}-owner}]
  namespaces: {items: [{name: ${name}-prod}, {name: ${name}-test}]}
  podSecurity: {enforce: restricted}
  resourceQuotas: [{name: gpus, scope: Tenant, hard: {requests.nvidia.com/gpu: "${GPUS}"}}]
  network: {defaultDeny: [Ingress, Egress], dns: ClusterDNS, tenantPolicies: Bounded}
  images: {registries: [{prefix: registry.example.com/${name}/}], digestPolicy: Required}
  slo:
    objectives:
    - {name: availability, target: "99.9"}
    - {name: admission-latency, target: "99", threshold: 250ms}
    - {name: policy-evaluation, target: "99"}
`;

const pod = (options: { readonly owner: string; readonly namespace: string; readonly name: string; readonly gpus?: number }): unknown => {
  const amounts = { memory: '64Mi', ...(options.gpus === undefined ? {} : { 'nvidia.com/gpu': String(options.gpus) }) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: options.name, namespace: options.namespace, labels: { 'writ.dev/agent': 'true' } },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'agent',
          image: `registry.example.com/${options.owner}/agent@sha256:${'4bf5122f'.repeat(8)}`,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          resources: { requests: amounts, limits: amounts },
        },
      ],
    },
  };
};

const openPolicy = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'open', namespace: 'red-prod' },
  spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{}] },
};

export const showTwoTenants = async (scene: Scene): Promise<void> => {
  const { stage } = scene;
  stage.chapter(
    'Two tenants share the cluster',
    'Each is a few lines of YAML; Writ makes namespaces, roles, quotas, network policies and pod security of it.',
  );
  await makeBoth(scene);
  await tryToTouch(scene);
  await tryToStarve(scene);
};

type Told = KubeObject & { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } };

const makeBoth = async ({ writ, stage }: Scene): Promise<void> => {
  stage.commands(tenant('red').trimEnd());
  for (const name of ['red', 'blue']) {
    stage.does(`kubectl apply -f ${name}.yaml`);
    const applied = await writ.plane.kubectl(['apply', '--server-side', '-f', '-'], { input: tenant(name) });
    const appliedMs = systemClock.monotonicMs();
    expect(applied.code === 0, `tenant ${name} should be accepted`, { text: applied.stderr, allowed: false, durationMs: 0 });
    await until(
      async () =>
        (await writ.client.get<Told>(tenants, { name }))?.status?.conditions?.some(
          ({ type, status }) => type === 'Ready' && status === 'True',
        ) === true,
      { what: `tenant ${name} to be ready`, everyMs: 10 },
    );
    stage.answers(`tenant ${name} is Ready`, systemClock.monotonicMs() - appliedMs);
  }
  stage.does('kubectl get wt; kubectl get rolebindings,resourcequotas,networkpolicies -n red-prod -o name');
  stage.table((await writ.plane.kubectl(['get', 'wt'])).stdout);
  stage.table((await writ.plane.kubectl(['get', 'rolebindings,resourcequotas,networkpolicies', '-n', 'red-prod', '-o', 'name'])).stdout);
};

const tryToTouch = async (scene: Scene): Promise<void> => {
  const owner = 'red-owner';
  scene.stage.note('\nThe owner of red works in red, and looks around.');
  const works = await kubectlAs(scene, owner, CREATE, {
    what: "a Pod in red-prod, of red's image",
    object: pod({ owner: 'red', namespace: 'red-prod', name: 'worker' }),
  });
  expect(works.allowed, "red's pod should be accepted", works);
  const reads = await kubectlAs(scene, owner, ['get', 'secrets,pods', '-n', 'blue-prod']);
  expect(!reads.allowed && /forbidden/.test(reads.text), 'red should see nothing of blue', reads);
  const borrows = await kubectlAs(scene, owner, CREATE, {
    what: "a Pod in red-prod, of blue's image",
    object: pod({ owner: 'blue', namespace: 'red-prod', name: 'borrower' }),
  });
  expect(!borrows.allowed && /registry\.example\.com\/blue/.test(borrows.text), "blue's image should not run in red", borrows);
  const opens = await kubectlAs(scene, owner, CREATE, { what: 'a NetworkPolicy that lets everything out', object: openPolicy });
  expect(!opens.allowed && /spec\.egress/.test(opens.text), 'a policy that opens the network should be refused', opens);
  const frees = await kubectlAs(scene, owner, ['delete', 'networkpolicies', '-n', 'red-prod', '-l', 'app.kubernetes.io/managed-by=writ']);
  expect(!frees.allowed, "Writ's network policies should stay", frees);
};

const tryToStarve = async (scene: Scene): Promise<void> => {
  scene.stage.note(`\nBoth may use ${GPUS} GPUs, all namespaces together. The owner of red wants more.`);
  const ask = (side: string, namespace: string, name: string): Promise<Answer> =>
    kubectlAs(scene, `${side}-owner`, CREATE, {
      what: `a Pod in ${namespace} with one GPU`,
      object: pod({ owner: side, namespace, name, gpus: 1 }),
    });
  const first = await ask('red', 'red-prod', 'gpu-1');
  expect(first.allowed, 'the first GPU of red should be there', first);
  const second = await ask('red', 'red-test', 'gpu-2');
  expect(second.allowed, 'the second GPU of red should be there', second);
  const third = await ask('red', 'red-test', 'gpu-3');
  expect(!third.allowed && /QUOTA/.test(third.text), 'the third GPU of red should be refused', third);
  const other = await ask('blue', 'blue-prod', 'gpu-1');
  expect(other.allowed, "blue's GPU should be there", other);
  scene.stage.note(
    '\nNo node runs here, so nothing would ever start. In the place of a kubelet the demo says that one agent of each runs from now on.',
  );
  await startsToRun(scene, 'red-prod', 'worker');
  await startsToRun(scene, 'blue-prod', 'gpu-1');
};

const startsToRun = async ({ writ }: Scene, namespace: string, name: string): Promise<void> => {
  const startedAt = new Date(systemClock.now()).toISOString().replace(/\.\d+Z/, 'Z');
  const container = { name: 'agent', image: 'agent', imageID: '', ready: true, restartCount: 0, state: { running: { startedAt } } };
  const status = { phase: 'Running', startTime: startedAt, containerStatuses: [container] };
  await writ.client.patch(pods, { namespace, name }, { type: 'merge', subresource: 'status', body: { status } });
};
