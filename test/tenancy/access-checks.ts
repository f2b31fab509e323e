// SPDX-License-Identifier: Apache-2.0
// kubectl-mtb's checks that ask what an owner may do: all are put to the API server's own authorizer, each "no" beside a "yes" that would
// be missing if the owner simply had no rights, or if the question were put wrongly (kubectl-mtb asks about `role`, which no rule names).
import { deployments, pods, configMaps, secrets, services } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { READ_VERBS, VERBS, WRITE_VERBS, questionsAbout } from './access.ts';
import type { Question, ServedKind } from './access.ts';
import { clusterRoles, jobs, limitRanges, networkPolicies, resourceQuotas, roleBindings, roles, serviceAccounts } from './resources.ts';

export type AccessCheck = {
  readonly id: string;
  readonly what: string;
  readonly refused: readonly Question[];
  readonly granted: readonly Question[];
};

export type AccessFacts = {
  readonly served: readonly ServedKind[];
  readonly tenant: string;
  readonly namespaces: readonly [string, string];
  readonly otherNamespaces: readonly [string, string];
};

/** Questions about oneself: what they say is what the asker knows. */
const ABOUT_ONESELF = /^selfsubject|^selfsubjectreviews$/;

const WORKING_KINDS = [
  pods,
  configMaps,
  secrets,
  services,
  deployments,
  jobs,
  serviceAccounts,
  roles,
  roleBindings,
  networkPolicies,
  resourceQuotas,
  limitRanges,
];

export const accessChecks = ({ served, tenant, namespaces, otherNamespaces }: AccessFacts): readonly AccessCheck[] => {
  const own = (resource: Parameters<typeof questionsAbout>[0], verbs: readonly string[]): readonly Question[] =>
    namespaces.flatMap((namespace) => questionsAbout(resource, verbs, namespace));
  const named: Question = { verb: 'get', group: 'writ.dev', resource: 'tenants', name: tenant };
  return [
    {
      id: 'MTB-PL1-CC-CPI-1',
      what: 'everything outside of namespaces',
      refused: served
        .filter(({ namespaced, resource }) => !namespaced && !ABOUT_ONESELF.test(resource))
        .flatMap(({ group, resource }) => VERBS.map((verb) => ({ verb, group, resource }))),
      granted: [named],
    },
    {
      id: 'MTB-PL1-CC-TI-1',
      what: 'to change quotas',
      refused: [resourceQuotas, limitRanges].flatMap((resource) => own(resource, WRITE_VERBS)),
      granted: [resourceQuotas, limitRanges].flatMap((resource) => own(resource, READ_VERBS)),
    },
    {
      id: 'MTB-PL1-CC-TI-2',
      what: "everything in the other tenant's namespaces",
      refused: otherNamespaces.flatMap((namespace) =>
        served
          .filter(({ namespaced }) => namespaced)
          .flatMap(({ group, resource }) => VERBS.map((verb) => ({ verb, group, resource, namespace }))),
      ),
      granted: WORKING_KINDS.flatMap((resource) => own(resource, ['get', 'list'])),
    },
    {
      id: 'MTB-PL2-CC-TI-1',
      what: 'to give themselves more than they have',
      refused: [
        ...own(roles, ['escalate', 'bind']),
        ...own(clusterRoles, ['escalate', 'bind']),
        { verb: 'bind', group: clusterRoles.group, resource: 'clusterroles', name: 'cluster-admin' },
        { verb: 'escalate', group: clusterRoles.group, resource: 'clusterroles' },
        ...impersonations,
      ],
      granted: own(roles, ['create', 'update']),
    },
    {
      id: 'MTB-PL2-BC-OPS-3',
      what: 'nothing that self-service of roles needs',
      refused: [],
      granted: [roles, roleBindings].flatMap((resource) => own(resource, VERBS)),
    },
    {
      id: 'MTB-PL2-BC-OPS-4',
      what: 'nothing that self-service of network policies needs',
      refused: [],
      granted: own(networkPolicies, VERBS),
    },
  ];
};

const impersonations: readonly Question[] = ['users', 'groups', 'serviceaccounts'].map((resource) => ({
  verb: 'impersonate',
  group: '',
  resource,
}));

export type Hard = Readonly<Record<string, string>>;

/** The hard limits of every quota that this client sees in a namespace, by name of the resource. */
export const hardIn = async (client: KubeClient, namespace: string): Promise<Hard> => {
  const { items } = await client.list<{ readonly metadata: { readonly name: string }; readonly spec?: { readonly hard?: Hard } }>(
    resourceQuotas,
    { namespace },
  );
  return Object.assign({}, ...items.map(({ spec }) => spec?.hard ?? {}));
};
