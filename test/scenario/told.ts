// SPDX-License-Identifier: Apache-2.0
// What a person is told about an object of ours: its conditions and its events.
import { SYSTEM_NAMESPACE, events, gitSources } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { Condition } from '../../crds/conditions.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { until } from './until.ts';

export type ToldObject = KubeObject & {
  readonly spec?: unknown;
  readonly signature?: { readonly document?: string };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly lastAppliedRevision?: string;
    readonly lastAttemptedRevision?: string;
    readonly digest?: string;
    readonly enforcedReplicas?: number;
    readonly namespaces?: readonly unknown[];
  };
};

export type EventObject = KubeObject & {
  readonly reason?: string;
  readonly note?: string;
  readonly type?: string;
  readonly regarding?: { readonly kind?: string; readonly name?: string };
};

export const conditionOf = (object: ToldObject | undefined, type: string): Condition | undefined =>
  object?.status?.conditions?.find((condition) => condition.type === type);

/** Far more than a sync takes on a busy machine. */
const PATIENCE_MS = 20_000;
const SOURCE = { namespace: SYSTEM_NAMESPACE, name: 'policies' };

export const readSource = async (client: KubeClient): Promise<ToldObject> => {
  const source = await client.get<ToldObject>(gitSources, SOURCE);
  if (source === undefined) throw new Error('the GitSource is gone');
  return source;
};

/** Resolves with the Ready condition once the source says no with this code. */
export const sourceRefuses = (client: KubeClient, code: string): Promise<Condition> =>
  until(
    async () => {
      const ready = conditionOf(await readSource(client), 'Ready');
      return ready?.status === 'False' && ready.message.includes(code) ? ready : undefined;
    },
    { what: `the GitSource to be refused with ${code}`, withinMs: PATIENCE_MS },
  ).catch(async (error: unknown) => {
    const ready = conditionOf(await readSource(client), 'Ready');
    throw new Error(`the GitSource says Ready=${ready?.status}: ${ready?.message}`, { cause: error });
  });

/** Resolves once this commit is applied and nothing is wrong. */
export const sourceApplies = (client: KubeClient, commit: string): Promise<ToldObject> =>
  until(
    async () => {
      const source = await readSource(client);
      const applied = source.status?.lastAppliedRevision?.endsWith(commit) === true;
      return applied && conditionOf(source, 'Ready')?.status === 'True' ? source : undefined;
    },
    { what: `commit ${commit} to be applied`, withinMs: PATIENCE_MS },
  ).catch(async (error: unknown) => {
    const source = await readSource(client);
    throw new Error(`the GitSource says ${JSON.stringify(source.status)}`, { cause: error });
  });

/** Resolves with the object once a condition of it is as wanted. */
export const objectSays = (
  client: KubeClient,
  where: { readonly resource: Resource; readonly name: string },
  wanted: { readonly type: string; readonly status: string; readonly reason?: string },
): Promise<ToldObject> =>
  until(
    async () => {
      const object = await client.get<ToldObject>(where.resource, { name: where.name });
      const condition = conditionOf(object, wanted.type);
      const fits = condition?.status === wanted.status && (wanted.reason === undefined || condition.reason === wanted.reason);
      return fits ? object : undefined;
    },
    { what: `${where.resource.kind} ${where.name} to say ${wanted.type}=${wanted.status} ${wanted.reason ?? ''}` },
  ).catch(async (error: unknown) => {
    const object = await client.get<ToldObject>(where.resource, { name: where.name });
    throw new Error(`${where.name} says ${JSON.stringify(object?.status)}`, { cause: error });
  });

export const eventsAbout = async (client: KubeClient, about: { readonly kind: string; readonly name: string }): Promise<EventObject[]> => {
  const { items } = await client.list<EventObject>(events);
  return items.filter(({ regarding }) => regarding?.kind === about.kind && regarding.name === about.name);
};
