// SPDX-License-Identifier: Apache-2.0
// What every process of ours shares from its first line to its last: the flags that all have, and the way from flags to
// work to an exit code.
import { defineFlags, parseFlags } from './flags.ts';
import type { FlagTable, FlagValues } from './flags.ts';
import { createLog, logLevels } from './log.ts';
import type { Log, LogLevel } from './log.ts';
import { shutdownSignal } from './signals.ts';

/** Both processes must agree on these; the names are those of `process/` and of what a person types. */
export const programFlags = defineFlags({
  'trust-digest': {
    type: 'string',
    env: 'WRIT_TRUST_DIGEST',
    required: true,
    form: { pattern: /^sha256:[0-9a-f]{64}$/, write: 'sha256: and 64 hex digits' },
    doc: 'Digest (sha256:…) of a version of trust.yaml. Later versions are followed where each is sealed as the one before and it itself ask; all else is refused.',
  },
  kubeconfig: {
    type: 'string',
    env: 'WRIT_KUBECONFIG',
    doc: "A kubeconfig file; without it the pod's service account, else what kubectl would use.",
  },
  'metrics-address': {
    type: 'string',
    env: 'WRIT_METRICS_ADDRESS',
    default: '0.0.0.0:8080',
    doc: 'Where to serve /metrics, /healthz and /readyz over HTTP.',
  },
  'log-level': { type: 'string', env: 'WRIT_LOG_LEVEL', choices: logLevels, default: 'info', doc: 'What is logged.' },
});

export type Configuration<C> =
  | { readonly kind: 'config'; readonly config: C }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string };

export const wrongFlag = (message: string): Configuration<never> => ({ kind: 'error', message });

export type ReadConfiguration<C> = (argv: readonly string[], env: Readonly<Record<string, string | undefined>>) => Configuration<C>;

/** `complete` says what the values mean together. */
export const configurationReader =
  <T extends FlagTable, C>(
    about: { readonly program: string; readonly summary: string; readonly flags: T },
    complete: (values: FlagValues<T>) => Configuration<C>,
  ): ReadConfiguration<C> =>
  (argv, env) => {
    const parsed = parseFlags(about.flags, { argv, env, program: about.program, summary: about.summary });
    return parsed.kind === 'values' ? complete(parsed.values) : parsed;
  };

/** Ends with exit code 0 when `run` does, 1 when it fails, 2 for flags that cannot be meant. */
export const runProgram = async <C extends { readonly 'log-level': LogLevel }>(about: {
  readonly program: string;
  readonly readConfig: ReadConfiguration<C>;
  readonly run: (config: C, life: { readonly log: Log; readonly signal: AbortSignal }) => Promise<void>;
}): Promise<void> => {
  const outcome = about.readConfig(process.argv.slice(2), process.env);
  if (outcome.kind === 'help') {
    process.stdout.write(outcome.text);
    return;
  }
  if (outcome.kind === 'error') {
    process.stderr.write(`${about.program}: ${outcome.message}\n`);
    process.exitCode = 2;
    return;
  }
  const log = createLog({ name: about.program, level: outcome.config['log-level'] });
  try {
    await about.run(outcome.config, { log, signal: shutdownSignal() });
    log.info('stopped');
  } catch (error) {
    log.error({ err: error }, `${about.program} ends`);
    // Whatever is still open (a watch, a listener) must not keep half a process alive.
    process.exit(1);
  }
};
