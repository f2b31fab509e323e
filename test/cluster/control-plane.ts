// SPDX-License-Identifier: Apache-2.0
/**
 * A real control plane for tests, demo and benchmarks: etcd and kube-apiserver, on request kube-controller-manager, as
 * processes of this machine.
 *
 * In: nothing; by the environment a cluster that the user names on purpose (WRIT_KUBECONFIG), or binaries
 * (KUBEBUILDER_ASSETS), else the program that control-plane/ builds.
 * Out: a kubeconfig, kubectl, users of any name, stop and restart of the API server.
 *
 * Every control plane lives in a folder of its own and on a port of its own, so parallel test files never meet. The
 * processes end with this one, also when it is killed (tethered-process.ts); a folder that was left behind goes with
 * the next start. Tests, benchmarks and the demo import this; nothing that ships does.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from './control-plane-handle.ts';
import { createKubectl, writeKubectlScript } from './kubectl.ts';
import { createAuthority, issueLeaf, newKeyPem } from './certificates.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { useNamedCluster } from './named-cluster.ts';
import { findPrograms } from './programs.ts';
import { startProcesses } from './control-plane-processes.ts';
import { temporaryFolder } from './temporary-folder.ts';

export type ControlPlaneOptions = {
  /** Deployments make pods, service accounts exist, namespaces are finalized; costs about 3 s and 170 MB. Default false. */
  readonly controllerManager?: boolean;
  /** More flags for kube-apiserver, for example `--audit-policy-file=…`. A flag given here wins over ours. */
  readonly apiServerArguments?: readonly string[];
  /** Lines for a person while the programs are built; the default is standard error. */
  readonly onProgress?: (line: string) => void;
};

/** Starts a control plane and resolves when it answers; rejects with the last log lines of what did not start. */
export const startControlPlane = async (options: ControlPlaneOptions = {}): Promise<ControlPlane> => {
  const named = process.env['WRIT_KUBECONFIG'];
  if (named) return useNamedCluster(named, options.onProgress);
  const programs = await findPrograms(options.onProgress === undefined ? {} : { onProgress: options.onProgress });
  const folder = await temporaryFolder();
  const logFolder = join(folder.path, 'logs');
  await mkdir(logFolder);
  const authority = createAuthority('writ-test-ca');
  const serving = issueLeaf(authority, { commonName: 'kube-apiserver', hosts: ['127.0.0.1', 'localhost', 'kubernetes.default.svc'] });
  const token = randomBytes(16).toString('hex');
  const file = (name: string): string => join(folder.path, name);
  await Promise.all(
    Object.entries({
      'ca.crt': authority.certificatePem,
      'ca.key': authority.keyPem,
      'tls.crt': serving.certificatePem,
      'tls.key': serving.keyPem,
      'service-account.key': newKeyPem(),
      'tokens.csv': `${token},writ-test-admin,writ-test-admin,system:masters\n`,
    }).map(([name, text]) => writeFile(file(name), text, { mode: 0o600 })),
  );
  const caData = Buffer.from(authority.certificatePem).toString('base64');
  const kubeconfig = file('kubeconfig');
  const admin = { path: kubeconfig, caData, user: 'writ-test-admin', credential: { kind: 'token', token } } as const;
  const processes = startProcesses({
    folder: folder.path,
    logFolder,
    programs,
    caPem: authority.certificatePem,
    token,
    controllerManager: options.controllerManager ?? false,
    apiServerArguments: options.apiServerArguments ?? [],
    onAddress: async (url) => void (await writeKubeconfig({ ...admin, url })),
  });
  const leaveNothing = (): void => {
    processes.killNow();
    folder.removeNow();
  };
  process.once('exit', leaveNothing);
  const stop = async (): Promise<void> => {
    await processes.stop();
    await folder.remove();
    process.removeListener('exit', leaveNothing);
  };
  let url: string;
  try {
    url = await processes.ready;
  } catch (error) {
    await stop();
    throw error;
  }
  const kubectlPath = await writeKubectlScript({ folder: folder.path, command: programs.commandOf('kubectl'), kubeconfig });
  let users = 0;
  return {
    kubeconfig,
    url,
    caData,
    token,
    kubectlPath,
    logFolder,
    kubectl: createKubectl(kubectlPath),
    kubeconfigFor: async (user) => {
      users += 1;
      const path = file(`kubeconfig-${users}`);
      if ('token' in user) return writeKubeconfig({ path, url, caData, user: 'bearer', credential: { kind: 'token', token: user.token } });
      const certificate = issueLeaf(authority, { commonName: user.user, organizations: user.groups ?? [] });
      return writeKubeconfig({ path, url, caData, user: user.user, credential: { kind: 'certificate', certificate } });
    },
    stopApiServer: (how) => processes.stopApiServer(how?.signal ?? 'SIGTERM'),
    startApiServer: processes.startApiServer,
    restartApiServer: async (how) => {
      await processes.stopApiServer(how?.signal ?? 'SIGTERM');
      await processes.startApiServer();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
};
