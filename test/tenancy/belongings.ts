// SPDX-License-Identifier: Apache-2.0
// Everything that tenants of a cluster have, by uid, so that whatever an accident took away is named. An object that was deleted and made anew
// counts as lost: what was in it is.
import { MANAGED_BY, MANAGED_BY_LABEL, namespaces, policies, tenants } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { HELD_KINDS } from './crossfire/canaries.ts';

export type Belongings = ReadonlyMap<string, string>;

/** Kinds that Kubernetes itself makes and lets go as it sees fit. */
const COMES_AND_GOES = new Set(['Lease']);

export const belongings = async (admin: KubeClient): Promise<Belongings> => {
  const kinds = [...HELD_KINDS.filter(({ kind }) => !COMES_AND_GOES.has(kind)), namespaces, tenants, policies];
  const lists = await Promise.all(
    kinds.map(async (resource) =>
      (await admin.list<KubeObject>(resource)).items.map((object): [string, string] => [
        object.metadata.uid ?? '',
        nameOf(resource.kind, object),
      ]),
    ),
  );
  return new Map(lists.flat());
};

/** What comes from Git carries the label too, and is a person's. */
const FROM_PEOPLE: ReadonlySet<string> = new Set(['Namespace', 'Tenant', 'Policy']);

const nameOf = (kind: string, { metadata: { namespace, name, labels } }: KubeObject): string =>
  `${labels?.[MANAGED_BY_LABEL] === MANAGED_BY && !FROM_PEOPLE.has(kind) ? 'Writ’s ' : ''}${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;

/** What was there before and is not now, in order. */
export const lost = (before: Belongings, now: Belongings): readonly string[] =>
  [...before].flatMap(([uid, name]) => (now.has(uid) ? [] : [name])).toSorted();
