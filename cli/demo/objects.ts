// SPDX-License-Identifier: Apache-2.0
// The workloads of the demo.

const container = (image: string, limits: boolean): Record<string, unknown> => ({
  name: 'agent',
  image,
  env: [{ name: 'OPENAI_API_KEY', valueFrom: { secretKeyRef: { name: 'model-key', key: 'token' } } }],
  ...(limits ? { resources: { limits: { memory: '256Mi' } } } : {}),
});

export type Pod = { readonly metadata: { readonly name: string; readonly namespace: string } } & Record<string, unknown>;

export const agentDeployment = (options: {
  readonly namespace: string;
  readonly image: string;
  readonly privileged: boolean;
}): unknown => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'researcher', namespace: options.namespace, annotations: { 'writ.dev/owner': 'research@acme.example' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'researcher' } },
    template: {
      metadata: { labels: { app: 'researcher' } },
      spec: {
        containers: [{ ...container(options.image, true), ...(options.privileged ? { securityContext: { privileged: true } } : {}) }],
      },
    },
  },
});

export const podIn = (options: {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly limits: boolean;
}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: options.name, namespace: options.namespace },
  spec: { containers: [container(options.image, options.limits)] },
});
