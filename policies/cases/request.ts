// SPDX-License-Identifier: Apache-2.0
// Objects → the request that writing them would make: what an API server knows by discovery is guessed here from the kind.
import { writKinds } from '../../crds/kinds.ts';
import { fromJson } from '../cel/index.ts';
import type { DescribedKind } from '../compile/params.ts';
import { DEFAULT_NAMESPACE } from '../compile/params.ts';
import type { AdmissionRequest, JsonObject, Operation, UserInfo } from '../decide/request.ts';
import { isJsonObject, own } from '../document/json.ts';
import { workloadKind } from '../subject/kind-index.ts';
import { ownMap, ownText } from '../subject/paths.ts';

export type RequestSource = {
  readonly operation: Operation;
  /** As manifests; a key or number of theirs is what kubectl would send. */
  readonly object: JsonObject | null;
  readonly oldObject: JsonObject | null;
  readonly user: Partial<UserInfo>;
  /** Where an object goes that names no namespace. */
  readonly namespace: string;
  readonly kinds: readonly DescribedKind[];
};

export type RequestOutcome = { readonly ok: true; readonly request: AdmissionRequest } | { readonly ok: false; readonly message: string };

/** Kinds of Kubernetes that live in no namespace. */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  '/Namespace',
  '/Node',
  '/PersistentVolume',
  '/ComponentStatus',
  ...['ClusterRole', 'ClusterRoleBinding'].map((kind) => `rbac.authorization.k8s.io/${kind}`),
  ...['StorageClass', 'VolumeAttachment', 'CSIDriver', 'CSINode', 'VolumeAttributesClass'].map((kind) => `storage.k8s.io/${kind}`),
  ...[
    'ValidatingWebhookConfiguration',
    'MutatingWebhookConfiguration',
    'ValidatingAdmissionPolicy',
    'ValidatingAdmissionPolicyBinding',
  ].map((kind) => `admissionregistration.k8s.io/${kind}`),
  ...['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding'].map((kind) => `admissionregistration.k8s.io/${kind}`),
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apiregistration.k8s.io/APIService',
  'scheduling.k8s.io/PriorityClass',
  'node.k8s.io/RuntimeClass',
  ...['IngressClass', 'IPAddress', 'ServiceCIDR'].map((kind) => `networking.k8s.io/${kind}`),
  ...['FlowSchema', 'PriorityLevelConfiguration'].map((kind) => `flowcontrol.apiserver.k8s.io/${kind}`),
  ...['CertificateSigningRequest', 'ClusterTrustBundle'].map((kind) => `certificates.k8s.io/${kind}`),
  ...['DeviceClass', 'ResourceSlice'].map((kind) => `resource.k8s.io/${kind}`),
  ...['TokenReview', 'SelfSubjectReview'].map((kind) => `authentication.k8s.io/${kind}`),
  ...['SubjectAccessReview', 'SelfSubjectAccessReview', 'SelfSubjectRulesReview'].map((kind) => `authorization.k8s.io/${kind}`),
  ...writKinds.filter(({ namespaced }) => !namespaced).map(({ group, kind }) => `${group}/${kind}`),
]);

/** What is sent to a subresource under a kind of its own. */
const SUBRESOURCES: ReadonlyMap<string, readonly [resource: string, subResource: string]> = new Map([
  ['/PodExecOptions', ['pods', 'exec']],
  ['/PodAttachOptions', ['pods', 'attach']],
  ['/PodPortForwardOptions', ['pods', 'portforward']],
  ['/PodProxyOptions', ['pods', 'proxy']],
  ['/ServiceProxyOptions', ['services', 'proxy']],
  ['/NodeProxyOptions', ['nodes', 'proxy']],
  ['/Binding', ['pods', 'binding']],
  ['policy/Eviction', ['pods', 'eviction']],
  ['authentication.k8s.io/TokenRequest', ['serviceaccounts', 'token']],
]);

const PLURALS: ReadonlyMap<string, string> = new Map(writKinds.map(({ group, kind, plural }) => [`${group}/${kind}`, plural]));

/** Workload kinds by the table, others by the usual plural. */
const pluralOf = (group: string, kind: string): string => {
  const known = workloadKind(group, kind)?.plural ?? PLURALS.get(`${group}/${kind}`);
  if (known !== undefined) return known;
  const lower = kind.toLowerCase();
  if (lower === 'endpoints') return lower;
  if (/(?:s|x|ch|sh)$/.test(lower)) return `${lower}es`;
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
};

type Place = { readonly resource: string; readonly subResource: string; readonly namespaced: boolean };

const placeOf = (group: string, kind: string, kinds: readonly DescribedKind[]): Place => {
  const name = `${group}/${kind}`;
  const [parent, subResource] = SUBRESOURCES.get(name) ?? [];
  if (parent !== undefined && subResource !== undefined) return { resource: parent, subResource, namespaced: parent !== 'nodes' };
  const described = kinds.find((one) => one.group === group && one.kind === kind);
  if (described !== undefined) return { resource: described.plural, subResource: '', namespaced: described.namespaced };
  const namespaced = workloadKind(group, kind)?.scope !== 'Cluster' && !CLUSTER_SCOPED.has(name);
  return { resource: pluralOf(group, kind), subResource: '', namespaced };
};

/** The API server appends what every user of a kind belongs to, impersonated or not. */
const userOf = ({ username = 'someone', uid = '', groups = [], extra = {} }: Partial<UserInfo>): UserInfo => {
  const everyone = username === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  return { username, uid, groups: groups.includes(everyone) ? groups : [...groups, everyone], extra };
};

const withNamespace = (object: JsonObject | null, namespace: string): JsonObject | null => {
  if (object === null || namespace === '') return object;
  const metadata = own(object, 'metadata');
  if (!isJsonObject(metadata)) return { ...object, metadata: { namespace } };
  return Object.hasOwn(metadata, 'namespace') ? object : { ...object, metadata: { ...metadata, namespace } };
};

const OPTIONS: Readonly<Record<Operation, string | undefined>> = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: undefined,
};

export const requestOf = (source: RequestSource): RequestOutcome => {
  const { operation } = source;
  const given = source.object ?? source.oldObject;
  if (given === null) return { ok: false, message: 'there is no object' };
  if ((operation === 'CREATE' || operation === 'UPDATE') && source.object === null)
    return { ok: false, message: `a request to ${operation} has an object` };
  if ((operation === 'UPDATE' || operation === 'DELETE') && source.oldObject === null)
    return { ok: false, message: `a request to ${operation} has an oldObject` };
  const main = fromJson(operation === 'DELETE' ? source.oldObject : given);
  const apiVersion = ownText(main, 'apiVersion') ?? '';
  const kind = ownText(main, 'kind') ?? '';
  if (apiVersion === '' || kind === '') return { ok: false, message: 'the object has no apiVersion and kind' };
  const slash = apiVersion.indexOf('/');
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
  const place = placeOf(group, kind, source.kinds);
  const metadata = ownMap(main, 'metadata');
  const name = ownText(metadata, 'name') ?? '';
  const isNamespace = group === '' && kind === 'Namespace';
  const inside = place.namespaced ? ownText(metadata, 'namespace') || source.namespace || DEFAULT_NAMESPACE : '';
  const parentVersion = place.subResource === '' ? version : 'v1';
  const parentGroup = place.subResource === '' ? group : '';
  const resource = { group: parentGroup, version: parentVersion, resource: place.resource };
  const options = OPTIONS[operation];
  const written = place.subResource === '' ? inside : '';
  return {
    ok: true,
    request: {
      uid: 'case',
      kind: { group, version, kind },
      resource,
      subResource: place.subResource,
      requestKind: { group, version, kind },
      requestResource: resource,
      requestSubResource: place.subResource,
      name,
      namespace: isNamespace ? name : inside,
      operation,
      userInfo: userOf(source.user),
      object: operation === 'DELETE' ? null : fromJson(withNamespace(source.object, written)),
      oldObject: operation === 'CREATE' || operation === 'CONNECT' ? null : fromJson(withNamespace(source.oldObject, written)),
      options: options === undefined ? null : { kind: options, apiVersion: 'meta.k8s.io/v1' },
      dryRun: false,
    },
  };
};
