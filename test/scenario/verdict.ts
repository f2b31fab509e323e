// SPDX-License-Identifier: Apache-2.0
// What the API server, with Writ behind it, says to a workload: asked by a dry run, so that nothing is left behind.
import { pods } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';

export const PINNED_IMAGE = `registry.example.com/agent@sha256:${'4bf5122f'.repeat(8)}`;

export type PodFacts = {
  readonly namespace: string;
  readonly name?: string;
  readonly image?: string;
  readonly limits?: boolean;
  readonly privileged?: boolean;
};

/** A pod that breaks no sample policy unless told to. */
export const podOf = ({
  namespace,
  name = 'probe',
  image = PINNED_IMAGE,
  limits = true,
  privileged = false,
}: PodFacts): KubeObject & {
  readonly spec: object;
} => ({
  metadata: { name, namespace },
  spec: {
    containers: [
      {
        name: 'agent',
        image,
        ...(limits ? { resources: { limits: { memory: '256Mi' } } } : {}),
        ...(privileged ? { securityContext: { privileged: true } } : {}),
      },
    ],
  },
});

/** `allowed`, or the refusal without the line that differs from one request to the next. */
export const verdictOf = async (client: KubeClient, object: KubeObject, resource: Resource = pods): Promise<string> => {
  try {
    await client.create(resource, object, { dryRun: true });
    return 'allowed';
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error;
    return error.message.replace(/\nwrit explain \S+/g, '');
  }
};
