// SPDX-License-Identifier: Apache-2.0
// A Kubernetes client that answers as a test says, for what a real API server can't be made to show at the wished moment. A call
// that the test says nothing about fails by its name.
import type { Resource } from '../crds/kinds.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/objects.ts';

type Ref = Parameters<KubeClient['get']>[1];

/** As methods, so that a test may take more exact objects than any there are. */
export type Script = {
  get?(resource: Resource, ref: Ref, options?: Parameters<KubeClient['get']>[2]): Promise<unknown>;
  create?(resource: Resource, object: KubeObject, options?: Parameters<KubeClient['create']>[2]): Promise<unknown>;
  replace?(resource: Resource, object: KubeObject, options?: Parameters<KubeClient['replace']>[2]): Promise<unknown>;
  apply?(resource: Resource, object: KubeObject, options: Parameters<KubeClient['apply']>[2]): Promise<unknown>;
  patch?(resource: Resource, ref: Ref, options: Parameters<KubeClient['patch']>[2]): Promise<unknown>;
  list?(resource: Resource, options?: Parameters<KubeClient['list']>[1]): Promise<unknown>;
  delete?(resource: Resource, ref: Ref, options?: Parameters<KubeClient['delete']>[2]): Promise<unknown>;
  watch?(resource: Resource, options: Parameters<KubeClient['watch']>[1]): AsyncGenerator<unknown, void, undefined>;
  fenced?(fence: Parameters<KubeClient['fenced']>[0]): KubeClient;
};

const unexpected = (method: string) => async (): Promise<never> => {
  throw new Error(`the test says nothing about ${method}`);
};

export const scriptedClient = (script: Script): KubeClient => {
  const rest = Object.fromEntries(
    ['get', 'list', 'create', 'replace', 'patch', 'apply', 'delete', 'request'].map((name) => [name, unexpected(name)]),
  );
  // What a test answers has the type that its caller asks for, which only the test knows.
  return { ...rest, ...script } as unknown as KubeClient;
};
