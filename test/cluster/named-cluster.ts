// SPDX-License-Identifier: Apache-2.0
// A cluster that the user names by WRIT_KUBECONFIG, behind the same handle as a control plane of our own. It is never
// stopped; what would need its processes is refused by name.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from './control-plane-handle.ts';
import { createKubectl, writeKubectlScript, type Kubectl } from './kubectl.ts';
import { findKubectl } from './programs.ts';
import { temporaryFolder } from './temporary-folder.ts';

type ConfigView = {
  readonly clusters?: readonly { readonly cluster?: Readonly<Record<string, unknown>> }[];
  readonly users?: readonly { readonly user?: Readonly<Record<string, unknown>> }[];
};

const textField = (from: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined => {
  const value = from?.[name];
  return typeof value === 'string' ? value : undefined;
};

const readConfig = async (kubectl: Kubectl): Promise<ConfigView> => {
  const { stdout, stderr, code } = await kubectl(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']);
  if (code !== 0) throw new Error(`WRIT_KUBECONFIG cannot be read: ${stderr.trim()}`);
  const view: ConfigView = JSON.parse(stdout);
  return view;
};

const refused = (what: string): Promise<never> =>
  Promise.reject(
    new Error(`${what} is not possible on the cluster that WRIT_KUBECONFIG names; unset it to use a control plane of its own`),
  );

/** Rejects when the file cannot be read, names no server, or the server does not answer. */
export const useNamedCluster = async (kubeconfig: string, onProgress?: (line: string) => void): Promise<ControlPlane> => {
  const command = await findKubectl(onProgress === undefined ? {} : { onProgress });
  const folder = await temporaryFolder();
  const removeNow = folder.removeNow;
  process.once('exit', removeNow);
  const stop = async (): Promise<void> => {
    await folder.remove();
    process.removeListener('exit', removeNow);
  };
  try {
    const kubectlPath = await writeKubectlScript({ folder: folder.path, command, kubeconfig });
    const kubectl = createKubectl(kubectlPath);
    const config = await readConfig(kubectl);
    const url = textField(config.clusters?.[0]?.cluster, 'server');
    if (url === undefined) throw new Error(`WRIT_KUBECONFIG=${kubeconfig} names no server`);
    const answer = await kubectl(['get', '--raw', '/readyz']);
    if (answer.code !== 0) throw new Error(`the cluster of WRIT_KUBECONFIG=${kubeconfig} does not answer: ${answer.stderr.trim()}`);
    const token = textField(config.users?.[0]?.user, 'token');
    let users = 0;
    return {
      kubeconfig,
      url,
      caData: textField(config.clusters?.[0]?.cluster, 'certificate-authority-data') ?? '',
      get token(): string {
        if (token !== undefined) return token;
        throw new Error(`WRIT_KUBECONFIG=${kubeconfig} holds no bearer token, which is needed here; name one that does`);
      },
      kubectlPath,
      logFolder: undefined,
      kubectl,
      kubeconfigFor: async (user) => {
        users += 1;
        const path = join(folder.path, `kubeconfig-${users}`);
        const whole: { users: { user: Record<string, unknown> }[] } = JSON.parse(JSON.stringify(config));
        // No authority of that cluster signs for us; its administrator may impersonate instead.
        const as = 'token' in user ? { token: user.token } : { ...whole.users[0]?.user, as: user.user, 'as-groups': user.groups ?? [] };
        whole.users = whole.users.map((entry) => ({ ...entry, user: as }));
        await writeFile(path, JSON.stringify(whole), { mode: 0o600 });
        return path;
      },
      stopApiServer: () => refused('stopping the API server'),
      startApiServer: () => refused('starting the API server'),
      restartApiServer: () => refused('restarting the API server'),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
