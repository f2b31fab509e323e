// SPDX-License-Identifier: Apache-2.0
// The processes of one control plane: how each is started, when it is ready, and how the API server comes back on the
// port it had.
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { sleep, systemClock } from '../../process/clock.ts';
import type { Programs } from './programs.ts';
import { startTethered, type TetheredProcess } from './tethered-process.ts';

type Settings = {
  readonly folder: string;
  readonly logFolder: string;
  readonly programs: Programs;
  readonly caPem: string;
  readonly token: string;
  readonly controllerManager: boolean;
  readonly apiServerArguments: readonly string[];
  /** Called with the API server's URL once that is settled, before the controller manager starts. */
  readonly onAddress: (url: string) => Promise<void>;
};

export type Processes = {
  /** Resolves with the URL when all answer. */
  readonly ready: Promise<string>;
  stopApiServer(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  readonly startApiServer: () => Promise<void>;
  stop(): Promise<void>;
  readonly killNow: () => void;
};

const READY_WITHIN_MS = 120_000;
const POLL_EVERY_MS = 40;
const PORT_ATTEMPTS = 5;

// Below the range from which kernels take the local ports of outgoing connections: while the API server is down for a
// restart, nothing but another server that chooses at random can take its port.
const [LOWEST_PORT, HIGHEST_PORT] = [18_000, 30_000];

const canBind = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

const choosePort = async (): Promise<number> => {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await canBind(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
};

const lastLines = async (logFile: string, count = 25): Promise<string> => {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  return log.trimEnd().split('\n').slice(-count).join('\n');
};

const socketAnswers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket.destroy() !== undefined));
    socket.once('error', () => resolve(false));
  });

class PortTaken extends Error {}

/** Polls until `answers`; a process that ends first, or takes too long, is an error that shows its last log lines. */
const waitUntil = async (what: {
  readonly name: string;
  readonly child: TetheredProcess;
  readonly logFile: string;
  readonly answers: () => Promise<boolean>;
}): Promise<void> => {
  const deadlineMs = systemClock.monotonicMs() + READY_WITHIN_MS;
  for (;;) {
    if (await what.answers()) return;
    const late = systemClock.monotonicMs() > deadlineMs;
    if (what.child.running && !late) {
      await sleep(systemClock, POLL_EVERY_MS);
      continue;
    }
    const reason = what.child.running ? `did not become ready within ${READY_WITHIN_MS / 1000} s` : `ended: ${await what.child.exited}`;
    const log = await lastLines(what.logFile);
    const message = `${what.name} ${reason}; the last lines of its log:\n${log}`;
    throw /address already in use/.test(log) ? new PortTaken(message) : new Error(message);
  }
};

export const startProcesses = (settings: Settings): Processes => {
  const { folder, logFolder, programs } = settings;
  const file = (name: string): string => join(folder, name);
  const started = new Map<string, TetheredProcess>();
  let port = 0;
  let stopping = false;

  const launch = async (
    name: 'etcd' | 'kube-apiserver' | 'kube-controller-manager',
    args: readonly string[],
    answers: () => Promise<boolean>,
  ) => {
    if (stopping) throw new Error(`${name} is not started: the control plane is being stopped`);
    const logFile = join(logFolder, `${name}.log`);
    const child = await startTethered({ command: [...programs.commandOf(name), ...args], logFile, cwd: folder });
    started.set(name, child);
    await waitUntil({ name, child, logFile, answers });
  };

  const found = (path: string): Promise<boolean> =>
    new Promise((resolve) => {
      const headers = { authorization: `Bearer ${settings.token}` };
      const ask = request({ host: '127.0.0.1', port, path, ca: settings.caPem, agent: false, headers, timeout: 5000 }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      ask.once('timeout', () => ask.destroy());
      ask.once('error', () => resolve(false));
      ask.end();
    });

  const etcdSocket = file('etcd.sock');
  // A Unix socket needs no port and lets nobody else in. The address to advertise must be a host and port although
  // nothing ever uses it (https://github.com/etcd-io/etcd/pull/12469); peers there are none.
  const startEtcd = (): Promise<void> =>
    launch(
      'etcd',
      [
        `--data-dir=${file('etcd')}`,
        `--listen-client-urls=unix://${etcdSocket}`,
        '--advertise-client-urls=http://127.0.0.1:0',
        '--listen-peer-urls=http://127.0.0.1:0',
        '--unsafe-no-fsync',
        '--log-level=warn',
      ],
      () => socketAnswers(etcdSocket),
    );

  const startApiServer = (): Promise<void> =>
    launch(
      'kube-apiserver',
      [
        `--etcd-servers=unix://${etcdSocket}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${port}`,
        `--tls-cert-file=${file('tls.crt')}`,
        `--tls-private-key-file=${file('tls.key')}`,
        `--client-ca-file=${file('ca.crt')}`,
        `--token-auth-file=${file('tokens.csv')}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-key-file=${file('service-account.key')}`,
        `--service-account-signing-key-file=${file('service-account.key')}`,
        '--authorization-mode=RBAC',
        '--service-cluster-ip-range=10.0.0.0/24',
        '--shutdown-watch-termination-grace-period=1s', // else one open watch holds a shutdown up for a minute
        '--allow-privileged=true', // a policy must be what refuses a privileged pod
        '--endpoint-reconciler-type=none', // a loopback address is no endpoint, and it would log that for ever
        ...(settings.controllerManager ? [] : ['--disable-admission-plugins=ServiceAccount']),
        ...settings.apiServerArguments,
      ],
      // /readyz says nothing of the namespaces that a hook creates after the start.
      async () => (await found('/readyz')) && found('/api/v1/namespaces/default'),
    );

  const startControllerManager = (): Promise<void> =>
    launch(
      'kube-controller-manager',
      [
        `--kubeconfig=${file('kubeconfig')}`,
        '--leader-elect=false',
        '--secure-port=0',
        `--service-account-private-key-file=${file('service-account.key')}`,
        `--root-ca-file=${file('ca.crt')}`,
      ],
      // The admission of service accounts refuses every pod until this one is there.
      () => found('/api/v1/namespaces/default/serviceaccounts/default'),
    );

  const startOnFreePort = async (): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      port = await choosePort();
      try {
        return await startApiServer();
      } catch (error) {
        if (!(error instanceof PortTaken) || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  };

  const startAll = async (): Promise<string> => {
    await startEtcd();
    await startOnFreePort();
    const url = `https://127.0.0.1:${port}`;
    await settings.onAddress(url);
    if (settings.controllerManager) await startControllerManager();
    return url;
  };

  return {
    ready: startAll(),
    startApiServer: async () => {
      if (started.get('kube-apiserver')?.running !== true) await startApiServer();
    },
    stopApiServer: async (signal) => started.get('kube-apiserver')?.stop(signal),
    stop: async () => {
      stopping = true;
      // What they hold is thrown away, so they need not part in peace.
      await Promise.all([...started.values()].map((child) => child.stop('SIGKILL')));
    },
    killNow: () => {
      for (const child of started.values()) child.killNow();
    },
  };
};
