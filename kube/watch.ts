// SPDX-License-Identifier: Apache-2.0
// One watch connection as an async iterator. It asks for bookmarks, so that its resourceVersion stays young on a quiet
// resource, and for an end after 5-10 minutes (client-go's span, jittered so that a fleet does not return as one). A silent
// connection is told from a quiet resource by the bookmarks: the server sends one about every minute, so three missing ones
// mean that nobody is there (a half-open connection gives no error for hours).
import { apiVersionOf } from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import type { Clock } from '../process/clock.ts';
import type { KubeRequest, OpenStream } from './call.ts';
import { createDeadline } from './deadline.ts';
import type { Deadline } from './deadline.ts';
import { KubeTransportError, statusError } from './errors.ts';
import type { Status } from './errors.ts';
import { jsonLines } from './json-lines.ts';
import { pathOf } from './objects.ts';
import type { KubeObject } from './objects.ts';
import { asTransportError } from './transport.ts';

export type WatchOptions = {
  /** Where to go on from: of a list, or of the last event or bookmark seen. */
  readonly resourceVersion: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly signal?: AbortSignal;
  /** For the server's first answer. */
  readonly timeoutMs?: number;
  /** Silence after which the connection counts as dead; 180 s by default. */
  readonly idleTimeoutMs?: number;
};

export type WatchEvent<T> = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  /** Of a bookmark only metadata.resourceVersion means anything. */
  readonly object: T;
};

const IDLE_TIMEOUT_MS = 180_000;
const SHORTEST_WATCH_S = 300;
const WATCH_SPREAD_S = 300;
const EVENT_TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

export async function* watchResource<T extends KubeObject>(input: {
  readonly open: (request: KubeRequest) => Promise<OpenStream>;
  readonly resource: Resource;
  readonly options: WatchOptions;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
}): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const { resource, options, clock, random = Math.random } = input;
  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const stream = await input.open({
    method: 'GET',
    path: pathOf(resource, { namespace: options.namespace }),
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      timeoutSeconds: SHORTEST_WATCH_S + Math.floor(random() * WATCH_SPREAD_S),
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    },
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const idle = createDeadline({ clock, timeoutMs: idleTimeoutMs, signal: options.signal });
  const end = (): void => stream.close();
  idle.signal.addEventListener('abort', end, { once: true });
  if (idle.signal.aborted) end();
  try {
    for await (const line of jsonLines(alive(stream, idle))) yield eventOf<T>(line, resource);
  } catch (error) {
    if (idle.expired()) throw new KubeTransportError('IDLE', `the watch was silent for ${idleTimeoutMs} ms`, error);
    throw asTransportError(error, options.signal);
  } finally {
    idle.release();
    stream.close();
  }
  if (idle.expired()) throw new KubeTransportError('IDLE', `the watch was silent for ${idleTimeoutMs} ms`);
}

async function* alive(stream: OpenStream, idle: Deadline): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of stream.body as AsyncIterable<Uint8Array>) {
    idle.extend();
    yield chunk;
  }
}

const eventOf = <T extends KubeObject>(line: unknown, resource: Resource): WatchEvent<T> => {
  const event = line as { readonly type?: unknown; readonly object?: KubeObject | Status | null } | null;
  const type = event?.type;
  const object = event?.object;
  if (typeof object !== 'object' || object === null) throw new KubeTransportError('BODY', 'a watch event without an object');
  if (type === 'ERROR') throw statusError(object as Status);
  if (!EVENT_TYPES.has(type) || !('metadata' in object)) throw new KubeTransportError('BODY', `an unknown watch event ${String(type)}`);
  const completed = object.kind === undefined ? { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object } : object;
  return { type: type as WatchEvent<T>['type'], object: completed as T };
};
