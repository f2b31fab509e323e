// SPDX-License-Identifier: Apache-2.0
// Credentials from a program (client.authentication.k8s.io, KEP-541). KubeConfig's own runner keeps a revoked token until
// it expires, tells the program nothing of the protocol version that it must answer in, and waits for it for ever.
import { spawn } from 'node:child_process';
import type { Clock } from '../process/clock.ts';
import { KubeTransportError } from './errors.ts';

export type ExecSpec = {
  readonly apiVersion?: string;
  readonly command: string;
  readonly args?: readonly string[] | null;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null;
  readonly installHint?: string;
  readonly provideClusterInfo?: boolean;
};

export type ExecCredential = {
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Epoch milliseconds; undefined when the program names none. */
  readonly expiresAtMs?: number;
};

export type ExecPlugin = {
  /** The credential, fresh when `renew` or when the one at hand is about to expire. */
  credential(renew: boolean): Promise<ExecCredential>;
};

const EXPIRY_MARGIN_MS = 10_000;
const RUN_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;

export const createExecPlugin = (options: {
  readonly spec: ExecSpec;
  readonly clock: Clock;
  readonly cluster?: { readonly server: string; readonly caData?: string };
  readonly env?: Readonly<Record<string, string | undefined>>;
}): ExecPlugin => {
  const { spec, clock } = options;
  let held: ExecCredential | undefined;
  const usable = (): ExecCredential | undefined =>
    held !== undefined && (held.expiresAtMs === undefined || held.expiresAtMs - EXPIRY_MARGIN_MS > clock.now()) ? held : undefined;
  return {
    credential: async (renew) => {
      const current = renew ? undefined : usable();
      held = current ?? parseCredential(await run(options), spec);
      return held;
    },
  };
};

const run = (options: Parameters<typeof createExecPlugin>[0]): Promise<string> => {
  const { spec, clock, cluster } = options;
  const info = {
    apiVersion: spec.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(spec.provideClusterInfo === true && cluster !== undefined
        ? { cluster: { server: cluster.server, 'certificate-authority-data': cluster.caData } }
        : {}),
    },
  };
  const env: Record<string, string | undefined> = { ...(options.env ?? process.env) };
  for (const { name, value } of spec.env ?? []) env[name] = value;
  env['KUBERNETES_EXEC_INFO'] = JSON.stringify(info);
  return new Promise((resolve, reject) => {
    const child = spawn(spec.command, [...(spec.args ?? [])], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    const cancelTimer = clock.schedule(RUN_TIMEOUT_MS, () => child.kill('SIGKILL'));
    const fail = (why: string, cause?: unknown): void => {
      const hint = spec.installHint === undefined ? '' : `; ${spec.installHint.trim()}`;
      reject(new KubeTransportError('CREDENTIALS', `the credential program ${spec.command} ${why}${hint}`, cause));
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (out.length > MAX_OUTPUT_BYTES) child.kill('SIGKILL');
    });
    // Kept for its end only: programs may chatter, and what they say may be printed.
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err = (err + text).slice(-500);
    });
    child.on('error', (error) => {
      cancelTimer();
      fail('could not be started', error);
    });
    child.on('close', (code, signal) => {
      cancelTimer();
      if (code === 0) resolve(out);
      else fail(`ended with ${code ?? signal}: ${err.trim()}`);
    });
  });
};

const parseCredential = (text: string, spec: ExecSpec): ExecCredential => {
  const refuse = (why: string): never => {
    throw new KubeTransportError('CREDENTIALS', `the credential program ${spec.command} ${why}`);
  };
  let parsed: { readonly kind?: unknown; readonly status?: Readonly<Record<string, unknown>> } | null;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    return refuse('did not print JSON');
  }
  const status = parsed?.status;
  if (typeof status !== 'object' || status === null) return refuse('printed no status');
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = status;
  const expiresAtMs = typeof expirationTimestamp === 'string' ? Date.parse(expirationTimestamp) : Number.NaN;
  const withPair = typeof cert === 'string' && typeof key === 'string';
  if (typeof token !== 'string' && !withPair) return refuse('gave neither a token nor a certificate with its key');
  return {
    ...(typeof token === 'string' ? { token } : {}),
    ...(withPair ? { cert, key } : {}),
    ...(Number.isNaN(expiresAtMs) ? {} : { expiresAtMs }),
  };
};
