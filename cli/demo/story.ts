// SPDX-License-Identifier: Apache-2.0
/**
 * The demo: from a signed push to a verdict, and from there to an invoice and a proof, on a real kube-apiserver.
 *
 * In: a terminal. Out: what happened, told step by step; a step that does not come out as told fails the demo with exit
 * code 1. A signal ends it at any moment, and nothing of it stays. The installation is the one that scenarios and benchmarks use.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pods } from '../../crds/kinds.ts';
import { KubeApiError } from '../../kube/errors.ts';
import { sleep, systemClock } from '../../process/clock.ts';
import { installWrit } from '../../test/scenario/installation.ts';
import { until } from '../../test/scenario/until.ts';
import type { Terminal } from '../output.ts';
import { showProof } from './audit-proof.ts';
import { expect } from './answer.ts';
import type { Answer } from './answer.ts';
import { clearAwayAtExit, endAtSignals } from './clear-away.ts';
import { agentDeployment, podIn } from './objects.ts';
import type { Pod } from './objects.ts';
import { inviteToPlay, layOut } from './play.ts';
import { prepareMetering } from './metering.ts';
import type { Scene } from './scene.ts';
import { createStage } from './stage.ts';
import { showTwoTenants } from './two-tenants.ts';
import { showCost } from './what-it-cost.ts';

const examples = fileURLToPath(new URL('../../deploy/examples/', import.meta.url));
const example = (path: string): string => readFileSync(`${examples}${path}`, 'utf8');
const exampleDocuments = (): Record<string, string> => ({
  ...Object.fromEntries(
    globSync('{policies,tenants}/*.yaml', { cwd: examples })
      .filter((path) => !path.endsWith('.cases.yaml'))
      .map((path) => [path, example(path)]),
  ),
  'prices/standard.yaml': example('prices.yaml'),
});

const NAMESPACE = 'acme-prod';
const PINNED = 'registry.example.com/agents/researcher@sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a';

const PROBE_EVERY_MS = 5;

export const tellStory = async ({ terminal, once }: { readonly terminal: Terminal; readonly once: boolean }): Promise<void> => {
  const stage = createStage(terminal);
  let playing = false;
  endAtSignals((usual) => {
    terminal.err(playing ? '\nremoving everything\n' : '\ninterrupted; removing everything\n');
    return playing ? 0 : usual;
  });
  const folder = await clearAwayAtExit();
  stage.chapter(
    'Install',
    'etcd, kube-apiserver and kube-controller-manager are the real ones. Operator and webhook are processes of their own, with the permissions of their service accounts and no more.',
  );
  const documents = exampleDocuments();
  let lastMs = systemClock.monotonicMs();
  const lap = (): number => -lastMs + (lastMs = systemClock.monotonicMs());
  const metering = await prepareMetering(folder);
  const { operatorFlags, webhookFlags } = metering;
  await using writ = await installWrit({ documents, operatorFlags, webhookFlags, onStep: (step) => stage.does(step) });
  stage.answers('operator and webhook are ready', lap());
  await metering.start(writ);
  const scene: Scene = { writ, stage, folder, metering, documents };
  await showState(scene);
  await refuseAndMend(scene);
  await pushAPolicy(scene);
  await refuseForgeries(scene);
  await leaveOthersAlone(scene);
  await showDecisions(scene);
  await loseTheWebhook(scene);
  await showTwoTenants(scene);
  const desk = await layOut(writ, folder);
  await showCost(scene);
  await showProof(scene);
  if (once) {
    stage.note('\nDone.');
    return;
  }
  inviteToPlay(scene, desk);
  playing = true;
  // The Git server keeps the process; a signal ends it.
  await new Promise<never>(() => undefined);
};

const create = async ({ writ }: Scene, object: unknown, args: readonly string[] = []): Promise<Answer> => {
  const startedMs = systemClock.monotonicMs();
  const { stdout, stderr, code } = await writ.plane.kubectl(['create', '-f', '-', ...args], { input: JSON.stringify(object) });
  return { text: `${stderr}${stdout}`.trim(), allowed: code === 0, durationMs: systemClock.monotonicMs() - startedMs };
};

/** A dry run in this process: a kubectl would take longer to start than the operator takes to enforce. */
const tryPod = async ({ writ }: Scene, object: Pod): Promise<Answer> => {
  const startedMs = systemClock.monotonicMs();
  const answered = (text: string, allowed: boolean): Answer => ({ text, allowed, durationMs: systemClock.monotonicMs() - startedMs });
  try {
    await writ.client.create(pods, object, { dryRun: true });
    return answered('created (dry run)', true);
  } catch (error) {
    if (error instanceof KubeApiError) return answered(error.message, false);
    throw error;
  }
};

const showState = async ({ writ, stage }: Scene): Promise<void> => {
  await until(async () => (await writ.condition('policies', 'images-pinned', 'Ready'))?.status === 'True', {
    what: 'the policies to be enforced',
  });
  stage.does('kubectl get writ -A');
  const { stdout } = await writ.plane.kubectl(['get', 'writ', '-A']);
  stage.table(stdout);
};

const refuseAndMend = async (scene: Scene): Promise<void> => {
  const { stage } = scene;
  stage.chapter(
    'An agent is refused, and mended',
    'Its image is named by a tag, and one container is privileged. The answer says what to do.',
  );
  stage.does(`kubectl create -n ${NAMESPACE} -f researcher.yaml     (a Deployment)`);
  const refused = await create(
    scene,
    agentDeployment({ namespace: NAMESPACE, image: 'registry.example.com/agents/researcher:latest', privileged: true }),
  );
  stage.answers(refused.text, refused.durationMs);
  expect(
    !refused.allowed && refused.text.includes('images-pinned') && refused.text.includes('not-privileged'),
    'the agent should be refused',
    refused,
  );
  stage.does('the same with a digest, without privileges');
  const mended = await create(scene, agentDeployment({ namespace: NAMESPACE, image: PINNED, privileged: false }));
  stage.answers(mended.text, mended.durationMs);
  expect(mended.allowed, 'the mended agent should be accepted', mended);
};

const pushAPolicy = async (scene: Scene): Promise<void> => {
  const { writ, stage, documents } = scene;
  stage.chapter(
    'A policy change is pushed',
    'limits-set has only warned so far. Version 2 denies. It is sealed, pushed, fetched, verified, applied, and enforced as one commit.',
  );
  const changed = (documents['policies/limits-set.yaml'] ?? '')
    .replace('version: 1', 'version: 2')
    .replace('enforcement: Warn', 'enforcement: Deny');
  documents['policies/limits-set.yaml'] = changed;
  const unbounded = podIn({ namespace: NAMESPACE, name: 'unbounded', image: PINNED, limits: false });
  stage.does('writ sign policies/limits-set.yaml && git commit && git push');
  await writ.push({ 'policies/limits-set.yaml': changed }, { notify: false });
  const pushedMs = systemClock.monotonicMs();
  await writ.notify();
  let answer = await tryPod(scene, unbounded);
  while (answer.allowed && systemClock.monotonicMs() - pushedMs < 30_000) {
    await sleep(systemClock, PROBE_EVERY_MS);
    answer = await tryPod(scene, unbounded);
  }
  const enforcedMs = systemClock.monotonicMs() - pushedMs;
  stage.answers(answer.text);
  expect(!answer.allowed && answer.text.includes('limits-set'), 'the new version should be enforced', answer);
  stage.answers(
    'from the end of git push to the first refusal; the pod was tried at the API server, as a dry run, every few milliseconds',
    enforcedMs,
  );
};

const refuseForgeries = async (scene: Scene): Promise<void> => {
  const { writ, stage, documents } = scene;
  stage.chapter(
    'Forgeries are refused, what stands stays',
    'Someone with write access to the repository loosens a policy, but has no key. Someone else applies a policy without any seal.',
  );
  const path = 'policies/images-pinned.yaml';
  const original = documents[path] ?? '';
  stage.does('git push: images-pinned.yaml now says enforcement: Audit, its seal is the old one');
  await writ.push({ [path]: original.replace('enforcement: Deny', 'enforcement: Audit') }, { sealed: false });
  const startedMs = systemClock.monotonicMs();
  const told = await until(
    async () => {
      const ready = await writ.condition('gitsources', 'policies', 'Ready');
      return ready?.status === 'False' ? ready : undefined;
    },
    { what: 'the commit to be refused' },
  );
  stage.answers(`GitSource policies: Ready=False ${told.message}`, systemClock.monotonicMs() - startedMs);
  stage.does('kubectl apply -f loose.yaml     (a Policy without a signature)');
  const loose = await create(scene, {
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Policy',
    metadata: { name: 'loose' },
    spec: {
      version: 1,
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] },
      validations: [{ expression: 'true' }],
    },
  });
  stage.answers(loose.text, loose.durationMs);
  expect(!loose.allowed && loose.text.includes('POLICY_UNSIGNED'), 'a policy without a seal should be refused', loose);
  stage.does('the first agent once more');
  const still = await create(
    scene,
    podIn({ namespace: NAMESPACE, name: 'tagged', image: 'registry.example.com/agents/researcher:latest', limits: true }),
  );
  stage.answers(still.text, still.durationMs);
  expect(!still.allowed && still.text.includes('images-pinned'), 'the sealed policy should still be enforced', still);
  await writ.push({ [path]: original });
};

const leaveOthersAlone = async (scene: Scene): Promise<void> => {
  const { stage } = scene;
  stage.chapter('Other namespaces are left alone', 'Only namespaces that belong to a tenant are governed.');
  stage.does('the same Pod in the namespace default');
  const elsewhere = await create(
    scene,
    podIn({ namespace: 'default', name: 'tagged', image: 'registry.example.com/agents/researcher:latest', limits: false }),
  );
  stage.answers(elsewhere.text, elsewhere.durationMs);
  expect(elsewhere.allowed, 'a pod outside of tenants should be accepted', elsewhere);
};

const loseTheWebhook = async (scene: Scene): Promise<void> => {
  const { writ, stage } = scene;
  stage.chapter('The webhook is killed', 'Tenants close, because nothing may enter unjudged. The rest of the cluster works on.');
  const good = podIn({ namespace: NAMESPACE, name: 'good', image: PINNED, limits: true });
  stage.does('kill -9 the webhook; a good Pod in acme-prod, then a Pod in default');
  await writ.webhook.stop('SIGKILL');
  const closed = await create(scene, good);
  stage.answers(closed.text, closed.durationMs);
  expect(!closed.allowed, 'a tenant should be closed without the webhook', closed);
  const open = await create(scene, podIn({ namespace: 'default', name: 'open', image: 'busybox', limits: false }));
  stage.answers(open.text, open.durationMs);
  expect(open.allowed, 'the rest of the cluster should work', open);
  stage.does('start it again');
  const startedMs = systemClock.monotonicMs();
  writ.webhook = await writ.startWebhook();
  await writ.webhook.ready();
  stage.answers('ready: every policy fetched, verified and compiled', systemClock.monotonicMs() - startedMs);
  const back = await create(scene, good);
  stage.answers(back.text, back.durationMs);
  expect(back.allowed, 'a good pod should be accepted again', back);
};

const showDecisions = async ({ writ, stage }: Scene): Promise<void> => {
  stage.chapter(
    'Everything is counted',
    'writ_decisions_total has every decision by tenant and verdict, dry runs apart; writ_policy_decisions_total those in which a policy spoke, by policy. Counts are those of one webhook process and begin anew with it. Each decision also has a record.',
  );
  stage.does(`curl ${writ.webhook.endpoint}/metrics | grep decisions_total`);
  const lines = (await writ.webhook.metrics()).split('\n').filter((line) => /^writ_(?:policy_)?decisions_total\{/.test(line));
  stage.table(lines.join('\n'));
};
