// SPDX-License-Identifier: Apache-2.0
/**
 * Random requests of a tenant's people, and what each may at most be answered.
 *
 * In: a seeded source of choices, what the API server serves, what each tenant has. Out: shots, each with what it is aimed at: `own` must not
 * show anything of others, `cross` names what is the other tenant's and must be refused as if it were not there, `wide` asks for more than one
 * tenant's, and must be refused unless everybody may know it, `smuggled` bends the path, the headers or the body and must
 * show nothing. Whatever is aimed at one's own objects is a dry run but for objects named scratch-….
 */
import type { Random } from '../../fuzz/random.ts';
import type { ServedKind } from '../access.ts';
import { SCRATCH } from './canaries.ts';
import type { Held } from './canaries.ts';
import type { Field, Target } from './field.ts';
import type { Shot } from './person.ts';
import { smuggledShot } from './smuggled.ts';

export type Aim = 'own' | 'cross' | 'wide' | 'smuggled';
/** `never`: no answer of success is right, whatever it shows. */
export type Aimed = Shot & { readonly aim: Aim; readonly never: boolean };

const rootOf = ({ group, version }: Pick<ServedKind, 'group' | 'version'>): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

const SUBRESOURCES = [
  '',
  '',
  '',
  'status',
  'scale',
  'log',
  'exec',
  'attach',
  'portforward',
  'proxy/',
  'binding',
  'eviction',
  'finalize',
  'token',
  'ephemeralcontainers',
  'resize',
  'approval',
] as const;
const METHODS = ['GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const PATCHES = [
  'application/merge-patch+json',
  'application/json-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
const ACCEPTS = [
  'application/json',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/yaml',
  '*/*',
] as const;

/** Ways to ask for a collection that might show or count more than one may see. */
const collectionQuery = (random: Random, other: Target): string =>
  random.pick([
    '',
    'limit=1',
    'limit=500&resourceVersion=0',
    'labelSelector=app%3Dcanary',
    `labelSelector=writ.dev%2Ftenant%3D${other.tenant}`,
    `fieldSelector=metadata.namespace%3D${other.namespaces[0]}`,
    `fieldSelector=metadata.name%3D${random.pick(['notes', 'key', 'agent'])}`,
    'resourceVersion=0&resourceVersionMatch=NotOlderThan',
    'sendInitialEvents=true&watch=1&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1',
    'watch=1&timeoutSeconds=1',
  ]);

const list = <T>(all: readonly T[], fallback: T): readonly [T, ...T[]] => [all[0] ?? fallback, ...all.slice(1)];

const bodyFor = (
  random: Random,
  where: { readonly kind: string; readonly name: string; readonly namespace: string; readonly other: Target },
): string => {
  const foreign = random.pick(list(where.other.held, undefined));
  const metadata = {
    name: where.name,
    namespace: random.below(4) === 0 ? where.other.namespaces[0] : where.namespace,
    labels: random.below(3) === 0 ? { 'writ.dev/tenant': where.other.tenant, 'app.kubernetes.io/managed-by': 'writ' } : {},
    ...(random.below(3) === 0 && foreign !== undefined
      ? { ownerReferences: [{ apiVersion: 'v1', kind: foreign.resource.kind, name: foreign.name, uid: foreign.uid, controller: true }] }
      : {}),
  };
  return JSON.stringify({ kind: where.kind, metadata, data: { from: where.name }, spec: {} });
};

/** A request for one object or a collection of a kind in a namespace. */
const shotAt = (
  random: Random,
  at: { readonly kind: ServedKind; readonly namespace: string; readonly name: string; readonly other: Target; readonly dryRun: boolean },
): Shot => {
  const { kind, namespace, name, other } = at;
  const method = random.pick(METHODS);
  const collection = `${rootOf(kind)}${namespace === '' ? '' : `/namespaces/${namespace}`}/${kind.resource}`;
  const isCollection = method === 'POST' ? random.below(4) > 0 : random.below(3) === 0 && method !== 'PUT' && method !== 'PATCH';
  const subresource = isCollection ? '' : random.pick(SUBRESOURCES);
  const query = [
    ...(method === 'GET' && isCollection ? [collectionQuery(random, other)] : []),
    ...(method === 'GET' || !at.dryRun ? [] : ['dryRun=All']),
    ...(method === 'PATCH' ? ['fieldManager=crossfire'] : []),
    ...(subresource === 'exec' ? ['command=id', 'stdout=true'] : []),
  ].filter((part) => part !== '');
  const path = `${collection}${isCollection ? '' : `/${name}`}${subresource === '' ? '' : `/${subresource}`}${query.length === 0 ? '' : `?${query.join('&')}`}`;
  const headers = { accept: random.pick(ACCEPTS), ...(method === 'PATCH' ? { 'content-type': random.pick(PATCHES) } : {}) };
  const hasBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  return { method, path, headers, ...(hasBody ? { body: bodyFor(random, { kind: kind.resource, name, namespace, other }) } : {}) };
};

const kindOf = (field: Field, held: Held): ServedKind => {
  const { group, version, plural, namespaced } = held.resource;
  return (
    field.served.find((kind) => kind.group === group && kind.resource === plural) ?? {
      group,
      version,
      resource: plural,
      namespaced,
      verbs: [],
    }
  );
};

const crossShot = (random: Random, field: Field): Shot => {
  const { other } = field;
  const held = random.pick(list(other.held, undefined));
  if (held !== undefined && random.below(3) > 0) {
    return shotAt(random, { kind: kindOf(field, held), namespace: held.namespace, name: held.name, other, dryRun: random.below(4) > 0 });
  }
  const kind = random.pick(
    list(
      field.served.filter(({ namespaced }) => namespaced),
      undefined,
    ),
  );
  if (kind === undefined) throw new Error('nothing is served');
  return shotAt(random, {
    kind,
    namespace: random.pick(other.namespaces),
    name: random.pick(['notes', 'absent', 'default']),
    other,
    dryRun: true,
  });
};

const wideShot = (random: Random, field: Field): Shot => {
  const kind = random.pick(
    list(
      field.served.filter(({ resource }) => !resource.startsWith('selfsubject')),
      undefined,
    ),
  );
  if (kind === undefined) throw new Error('nothing is served');
  if (kind.namespaced) {
    const query = collectionQuery(random, field.other);
    return {
      method: 'GET',
      path: `${rootOf(kind)}/${kind.resource}${query === '' ? '' : `?${query}`}`,
      headers: { accept: random.pick(ACCEPTS) },
    };
  }
  const name = random.pick([field.other.tenant, ...field.other.namespaces, 'cluster-admin', 'admin', 'absent']);
  return shotAt(random, { kind, namespace: '', name, other: field.other, dryRun: true });
};

const ownShot = (random: Random, field: Field): Shot => {
  const { own, other } = field;
  if (random.below(4) === 0) {
    const [kind] = field.served.filter(({ group, resource }) => group === '' && resource === random.pick(['configmaps', 'secrets']));
    if (kind !== undefined) {
      const name = `${SCRATCH}${own.tenant}-${random.below(20)}`;
      const namespace = random.pick(own.namespaces);
      const path = `${rootOf(kind)}/namespaces/${namespace}/${kind.resource}`;
      const body = JSON.stringify({ metadata: { name, namespace }, ...(random.below(2) === 0 ? { data: {} } : { immutable: false }) });
      return random.pick<Shot>([
        { method: 'POST', path, body },
        { method: 'DELETE', path: `${path}/${name}` },
        {
          method: 'PATCH',
          path: `${path}/${name}`,
          body: '{"metadata":{"labels":{"turn":"next"}}}',
          headers: { 'content-type': 'application/merge-patch+json' },
        },
      ]);
    }
  }
  const held = random.pick(list(own.held, undefined));
  if (held === undefined) throw new Error(`${own.tenant} has nothing`);
  return shotAt(random, { kind: kindOf(field, held), namespace: held.namespace, name: held.name, other, dryRun: true });
};

export const aimedShot = (random: Random, field: Field): Aimed => {
  const dice = random.below(100);
  if (dice < 45) return { ...crossShot(random, field), aim: 'cross', never: true };
  if (dice < 65) return { ...wideShot(random, field), aim: 'wide', never: false };
  if (dice < 82) return { ...smuggledShot(random, field), aim: 'smuggled' };
  return { ...ownShot(random, field), aim: 'own', never: false };
};
