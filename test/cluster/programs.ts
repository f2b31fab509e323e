// SPDX-License-Identifier: Apache-2.0
// Where the programs of a control plane come from: binaries that the user has (KUBEBUILDER_ASSETS, as envtest has it),
// else the one that is built here.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, type BuildOptions } from './go-build.ts';
import { controlPlaneProblem, kubectlOnPath } from './prerequisites.ts';

export type ProgramName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kubectl';

export type Programs = {
  /** The words that start the program; its own arguments follow. Throws where a folder of binaries lacks it. */
  commandOf(name: ProgramName): readonly string[];
  readonly origin: 'assets' | 'built';
};

const fromFolder = (folder: string): Programs => ({
  origin: 'assets',
  commandOf: (name) => {
    const path = join(folder, name);
    if (existsSync(path)) return [path];
    throw new Error(`KUBEBUILDER_ASSETS=${folder} has no ${name}: add it, or unset KUBEBUILDER_ASSETS to build the programs with Go`);
  },
});

/** Finds or builds the programs; throws an error that names what is missing and what to do. */
export const findPrograms = async (options: BuildOptions = {}): Promise<Programs> => {
  const problem = await controlPlaneProblem();
  if (problem !== undefined) throw new Error(`no control plane can be started: ${problem.name}; ${problem.fix}`);
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets) return fromFolder(assets);
  const binary = await ensureBuilt(options);
  return { origin: 'built', commandOf: (name) => [binary, name] };
};

/** The words that start a kubectl: of the user's binaries, on the PATH, else the one that is built here. */
export const findKubectl = async (options: BuildOptions = {}): Promise<readonly string[]> => {
  const path = kubectlOnPath();
  if (path !== undefined) return [path];
  const problem = await controlPlaneProblem();
  if (problem !== undefined) throw new Error(`there is no kubectl, and none can be built: ${problem.name}; ${problem.fix}`);
  return [await ensureBuilt(options), 'kubectl'];
};
