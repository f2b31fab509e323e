// SPDX-License-Identifier: Apache-2.0
// For tests: runs the real command in a folder of its own.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

export type Folder = Disposable & {
  readonly path: string;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  writ(args: readonly string[], options?: { readonly env?: Readonly<Record<string, string>>; readonly input?: string }): Ran;
  run(program: string, args: readonly string[]): Ran;
};

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

export const temporaryFolder = (): Folder => {
  const path = mkdtempSync(join(tmpdir(), 'writ-cli-'));
  const run = (
    program: string,
    args: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
  ): Ran => {
    const { PATH, HOME } = process.env;
    const env = { ...(PATH === undefined ? {} : { PATH }), ...(HOME === undefined ? {} : { HOME }), ...options.env };
    const { status, stdout, stderr } = spawnSync(program, [...args], { cwd: path, env, input: options.input ?? '', encoding: 'utf8' });
    return { code: status, out: stdout, err: stderr };
  };
  return {
    path,
    write: (files) => {
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), content);
      }
    },
    writ: (args, options) => run(process.execPath, [MAIN, ...args], options),
    run: (program, args) => run(program, args),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
};

export const POLICY = `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: pinned}
spec:
  version: 3
  title: Images are pinned
  workloads: [PodBearing]
  validations:
  - expression: >-
      workload.containers.all(c,
        c.image.contains('@sha256:'))
    message: pin every image by digest
`;

const indent = (text: string): string => text.trimEnd().replaceAll('\n', '\n        ');

/** A trust policy of one rule for Policies: as many of these principals as `threshold` says. */
export const trustPolicy = (keys: Readonly<Record<string, string>>, threshold = 1): string =>
  [
    'apiVersion: writ.dev/v1alpha1',
    'kind: TrustPolicy',
    'metadata: {name: cluster}',
    'spec:',
    '  version: 1',
    '  principals:',
    ...Object.entries(keys).map(([name, pem]) => `  - name: ${name}\n    publicKeys:\n    - pem: |\n        ${indent(pem)}`),
    '  rules:',
    `  - {kinds: [Policy], allOf: [{threshold: ${threshold}, principals: [${Object.keys(keys).join(', ')}]}]}`,
    '',
  ].join('\n');
