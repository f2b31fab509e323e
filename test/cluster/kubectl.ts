// SPDX-License-Identifier: Apache-2.0
// kubectl as a function for tests, and as a plain executable for people.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export type KubectlResult = { readonly stdout: string; readonly stderr: string; readonly code: number };
export type KubectlOptions = { readonly input?: string; readonly kubeconfig?: string; readonly signal?: AbortSignal };
/** Resolves whatever kubectl says; `code` is its exit code. */
export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<KubectlResult>;

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Writes the executable. It keeps kubectl's discovery cache beside itself: the default in the home folder is keyed by
 * host and port, and ports come back with other clusters behind them. A person's kuberc has no say in tests either.
 */
export const writeKubectlScript = async (options: {
  readonly folder: string;
  readonly command: readonly string[];
  readonly kubeconfig: string;
}): Promise<string> => {
  const path = join(options.folder, 'kubectl');
  const lines = [
    '#!/bin/sh',
    `: "\${KUBECONFIG:=${options.kubeconfig}}"`,
    `: "\${KUBECACHEDIR:=${join(options.folder, 'kubectl-cache')}}"`,
    'export KUBECONFIG KUBECACHEDIR KUBERC=off',
    `exec ${options.command.map(quoted).join(' ')} "$@"`,
    '',
  ];
  await writeFile(path, lines.join('\n'), { mode: 0o755 });
  return path;
};

export const createKubectl =
  (path: string): Kubectl =>
  async (args, options = {}) => {
    const { KUBECONFIG: _, ...env } = process.env;
    const child = spawn(path, [...args], {
      env: options.kubeconfig === undefined ? env : { ...env, KUBECONFIG: options.kubeconfig },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    child.stdin.on('error', () => undefined); // kubectl may end before it has read all
    child.stdin.end(options.input ?? '');
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { stdout, stderr, code: typeof code === 'number' ? code : 1 };
  };
