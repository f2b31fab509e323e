// SPDX-License-Identifier: Apache-2.0
// For tests: what the API server sends.

type PodFacts = { readonly image?: string; readonly name?: string; readonly namespace?: string };

/** An AdmissionReview of a pod that ann creates, but for the fields of the request that are told otherwise. */
export const podReview = (
  request: Readonly<Record<string, unknown>> = {},
  { image = 'app:latest', name = 'pod', namespace = 'team' }: PodFacts = {},
): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      name,
      namespace,
      operation: 'CREATE',
      userInfo: { username: 'ann', groups: ['devs'] },
      object: { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: { containers: [{ name: 'c', image }] } },
      oldObject: null,
      dryRun: false,
      ...request,
    },
  });
