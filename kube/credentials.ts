// SPDX-License-Identifier: Apache-2.0
// Where the API server is and who we are there, kept fresh: files (tokens, CA, certificates, the kubeconfig itself) are read
// again every minute, as client-go does for projected tokens, and at once after a 401; programs are run again before
// their credential expires and after a 401. What cannot be read leaves the last good credentials in place.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { KubeConfig, User } from '@kubernetes/client-node';
import type { Clock } from '../process/clock.ts';
import { KubeTransportError } from './errors.ts';
import { createExecPlugin } from './exec-plugin.ts';
import type { ExecPlugin, ExecSpec } from './exec-plugin.ts';
import type { KubeObserver } from './observe.ts';

export type TlsMaterial = {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
};

export type Credentials = {
  /** Scheme, host and port, without a path. */
  readonly origin: string;
  /** Path in front of every call; '' for nearly every cluster. */
  readonly basePath: string;
  readonly proxyUrl: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Equal exactly when the same connections may serve: origin, proxy and TLS material. */
  readonly connectionDigest: string;
};

export type CredentialSource = {
  current(): Promise<Credentials>;
  /** After a 401 to `refused`: the credentials to try instead, or undefined when there are no others. */
  afterRefusal(refused: Credentials): Promise<Credentials | undefined>;
};

type Options = {
  readonly kubeconfigPath?: string;
  readonly context?: string;
  readonly clock: Clock;
  readonly observe?: KubeObserver;
  /** Reads the configuration; another one in tests. */
  readonly load?: () => Promise<KubeConfig>;
};

const REFRESH_MS = 60_000;
// A server that refuses everybody must not make us run programs in a loop.
const REFUSAL_PAUSE_MS = 1_000;
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export const createCredentials = (options: Options): CredentialSource => {
  const { clock, observe } = options;
  const load = options.load ?? (() => loadKubeConfig(options));
  let held: { readonly credentials: Credentials; readonly readAtMs: number } | undefined;
  let plugin: { readonly key: string; readonly run: ExecPlugin } | undefined;
  let refreshing: Promise<Credentials> | undefined;
  let generation = 0;

  const read = async (renew: boolean): Promise<Credentials> => {
    const config = await load();
    const user = config.getCurrentUser();
    const spec = execSpecOf(user);
    if (spec === undefined) return credentialsOf(config);
    const cluster = config.getCurrentCluster();
    const key = JSON.stringify([spec, cluster?.server]);
    if (plugin?.key !== key) {
      const info =
        cluster === null
          ? {}
          : { cluster: { server: cluster.server, ...(cluster.caData === undefined ? {} : { caData: cluster.caData }) } };
      plugin = { key, run: createExecPlugin({ spec, clock, ...info }) };
    }
    const { token, cert, key: privateKey } = await plugin.run.credential(renew);
    const plain = await credentialsOf(withoutExec(config));
    return withDigest({
      ...plain,
      headers: { ...plain.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      tls: { ...plain.tls, ...(cert === undefined ? {} : { cert }), ...(privateKey === undefined ? {} : { key: privateKey }) },
    });
  };

  const refresh = (renew: boolean): Promise<Credentials> => {
    refreshing ??= (async () => {
      try {
        const credentials = await read(renew);
        if (held?.credentials.connectionDigest !== credentials.connectionDigest) observe?.credentials?.({ generation: (generation += 1) });
        held = { credentials, readAtMs: clock.monotonicMs() };
        return credentials;
      } catch (error) {
        if (held === undefined)
          throw error instanceof KubeTransportError
            ? error
            : new KubeTransportError('CREDENTIALS', `the cluster's credentials cannot be read: ${String(error)}`, error);
        observe?.credentials?.({ generation, error });
        held = { credentials: held.credentials, readAtMs: clock.monotonicMs() };
        return held.credentials;
      } finally {
        refreshing = undefined;
      }
    })();
    return refreshing;
  };

  const ageMs = (): number => (held === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() - held.readAtMs);
  return {
    current: () => (held !== undefined && ageMs() < REFRESH_MS ? Promise.resolve(held.credentials) : refresh(false)),
    afterRefusal: async (refused) => {
      const other = (credentials: Credentials): Credentials | undefined => (sameIdentity(credentials, refused) ? undefined : credentials);
      if (held !== undefined && !sameIdentity(held.credentials, refused)) return held.credentials;
      if (ageMs() < REFUSAL_PAUSE_MS) return undefined;
      // A refresh that is under way may have read what was refused.
      await refreshing?.catch(() => undefined);
      return other(await refresh(true));
    },
  };
};

const sameIdentity = (a: Credentials, b: Credentials): boolean =>
  a.connectionDigest === b.connectionDigest && a.headers['authorization'] === b.headers['authorization'];

const loadKubeConfig = async (options: Options): Promise<KubeConfig> => {
  // The package's entry loads thousands of generated models; only a process that really talks to a cluster pays for it.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (options.kubeconfigPath !== undefined) config.loadFromFile(options.kubeconfigPath);
  else if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined && existsSync(SERVICE_ACCOUNT_TOKEN)) config.loadFromCluster();
  else config.loadFromDefault();
  if (options.context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(options.context)) {
      const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
      throw new KubeTransportError('CREDENTIALS', `no cluster to talk to: the kubeconfig has no context ${options.context}; ${known}`);
    }
    config.setCurrentContext(options.context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null || cluster.server === 'http://localhost:8080') {
    const where =
      options.kubeconfigPath === undefined
        ? 'no kubeconfig was found (flag, KUBECONFIG, ~/.kube/config) and this is no pod'
        : `${options.kubeconfigPath} has no usable context`;
    throw new KubeTransportError('CREDENTIALS', `no cluster to talk to: ${where}`);
  }
  return config;
};

const execSpecOf = (user: User | null): ExecSpec | undefined => {
  const spec = user?.exec as ExecSpec | null | undefined;
  return typeof spec?.command === 'string' ? spec : undefined;
};

const withoutExec = (config: KubeConfig): KubeConfig => {
  const user = config.getCurrentUser();
  const Config = config.constructor as new () => KubeConfig;
  const copy = new Config();
  const { exec: _, ...rest } = user ?? { name: 'none' };
  const cluster = config.getCurrentCluster();
  if (cluster !== null) copy.loadFromClusterAndUser(cluster, rest);
  return copy;
};

type HttpsMaterial = TlsMaterial & { headers: Record<string, string>; auth?: string };

const credentialsOf = async (config: KubeConfig): Promise<Credentials> => {
  const material: HttpsMaterial = { headers: {} };
  await config.applyToHTTPSOptions(material);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new KubeTransportError('CREDENTIALS', 'the kubeconfig names no cluster');
  if (cluster.proxyUrl?.startsWith('socks') === true)
    throw new KubeTransportError('CREDENTIALS', 'a SOCKS proxy to the API server is not supported');
  const url = new URL(cluster.server);
  const headers: Record<string, string> = {};
  // Token files end with a newline more often than not, and a header must not.
  for (const [name, value] of Object.entries(material.headers)) headers[name.toLowerCase()] = value.trim();
  if (material.auth !== undefined) headers['authorization'] = `Basic ${Buffer.from(material.auth).toString('base64')}`;
  const { ca, cert, key, servername, rejectUnauthorized } = material;
  return withDigest({
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    proxyUrl: cluster.proxyUrl,
    headers,
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    },
  });
};

const withDigest = (parts: Omit<Credentials, 'connectionDigest'>): Credentials => {
  const hash = createHash('sha256');
  const { ca, cert, key, servername, rejectUnauthorized } = parts.tls;
  for (const part of [parts.origin, parts.proxyUrl, ca, cert, key, servername, String(rejectUnauthorized)]) {
    const bytes = Buffer.from(part ?? '');
    hash.update(`${part === undefined ? '-' : bytes.length}:`).update(bytes);
  }
  return { ...parts, connectionDigest: hash.digest('hex') };
};
