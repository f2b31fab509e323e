// SPDX-License-Identifier: Apache-2.0
// What somebody may do, asked of the API server's own authorizer as themselves, and every kind that it serves.
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { selfAccessReviews, selfRulesReviews } from './resources.ts';

export const READ_VERBS = ['get', 'list', 'watch'] as const;
export const WRITE_VERBS = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;
export const VERBS = [...READ_VERBS, ...WRITE_VERBS] as const;

export type Question = {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
};

type Review = KubeObject & { readonly status?: { readonly allowed?: boolean } };

const may = async (client: KubeClient, question: Question): Promise<boolean> => {
  const asked: Review & { readonly spec: unknown } = { metadata: { name: '' }, spec: { resourceAttributes: question } };
  const { status } = await client.create<Review>(selfAccessReviews, asked);
  return status?.allowed === true;
};

/** The questions whose answer is not `wanted`, as text. */
export const wrongAnswers = async (client: KubeClient, questions: readonly Question[], wanted: boolean): Promise<string[]> => {
  const answers = await Promise.all(
    questions.map(async (question) => ((await may(client, question)) === wanted ? [] : [textOf(question)])),
  );
  return answers.flat();
};

const textOf = ({ verb, group, resource, namespace, name }: Question): string =>
  `${verb} ${namespace === undefined ? '' : `${namespace}/`}${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${name}`}`;

export type ServedKind = {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
};

type ResourceList = {
  readonly groupVersion: string;
  readonly resources: readonly { readonly name: string; readonly namespaced: boolean; readonly verbs: readonly string[] }[];
};
type GroupList = { readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[] };

/** Every resource that the API server serves in its preferred version, subresources left out. */
export const servedKinds = async (client: KubeClient): Promise<readonly ServedKind[]> => {
  const { groups } = await client.request<GroupList>({ method: 'GET', path: '/apis' });
  const paths = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const lists = await Promise.all(paths.map((path) => client.request<ResourceList>({ method: 'GET', path })));
  return lists.flatMap(({ groupVersion, resources }) => {
    const slash = groupVersion.indexOf('/');
    const [group, version] = slash < 0 ? ['', groupVersion] : [groupVersion.slice(0, slash), groupVersion.slice(slash + 1)];
    return resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, namespaced, verbs }) => ({ group, version, resource: name, namespaced, verbs }));
  });
};

export const questionsAbout = (
  resource: Pick<Resource, 'group' | 'plural'>,
  verbs: readonly string[],
  namespace: string,
): readonly Question[] => verbs.map((verb) => ({ verb, group: resource.group, resource: resource.plural, namespace }));

type Rules = KubeObject & {
  readonly status?: {
    readonly resourceRules?: readonly {
      readonly verbs: readonly string[];
      readonly apiGroups?: readonly string[];
      readonly resources?: readonly string[];
      readonly resourceNames?: readonly string[];
    }[];
  };
};

/** What the authorizer lists of somebody's rights in a namespace, as sorted text. */
export const rightsIn = async (client: KubeClient, namespace: string): Promise<readonly string[]> => {
  const asked: Rules & { readonly spec: unknown } = { metadata: { name: '' }, spec: { namespace } };
  const { status } = await client.create<Rules>(selfRulesReviews, asked);
  return (status?.resourceRules ?? [])
    .map((rule) => JSON.stringify([rule.verbs, rule.apiGroups, rule.resources, rule.resourceNames ?? []]))
    .toSorted();
};
