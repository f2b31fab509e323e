// SPDX-License-Identifier: Apache-2.0
/**
 * Our floor on the Kubernetes API: one client for every verb we use.
 *
 * In: where the credentials are, a clock. Out: `KubeClient`, whose calls give raw wire objects, throw `KubeApiError` /
 * `KubeTransportError`, obey Retry-After and hold a bounded number of connections (transport.ts says how). On top of it lie
 * list.ts and watch.ts (reading), apply.ts, status.ts and events.ts (writing), informer.ts, work-queue.ts, controller.ts and
 * leader.ts (running). operator/, webhook/, cli/ and test/ may import this folder; it imports crds/kinds, process/clock,
 * undici and KubeConfig of @kubernetes/client-node, and knows no kind of ours.
 */
import { apiVersionOf } from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import type { Clock } from '../process/clock.ts';
import { createCaller, DEFAULT_CONCURRENT_CALLS } from './call.ts';
import type { KubeRequest } from './call.ts';
import { createCredentials } from './credentials.ts';
import { isNotFound } from './errors.ts';
import type { Fence } from './fence.ts';
import { listAll } from './list.ts';
import type { ListOptions, ListResult } from './list.ts';
import { pathOf } from './objects.ts';
import type { KubeObject, ObjectRef } from './objects.ts';
import type { KubeObserver } from './observe.ts';
import { createTransport } from './transport.ts';
import { watchResource } from './watch.ts';
import type { WatchEvent, WatchOptions } from './watch.ts';

export type WriteOptions = {
  readonly fieldManager?: string;
  /** Everything but the storing: admission, validation, defaulting. */
  readonly dryRun?: boolean;
  /** What the server does about unknown fields; the server's own default is Warn. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  readonly subresource?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

export type PatchType = 'json' | 'merge' | 'strategic';

export type PatchOptions = WriteOptions & { readonly type: PatchType; readonly body: unknown };

/** Whoever applies is named: two writers of one name would silently take each other's fields away. */
export type ApplyOptions = WriteOptions & {
  readonly fieldManager: string;
  /** Take fields from other managers instead of failing with a conflict; true by default, as controllers should. */
  readonly force?: boolean;
};

export type DeleteOptions = {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly dryRun?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

export type ReadOptions = { readonly timeoutMs?: number; readonly signal?: AbortSignal };

export type KubeClient = {
  /** `undefined` when there is no such object. */
  get<T extends KubeObject>(resource: Resource, ref: ObjectRef, options?: ReadOptions): Promise<T | undefined>;
  /** The whole collection, read in pages of 500 at one resourceVersion. */
  list<T extends KubeObject>(resource: Resource, options?: ListOptions): Promise<ListResult<T>>;
  create<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  /** PUT; with metadata.resourceVersion it fails with a conflict when someone was faster. */
  replace<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(resource: Resource, ref: ObjectRef, options: PatchOptions): Promise<T>;
  /** Server-side apply; fieldValidation is Strict unless told otherwise. */
  apply<T extends KubeObject>(resource: Resource, object: T, options: ApplyOptions): Promise<T>;
  /** `false` when there was no such object. */
  delete(resource: Resource, ref: ObjectRef, options?: DeleteOptions): Promise<boolean>;
  /** Any call; the parsed JSON answer, or text when the answer is no JSON. */
  request<T>(request: KubeRequest): Promise<T>;
  /** One watch connection: ends when the server ends it, throws when it is cut. Informers restart it; see informer.ts. */
  watch<T extends KubeObject>(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void, undefined>;
  /** The same connections, but every write first asks the fence. */
  fenced(fence: Fence): KubeClient;
  close(): Promise<void>;
};

export type KubeClientOptions = {
  /** A kubeconfig file. Without it: the pod's service account, else client-node's rules (KUBECONFIG, ~/.kube/config). */
  readonly kubeconfigPath?: string;
  readonly context?: string;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly observe?: KubeObserver;
  /** Calls at once; watches come on top, one connection each. 16 by default. */
  readonly maxConcurrentCalls?: number;
  /** For one attempt of a call, unless the call says otherwise. 30 s by default. */
  readonly timeoutMs?: number;
  readonly random?: () => number;
};

const PATCH_CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

export const createKubeClient = (options: KubeClientOptions): KubeClient => {
  const credentials = createCredentials(options);
  const transport = createTransport({ ...options, credentials, maxConnections: options.maxConcurrentCalls ?? DEFAULT_CONCURRENT_CALLS });
  return clientOver(createCaller({ ...options, transport }), options);
};

const clientOver = (caller: ReturnType<typeof createCaller>, options: KubeClientOptions): KubeClient => {
  const request = <T>(wanted: KubeRequest): Promise<T> => caller.request<T>(wanted);
  const withKind = <T extends KubeObject>(resource: Resource, object: T): T => ({
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    ...object,
  });
  return {
    get: async <T extends KubeObject>(resource: Resource, ref: ObjectRef, read: ReadOptions = {}) => {
      try {
        return await request<T>({ ...read, method: 'GET', path: pathOf(resource, ref) });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    list: (resource, list = {}) => listAll({ request, resource, options: list }),
    create: (resource, object, write = {}) =>
      request({
        ...call(write),
        method: 'POST',
        path: pathOf(resource, {
          namespace: object.metadata.namespace,
          ...(write.subresource === undefined ? {} : { name: object.metadata.name, subresource: write.subresource }),
        }),
        query: writeQuery(write),
        body: withKind(resource, object),
      }),
    replace: (resource, object, write = {}) =>
      request({
        ...call(write),
        method: 'PUT',
        path: pathOf(resource, { ...object.metadata, subresource: write.subresource }),
        query: writeQuery(write),
        body: withKind(resource, object),
      }),
    patch: (resource, ref, patch) =>
      request({
        ...call(patch),
        method: 'PATCH',
        path: pathOf(resource, { ...ref, subresource: patch.subresource }),
        query: writeQuery(patch),
        contentType: PATCH_CONTENT_TYPES[patch.type],
        body: patch.body,
        // A JSON patch may append, so sending it twice is not sending it once; RFC 7396 merge patches are idempotent.
        idempotent: patch.type === 'merge',
      }),
    apply: (resource, object, apply) =>
      request({
        ...call(apply),
        method: 'PATCH',
        path: pathOf(resource, { ...object.metadata, subresource: apply.subresource }),
        query: { ...writeQuery({ fieldValidation: 'Strict', ...apply }), force: apply.force ?? true },
        contentType: 'application/apply-patch+yaml',
        body: withKind(resource, object),
        idempotent: true,
      }),
    delete: async (resource, ref, remove = {}) => {
      const { preconditions, propagationPolicy, dryRun } = remove;
      try {
        await request({
          ...call(remove),
          method: 'DELETE',
          path: pathOf(resource, ref),
          body: {
            apiVersion: 'v1',
            kind: 'DeleteOptions',
            ...(preconditions === undefined ? {} : { preconditions }),
            ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
            ...(dryRun === true ? { dryRun: ['All'] } : {}),
          },
        });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },
    request,
    watch: (resource, watch) =>
      watchResource({ open: (wanted) => caller.open(wanted), resource, options: watch, clock: options.clock, random: options.random }),
    fenced: (fence) => clientOver(caller.fenced(fence), options),
    close: () => caller.close(),
  };
};

const call = (options: ReadOptions): ReadOptions => ({
  ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  ...(options.signal === undefined ? {} : { signal: options.signal }),
});

const writeQuery = (options: WriteOptions): Readonly<Record<string, string | boolean | undefined>> => ({
  fieldManager: options.fieldManager,
  fieldValidation: options.fieldValidation,
  dryRun: options.dryRun === true ? 'All' : undefined,
});
