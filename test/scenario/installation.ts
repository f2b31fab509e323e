// SPDX-License-Identifier: Apache-2.0
/**
 * Writ installed on a real API server: what the demo shows, scenarios prove and benchmarks measure, started one way.
 *
 * In: options. Out: a control plane with Writ's manifests applied, a signed policy repository behind a Git server with TLS
 * and basic auth, a GitSource that follows it with a push receiver, operator and webhook as processes with the permissions
 * of their service accounts. Everything lies in one temporary folder and ends with `stop()`.
 */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SYSTEM_NAMESPACE } from '../../crds/kinds.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import { systemClock } from '../../process/clock.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import type { ControlPlaneOptions } from '../cluster/control-plane.ts';
import type { ControlPlane } from '../cluster/control-plane-handle.ts';
import { temporaryFolder } from '../cluster/temporary-folder.ts';
import { createRepository } from '../git/repository.ts';
import type { Content, Repository } from '../git/repository.ts';
import { startGitServer } from '../git/server.ts';
import type { GitServer } from '../git/server.ts';
import { freePort } from './free-port.ts';
import { createSigner, digestOf, isSealed, sealedFiles, setSeal, trustDocument } from './sealed-repository.ts';
import type { Signer } from './sealed-repository.ts';
import { readSource } from './told.ts';
import { until } from './until.ts';
import { lastLines, startWrit } from './writ-process.ts';
import type { WritProcess } from './writ-process.ts';

export type InstallationOptions = {
  /** Documents of the first commit by path, `policies/NAME.yaml` and so on; sealed as they are committed. */
  readonly documents: Readonly<Record<string, string>>;
  readonly controlPlane?: ControlPlaneOptions;
  /** `trust.yaml`, which names the key that seals what is committed; by default it names no other. */
  readonly trust?: (signer: Signer) => string;
  /** How often the remote is looked at without a push. */
  readonly interval?: string;
  readonly onStep?: (step: string) => void;
  /** Flags beside those that every installation has. */
  readonly operatorFlags?: Readonly<Record<string, string>>;
  readonly webhookFlags?: Readonly<Record<string, string>>;
  /** Where the webhook listens, for whoever stands before it; a free port otherwise. */
  readonly webhookPort?: number;
  /** How long the webhook may take to hold the first commit. */
  readonly readyWithinMs?: number;
};

export type WebhookReplica = { readonly id: string; readonly port: number };

export type Installation = {
  readonly plane: ControlPlane;
  /** As the cluster's administrator. */
  readonly client: KubeClient;
  readonly folder: string;
  readonly signer: Signer;
  readonly trust: string;
  readonly trustDigest: string;
  readonly repository: Repository;
  readonly git: GitServer;
  operator: WritProcess;
  webhook: WritProcess;
  readonly webhookUrl: string;
  startOperator(flags?: Readonly<Record<string, string>>): Promise<WritProcess>;
  /** The one at `webhookUrl`, or a further replica on a port of its own. */
  startWebhook(replica?: WebhookReplica): Promise<WritProcess>;
  /**
   * Commits and pushes; policies are sealed unless a value says otherwise, and a policy that goes (`null`) ends by a new set
   * seal. Tells the receiver, as a forge does.
   */
  push(
    documents: Readonly<Record<string, Content>>,
    options?: { readonly sealed?: boolean; readonly notify?: boolean; readonly force?: boolean },
  ): Promise<string>;
  /** Sends the push event to the receiver; the status that it answers. */
  notify(): Promise<number>;
  /** `status.conditions` of a GitSource, Policy or other object of ours. */
  condition(resource: string, name: string, type: string): Promise<{ status: string; reason: string; message: string } | undefined>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE = 'policies';
const GIT_USER = { username: 'writ', password: 'correct-horse-battery' };

export const installWrit = async (options: InstallationOptions): Promise<Installation> => {
  const step = options.onStep ?? (() => undefined);
  const ending: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let end = ending.pop(); end !== undefined; end = ending.pop()) await end();
  };
  try {
    const folder = await temporaryFolder();
    ending.push(() => folder.remove());
    step('starting etcd, kube-apiserver and kube-controller-manager');
    const plane = await startControlPlane({ controllerManager: true, ...options.controlPlane });
    ending.push(() => plane.stop());
    const client = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock: systemClock, userAgent: 'writ-test' });
    ending.push(() => client.close());
    step('applying deploy/overlays/processes: kinds, namespace, service accounts, permissions');
    await must(plane, ['apply', '--server-side', '-k', join(root, 'deploy/overlays/processes')]);
    await must(plane, ['wait', '--for=condition=Established', '--timeout=30s', 'crd', '-l', 'app.kubernetes.io/part-of=writ']);

    step('making a key, a trust policy and a policy repository');
    const signer = createSigner('platform-security');
    const trust = (options.trust ?? ((only) => trustDocument([only])))(signer);
    const trustDigest = digestOf(trust);
    const gitRoot = join(folder.path, 'git');
    await mkdir(gitRoot);
    const repository = await createRepository(gitRoot);
    const git = await startGitServer({ root: gitRoot, tls: true, auth: { kind: 'basic', ...GIT_USER } });
    ending.push(() => git.close());
    await repository.publish({ 'trust.yaml': trust, ...sealedFiles(options.documents, signer) });
    const sets = createSetSealer(options.documents, signer);
    const hookToken = randomBytes(24).toString('hex');
    await must(plane, ['apply', '--server-side', '-f', '-'], sourceManifests({ git, hookToken, interval: options.interval ?? '1m' }));

    const [webhookPort, receiverPort, operatorMetrics, webhookMetrics] = [
      options.webhookPort ?? (await freePort()),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const webhookUrl = `https://127.0.0.1:${webhookPort}/validate`;
    const processFlags = async (account: string): Promise<Readonly<Record<string, string>>> => {
      const { stdout } = await must(plane, ['create', 'token', account, '-n', SYSTEM_NAMESPACE, '--duration=24h']);
      return { kubeconfig: await plane.kubeconfigFor({ token: stdout.trim() }), 'trust-digest': trustDigest };
    };
    const operatorBase = await processFlags('writ-operator');
    const webhookBase = await processFlags('writ-webhook');
    const startOperator = (flags: Readonly<Record<string, string>> = {}): Promise<WritProcess> =>
      startWrit({
        program: 'operator',
        metricsPort: operatorMetrics,
        logFile: join(folder.path, 'operator.log'),
        flags: {
          ...operatorBase,
          'webhook-url': webhookUrl,
          'receiver-address': `127.0.0.1:${receiverPort}`,
          'cache-dir': join(folder.path, 'mirrors'),
          ...options.operatorFlags,
          ...flags,
        },
      });
    const startWebhook = async (replica?: WebhookReplica): Promise<WritProcess> => {
      const suffix = replica === undefined ? '' : `-${replica.id}`;
      return startWrit({
        program: 'webhook',
        metricsPort: replica === undefined ? webhookMetrics : await freePort(),
        logFile: join(folder.path, `webhook${suffix}.log`),
        flags: {
          ...webhookBase,
          address: `127.0.0.1:${replica?.port ?? webhookPort}`,
          'replica-id': replica?.id ?? 'one',
          'decision-log': join(folder.path, `decisions${suffix}.jsonl`),
          receipts: join(folder.path, `receipts${suffix}`),
          'drain-delay': '0',
          ...options.webhookFlags,
        },
      });
    };
    const notify = async (): Promise<number> => {
      const path = await until(async () => (await getStatus(client, SOURCE))?.receiverPath, { what: 'the receiver of the GitSource' });
      const body = JSON.stringify({ ref: 'refs/heads/main' });
      const signature = `sha256=${createHmac('sha256', hookToken).update(body).digest('hex')}`;
      const headers = {
        'content-type': 'application/json',
        'x-github-event': 'push',
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': signature,
      };
      const response = await fetch(`http://127.0.0.1:${receiverPort}${path}`, { method: 'POST', headers, body });
      return response.status;
    };
    step('starting the operator and the webhook with the permissions of their service accounts');
    const operator = await startOperator();
    const webhook = await startWebhook();
    const installation: Installation = {
      plane,
      client,
      folder: folder.path,
      signer,
      trust,
      trustDigest,
      repository,
      git,
      operator,
      webhook,
      webhookUrl,
      startOperator,
      startWebhook,
      notify,
      push: async (documents, { sealed = true, notify: tell = true, force = false } = {}) => {
        const commit = await repository.publish(sealed ? { ...sealNew(documents, signer), ...sets.after(documents) } : documents, {
          force,
        });
        if (tell) await notify();
        return commit;
      },
      condition: async (resource, name, type) => {
        const { stdout } = await plane.kubectl([
          'get',
          resource,
          name,
          '-n',
          SYSTEM_NAMESPACE,
          '-o',
          `jsonpath={.status.conditions[?(@.type=="${type}")]}`,
        ]);
        return stdout === '' ? undefined : JSON.parse(stdout);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
    ending.push(async () => {
      await Promise.all([installation.webhook.stop('SIGTERM', 5000), installation.operator.stop('SIGTERM', 5000)]);
    });
    await operator.ready();
    await webhook.ready(options.readyWithinMs).catch((error: unknown) => explainNotReady(client, operator, error));
    return installation;
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Why the webhook has nothing to enforce is often told elsewhere: by its source, and by who follows that. */
const explainNotReady = async (client: KubeClient, operator: WritProcess, error: unknown): Promise<never> => {
  const source = await readSource(client).catch(() => undefined);
  const conditions = (source?.status?.conditions ?? []).map(
    ({ type, status, reason, message }) => `  ${type}=${status} ${reason}: ${message}`,
  );
  const told = [`GitSource ${SOURCE}:`, ...(conditions.length === 0 ? ['  no conditions yet'] : conditions)].join('\n');
  const said = error instanceof Error ? error.message : String(error);
  throw new Error([said, await lastLines(operator.logFile), told].join('\n'), { cause: error });
};

const must = async (plane: ControlPlane, args: readonly string[], input?: string): Promise<{ readonly stdout: string }> => {
  const result = await plane.kubectl(args, input === undefined ? {} : { input });
  if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${result.stderr}`);
  return result;
};

const sealNew = (documents: Readonly<Record<string, Content>>, signer: Signer): Record<string, Content> =>
  Object.fromEntries(
    Object.entries(documents).flatMap(([path, content]): [string, Content][] => {
      if (typeof content === 'string') return Object.entries(sealedFiles({ [path]: content }, signer));
      return content === null && isSealed(path)
        ? [
            [path, null],
            [`${path}.sigstore.json`, null],
          ]
        : [[path, content]];
    }),
  );

/** What the source holds, so that a set seal can say what it holds no more. */
const createSetSealer = (first: Readonly<Record<string, string>>, signer: Signer) => {
  const held = new Map(Object.entries(first).filter(([path]) => isSealed(path)));
  let sequence = 0;
  return {
    after: (documents: Readonly<Record<string, Content>>): Record<string, string> => {
      const sealed = Object.entries(documents).filter(([path]) => isSealed(path));
      const gone = sealed.filter(([path, content]) => content === null && held.delete(path));
      for (const [path, content] of sealed) if (typeof content === 'string') held.set(path, content);
      if (gone.length === 0) return {};
      sequence += 1;
      return { 'seal.sigstore.json': setSeal(Object.fromEntries(held), { signer, sequence, source: `${SYSTEM_NAMESPACE}/${SOURCE}` }) };
    },
  };
};

const getStatus = async (client: KubeClient, name: string): Promise<{ readonly receiverPath?: string } | undefined> => {
  const object = await client.request<{ readonly status?: { readonly receiverPath?: string } }>({
    method: 'GET',
    path: `/apis/writ.dev/v1alpha1/namespaces/${SYSTEM_NAMESPACE}/gitsources/${name}`,
  });
  return object.status;
};

const sourceManifests = (input: { readonly git: GitServer; readonly hookToken: string; readonly interval: string }): string =>
  [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'git-auth', namespace: SYSTEM_NAMESPACE },
      stringData: { ...GIT_USER, 'ca.crt': input.git.ca ?? '' },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'git-hook', namespace: SYSTEM_NAMESPACE },
      stringData: { token: input.hookToken },
    },
    {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'GitSource',
      metadata: { name: SOURCE, namespace: SYSTEM_NAMESPACE },
      spec: {
        url: `${input.git.url}/policies.git`,
        ref: { branch: 'main' },
        interval: input.interval,
        secretRef: { name: 'git-auth' },
        prune: { maxDeletions: '50%' },
        receiver: { type: 'GitHub', secretRef: { name: 'git-hook' } },
      },
    },
  ]
    .map((manifest) => JSON.stringify(manifest))
    .join('\n---\n');
