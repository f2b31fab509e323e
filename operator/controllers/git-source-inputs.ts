// SPDX-License-Identifier: Apache-2.0
// What a GitSource names besides its remote: Secrets, and fields that this version does not follow.
import { secrets } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { keyOf } from '../../kube/objects.ts';
import type { Problem } from '../../policies/problem.ts';
import { parseCredentials } from '../source/credentials.ts';
import type { Credentials } from '../source/credentials.ts';
import type { Receiver } from '../source/receiver.ts';
import type { SecretObject } from './certificate.ts';
import type { LiveGitSource } from './live.ts';

export const unsupported = ({ metadata, spec }: LiveGitSource, systemNamespace: string): Problem | undefined => {
  const refuse = (message: string, path: string): Problem => ({ code: 'SOURCE_FIELD_UNSUPPORTED', message, path });
  if (metadata.namespace !== systemNamespace) return refuse(`only GitSources in ${systemNamespace} are followed`, 'metadata.namespace');
  if (spec.verify !== undefined) {
    return refuse('signatures of commits are not checked by this version; the seals of the documents are', 'spec.verify');
  }
  return undefined;
};

type SecretRead =
  | { readonly ok: true; readonly data: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: Problem };
type Request = { readonly client: KubeClient; readonly source: LiveGitSource; readonly signal: AbortSignal };

const readSecret = async ({ client, source, signal }: Request, name: string, path: string): Promise<SecretRead> => {
  const { namespace } = source.metadata;
  const secret = await client.get<SecretObject>(secrets, { namespace, name }, { signal });
  return secret === undefined
    ? { ok: false, problem: { code: 'SOURCE_SECRET_MISSING', message: `there is no Secret ${name} in ${namespace ?? ''}`, path } }
    : { ok: true, data: secret.data ?? {} };
};

export type CredentialsRead = { readonly ok: true; readonly credentials: Credentials } | { readonly ok: false; readonly problem: Problem };

export const readCredentials = async (request: Request): Promise<CredentialsRead> => {
  const { secretRef } = request.source.spec;
  if (secretRef === undefined) return { ok: true, credentials: {} };
  const read = await readSecret(request, secretRef.name, 'spec.secretRef.name');
  return read.ok ? { ok: true, credentials: parseCredentials(read.data) } : read;
};

export type ReceiverState = { readonly path: string | undefined; readonly problem: Problem | undefined };

/** Registers the hook of a source, or takes it away. A hook that cannot be had is told, and the remote is polled. */
export const registerReceiver = async (request: Request, receiver: Receiver): Promise<ReceiverState> => {
  const sourceKey = keyOf(request.source);
  const wanted = request.source.spec.receiver;
  const without = (problem: Problem | undefined): ReceiverState => {
    receiver.unregister(sourceKey);
    return { path: undefined, problem };
  };
  if (wanted === undefined) return without(undefined);
  const read = await readSecret(request, wanted.secretRef.name, 'spec.receiver.secretRef.name');
  if (!read.ok) return without(read.problem);
  const token = Buffer.from(Object.hasOwn(read.data, 'token') ? (read.data['token'] ?? '') : '', 'base64').toString('utf8');
  const registered = receiver.register({ sourceKey, type: wanted.type, token });
  return registered.ok ? { path: registered.value, problem: undefined } : without(registered.problem);
};
