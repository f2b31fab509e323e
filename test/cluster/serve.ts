// SPDX-License-Identifier: Apache-2.0
// `make cluster`: a control plane to play with. Stays until Ctrl-C (or SIGTERM, or the terminal's end), then cleans up.
import { once } from 'node:events';
import { startControlPlane } from './control-plane.ts';

// A terminal that has gone must not keep the clean-up from happening.
process.stdout.on('error', () => undefined);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const stopSignal = (): { readonly came: Promise<unknown>; readonly signal: AbortSignal } => {
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopped.abort());
  return { came: once(stopped.signal, 'abort'), signal: stopped.signal };
};

const serve = async (): Promise<void> => {
  const { came, signal } = stopSignal();
  const startedMs = performance.now();
  say('starting etcd, kube-apiserver and kube-controller-manager');
  // A Ctrl-C during the build or the start should end at once; what was started ends with this process.
  signal.addEventListener('abort', interruptedStart);
  const plane = await startControlPlane({ controllerManager: true });
  signal.removeEventListener('abort', interruptedStart);
  say(`ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s at ${plane.url}

  export KUBECONFIG=${plane.kubeconfig}
  alias kubectl=${plane.kubectlPath}        # if you have no kubectl of your own
  kubectl get namespaces
`);
  if (plane.logFolder !== undefined) say(`logs: ${plane.logFolder}`);
  say('there are no nodes: pods stay Pending, everything else is real. Ctrl-C ends it and removes all of it.');
  const keepAlive = setInterval(() => undefined, 60_000);
  await came;
  clearInterval(keepAlive);
  say('\nstopping');
  await plane.stop();
};

const interruptedStart = (): void => process.exit(130);

const HELP = `Usage: make cluster

Starts etcd, kube-apiserver and kube-controller-manager on loopback, prints how to use them, stays until Ctrl-C. There are no options.
`;

try {
  const [argument] = process.argv.slice(2);
  if (argument === undefined) await serve();
  else if (argument === '--help' || argument === '-h') process.stdout.write(HELP);
  else {
    process.stderr.write(`error: unknown ${argument.startsWith('-') ? 'option' : 'argument'} '${argument}'\n\n${HELP}`);
    process.exitCode = 2;
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
