// SPDX-License-Identifier: Apache-2.0
// What a machine must have before tests and demo can run, each with what to do where it is missing or too old.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

export type MissingPrerequisite = { readonly name: string; readonly fix: string };

/** The first line a command prints; undefined where the command is missing or fails. */
const firstLine = async (command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> => {
  try {
    const { stdout } = await promisify(execFile)(command, [...args], { env });
    return stdout.split('\n', 1)[0];
  } catch {
    return undefined;
  }
};

// What control-plane/go.mod asks for. From Go 1.21 on, an older Go fetches the newer one, unless it is told not to.
const OLDEST_GO_MINOR = 26;
const OLDEST_FETCHING_GO_MINOR = 21;
const WITHOUT_GO =
  'or set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver and kubectl, or WRIT_KUBECONFIG to the kubeconfig of a cluster that may be changed';

const goProblem = async (env: NodeJS.ProcessEnv): Promise<MissingPrerequisite | undefined> => {
  const version = await firstLine('go', ['env', 'GOVERSION'], env);
  if (version === undefined) {
    return { name: 'Go is missing', fix: `install Go 1.${OLDEST_GO_MINOR} or newer (https://go.dev/dl), ${WITHOUT_GO}` };
  }
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? Number.POSITIVE_INFINITY);
  if (minor >= OLDEST_GO_MINOR) return undefined;
  const local = (await firstLine('go', ['env', 'GOTOOLCHAIN'], env)) === 'local';
  if (minor >= OLDEST_FETCHING_GO_MINOR && !local) return undefined;
  const instead = local ? 'unset GOTOOLCHAIN=local so that Go fetches it, ' : '';
  return {
    name: `Go is too old (${version})`,
    fix: `${instead}install Go 1.${OLDEST_GO_MINOR} or newer (https://go.dev/dl), ${WITHOUT_GO}`,
  };
};

/** The programs that a folder of control-plane binaries must hold; the controller manager is needed only where it is asked for. */
const REQUIRED_BINARIES = ['etcd', 'kube-apiserver', 'kubectl'] as const;

const assetsProblem = (folder: string): MissingPrerequisite | undefined => {
  const missing = REQUIRED_BINARIES.filter((name) => !existsSync(join(folder, name)));
  if (missing.length === 0) return undefined;
  return {
    name: `KUBEBUILDER_ASSETS=${folder} lacks ${missing.join(', ')}`,
    fix: 'point it at a whole set (`setup-envtest use -p path` prints one), or unset it to build the programs with Go',
  };
};

const kubeconfigProblem = (path: string): MissingPrerequisite | undefined =>
  existsSync(path)
    ? undefined
    : {
        name: `WRIT_KUBECONFIG=${path} does not exist`,
        fix: 'name an existing kubeconfig file, or unset it to start a control plane here',
      };

/** The user's own kubectl, which is enough for a cluster that is named. */
export const kubectlOnPath = (env: NodeJS.ProcessEnv = process.env): string | undefined =>
  [env['KUBEBUILDER_ASSETS'], ...(env['PATH'] ?? '').split(delimiter)]
    .flatMap((folder) => (folder ? [join(folder, 'kubectl')] : []))
    .find((path) => existsSync(path));

/** What is needed to have a control plane: a named cluster, binaries, or Go, in this order. */
export const controlPlaneProblem = async (env: NodeJS.ProcessEnv = process.env): Promise<MissingPrerequisite | undefined> => {
  const named = env['WRIT_KUBECONFIG'];
  if (named) return kubeconfigProblem(named) ?? (kubectlOnPath(env) === undefined ? goProblem(env) : undefined);
  const assets = env['KUBEBUILDER_ASSETS'];
  return assets ? assetsProblem(assets) : goProblem(env);
};

/** Everything that is missing on this machine, in the order in which to mend it. */
export const missingPrerequisites = async (env: NodeJS.ProcessEnv = process.env): Promise<readonly MissingPrerequisite[]> => {
  const tools = ['git', 'npm'].map(async (name): Promise<MissingPrerequisite | undefined> => {
    if ((await firstLine(name, ['--version'], env)) !== undefined) return undefined;
    return { name: `${name} is missing`, fix: `install ${name === 'npm' ? 'Node.js with npm' : 'git'} with your package manager` };
  });
  const found = await Promise.all([...tools, controlPlaneProblem(env)]);
  return found.filter((problem) => problem !== undefined);
};
