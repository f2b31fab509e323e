// SPDX-License-Identifier: Apache-2.0
// What may be done with a control plane, whoever started it.
import type { Kubectl } from './kubectl.ts';

type ClusterUser = { readonly user: string; readonly groups?: readonly string[] } | { readonly token: string };

type StopHow = { readonly signal?: 'SIGTERM' | 'SIGKILL' };

export type ControlPlane = {
  /** Path of the administrator's kubeconfig (a bearer token of a member of system:masters). */
  readonly kubeconfig: string;
  readonly url: string;
  /** PEM of the certificate authority, in base64. */
  readonly caData: string;
  /** The administrator's bearer token. */
  readonly token: string;
  /** Path of an executable that is kubectl, and uses `kubeconfig` unless KUBECONFIG says otherwise. */
  readonly kubectlPath: string;
  /** Where the processes log; undefined for a cluster that we did not start. */
  readonly logFolder: string | undefined;
  kubectl: Kubectl;
  /** Path of a new kubeconfig for any user and groups (a client certificate), or for a token. */
  kubeconfigFor(user: ClusterUser): Promise<string>;
  /** SIGTERM lets running requests end; SIGKILL is a crash. */
  stopApiServer(how?: StopHow): Promise<void>;
  /** On the same port, with the same data; resolves when it is ready. */
  startApiServer(): Promise<void>;
  restartApiServer(how?: StopHow): Promise<void>;
  /** Ends all processes and removes all files; may be called twice. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};
