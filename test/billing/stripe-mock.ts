// SPDX-License-Identifier: Apache-2.0
// Stripe's own stripe-mock on loopback: it holds each request against the OpenAPI document that Stripe publishes, and remembers nothing. Built
// from its Go module as stripe-mock/go.mod names it; WRIT_STRIPE_OPENAPI is a newer spec3.json to hold them against.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startTethered } from '../cluster/tethered-process.ts';

const MODULE = join(import.meta.dirname, 'stripe-mock');
const environment = (): NodeJS.ProcessEnv => ({ ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' });

const firstLine = (error: unknown): string => {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.trim().split('\n').at(-1) ?? '';
};

/** Why it cannot be built here; undefined where it can. Fetches the module where Go's cache lacks it. */
export const stripeMockIsMissing = (): string | undefined => {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
  } catch {
    return 'there is no Go on this machine to build stripe-mock with';
  }
  try {
    execFileSync('go', ['mod', 'download'], { cwd: MODULE, env: environment(), stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
    return undefined;
  } catch (error) {
    return `the Go module of stripe-mock cannot be had: ${firstLine(error)}`;
  }
};

export type StripeMock = { readonly url: string; close(): Promise<void> };

/** Some seconds at the first time; then Go's cache has it. */
export const startStripeMock = async (folder: string): Promise<StripeMock> => {
  const binary = join(folder, 'stripe-mock');
  const args = ['build', '-trimpath', '-buildvcs=false', '-o', binary, 'github.com/stripe/stripe-mock'];
  execFileSync('go', args, { cwd: MODULE, env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
  const document = process.env['WRIT_STRIPE_OPENAPI'];
  const child = await startTethered({
    command: [
      binary,
      '-http-addr',
      '127.0.0.1:0',
      '-https-addr',
      '127.0.0.1:0',
      ...(document === undefined || document === '' ? [] : ['-spec', document]),
    ],
  });
  const said: string[] = [];
  const url = new Promise<string>((resolve) => {
    for (const stream of child.output)
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        const [, address] = /Listening for HTTP at address: (\S+)/.exec(line) ?? [];
        if (address !== undefined) resolve(`http://${address}`);
      });
  });
  const found = await Promise.race([url, child.exited.then(() => undefined)]);
  if (found === undefined) throw new Error(`stripe-mock ended: ${said.join('\n')}`);
  return { url: found, close: () => child.stop('SIGTERM') };
};
