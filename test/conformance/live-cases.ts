// SPDX-License-Identifier: Apache-2.0
// Generated policies made fit for one live cluster: each has names of its own and sees only the objects that carry its
// number, so that hundreds are in force at once and none meets another's requests.
import type { Case, Json } from './policy-arbitrary.ts';
import type { Call } from './live-server.ts';

export type LiveCase = {
  readonly number: number;
  readonly policy: Json;
  readonly bindings: readonly Json[];
  readonly requests: readonly Call[];
};

type Fields = { readonly [key: string]: Json };

const isFields = (value: Json | undefined): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const fieldsOf = (value: Json | undefined): Fields => (isFields(value) ? value : {});

/** Another value for one field of the spec. */
const withSpec = (document: Json, metadata: Fields, spec: Fields): Json => ({
  ...fieldsOf(document),
  metadata,
  spec: { ...fieldsOf(fieldsOf(document)['spec']), ...spec },
});

const USERS = ['ann', 'bob'];
const api = (namespace: string, plural: string): string =>
  plural === 'deployments' ? `/apis/apps/v1/namespaces/${namespace}/deployments` : `/api/v1/namespaces/${namespace}/${plural}`;

const labels = (number: number): Fields => ({ case: String(number), tier: number % 2 === 0 ? 'front' : 'back' });

/** What is updated and deleted; no ConfigMap, since these are params. */
export const settledObject = (number: number, extra: Fields = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: `case-${number}`, namespace: number % 3 === 0 ? 'other' : 'acme', labels: { ...labels(number), ...extra } },
  data: { a: 'Yg==' },
});

export const settledPath = (number: number): string => `${api(number % 3 === 0 ? 'other' : 'acme', 'secrets')}/case-${number}`;

const container = (number: number): Json => ({ name: 'a', image: number % 2 === 0 ? 'x' : 'y' });

const requestsFor = (number: number): readonly Call[] => {
  const user = USERS[number % 2] ?? 'ann';
  const dry = '?dryRun=All';
  const metadata = { name: 'web', labels: labels(number) };
  const replicas = 1 + (number % 3);
  return [
    {
      method: 'POST',
      path: `${api('acme', 'pods')}${dry}`,
      user,
      body: { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [container(number)] } },
    },
    {
      method: 'POST',
      path: `${api('other', 'deployments')}${dry}`,
      user,
      body: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: {
          replicas,
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container(number)] } },
        },
      },
    },
    { method: 'PUT', path: `${settledPath(number)}${dry}`, user, body: settledObject(number, { changed: 'yes' }) },
    { method: 'DELETE', path: `${settledPath(number)}${dry}`, user },
  ];
};

/** ConfigMaps are what this cluster has as params. */
const servedKind = (policy: Json): boolean => !JSON.stringify(policy).includes('"Limit"');

export const liveCases = (cases: readonly Case[]): readonly LiveCase[] =>
  cases
    .filter(({ policy }) => servedKind(policy))
    .map(({ policy, bindings }, number) => {
      const constraints = fieldsOf(fieldsOf(fieldsOf(policy)['spec'])['matchConstraints']);
      const named = `p-${number}`;
      return {
        number,
        policy: withSpec(
          policy,
          { name: named },
          {
            matchConstraints: { ...constraints, objectSelector: { matchLabels: { case: String(number) } } },
          },
        ),
        bindings: bindings.map((binding, index) => withSpec(binding, { name: `b-${number}-${index}` }, { policyName: named })),
        requests: requestsFor(number),
      };
    });
