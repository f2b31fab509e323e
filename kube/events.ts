// SPDX-License-Identifier: Apache-2.0
// Events for people (events.k8s.io/v1). One a transition: the same thing said again of the same object is not written, and an
// object that flaps, or a cluster full of them, is held to a rate, because every event is a write to etcd. Telling is a
// courtesy: a failure is counted, never thrown.
import { createHash } from 'node:crypto';
import { apiVersionOf, events } from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import type { Clock } from '../process/clock.ts';
import type { KubeClient } from './client.ts';
import { isFenced } from './errors.ts';
import type { KubeObject } from './objects.ts';

export type Regarding = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
};

export type EventInput = {
  readonly regarding: Regarding;
  readonly type: 'Normal' | 'Warning';
  /** One CamelCase word: why. */
  readonly reason: string;
  /** For people; at most 1 KiB is kept. */
  readonly note: string;
  /** One CamelCase word: what was being done. Transitions are told apart by object and action. */
  readonly action: string;
};

export type EventResult = 'written' | 'repeated' | 'limited' | 'failed';

export type EventRecorder = {
  /** True when it was written. */
  record(event: EventInput): Promise<boolean>;
};

const MAX_NOTE_BYTES = 1024;
const MAX_WORD = 128;
const REMEMBERED = 4096;
// client-go's spam filter: 25 at once for an object, then one in five minutes.
const OBJECT_BURST = 25;
const OBJECT_REFILL_MS = 300_000;
const TOTAL_BURST = 200;
const TOTAL_REFILL_MS = 200;

export const createEventRecorder = (options: {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Who speaks, such as `writ.dev/operator`. */
  readonly reportingController: string;
  /** Which process of it. */
  readonly reportingInstance: string;
  readonly observe?: (result: EventResult, error?: unknown) => void;
}): EventRecorder => {
  const { client, clock, observe } = options;
  const last = createRecent<string>(REMEMBERED);
  const buckets = createRecent<Bucket>(REMEMBERED);
  const total: Bucket = { tokens: TOTAL_BURST, atMs: clock.monotonicMs() };
  let sequence = 0;

  return {
    record: async (event) => {
      const subject = JSON.stringify([event.regarding.kind, event.regarding.namespace, event.regarding.name, event.regarding.uid]);
      const topic = `${subject}${event.action}`;
      const said = createHash('sha256')
        .update(JSON.stringify([event.type, event.reason, event.note]))
        .digest('base64');
      if (last.get(topic) === said) {
        observe?.('repeated');
        return false;
      }
      const bucket = buckets.get(subject) ?? { tokens: OBJECT_BURST, atMs: clock.monotonicMs() };
      buckets.set(subject, bucket);
      const nowMs = clock.monotonicMs();
      if (
        !take(bucket, { nowMs, burst: OBJECT_BURST, refillMs: OBJECT_REFILL_MS }) ||
        !take(total, { nowMs, burst: TOTAL_BURST, refillMs: TOTAL_REFILL_MS })
      ) {
        observe?.('limited');
        return false;
      }
      last.set(topic, said);
      try {
        await client.create(events, eventObject({ event, options, nowMs: clock.now(), sequence: (sequence += 1) }));
        observe?.('written');
        return true;
      } catch (error) {
        // Not said after all; a fenced writer has nothing more to say.
        if (!isFenced(error)) last.delete(topic);
        observe?.('failed', error);
        return false;
      }
    },
  };
};

/** What an event points at. */
export const regardingOf = (resource: Resource, object: KubeObject): Regarding => {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
};

const eventObject = (input: {
  readonly event: EventInput;
  readonly options: { readonly reportingController: string; readonly reportingInstance: string };
  readonly nowMs: number;
  readonly sequence: number;
}): KubeObject => {
  const { event, options, nowMs, sequence } = input;
  const unique = createHash('sha256').update(`${options.reportingInstance}/${nowMs}/${sequence}`).digest('hex').slice(0, 16);
  const object = {
    // The API keeps events about cluster-scoped objects in `default`, and nowhere else.
    metadata: { name: `${event.regarding.name.slice(0, 230)}.${unique}`, namespace: event.regarding.namespace ?? 'default' },
    // MicroTime.
    eventTime: new Date(nowMs).toISOString().replace('Z', '000Z'),
    reportingController: options.reportingController,
    reportingInstance: options.reportingInstance.slice(0, MAX_WORD),
    action: event.action.slice(0, MAX_WORD),
    reason: event.reason.slice(0, MAX_WORD),
    regarding: event.regarding,
    note: withinBytes(event.note, MAX_NOTE_BYTES),
    type: event.type,
  };
  return object;
};

/** Cut at a character, never inside one. */
const withinBytes = (text: string, maxBytes: number): string => {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const cut = Buffer.from(text)
    .subarray(0, maxBytes - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
  return `${cut}…`;
};

type Bucket = { tokens: number; atMs: number };

const take = (bucket: Bucket, limit: { readonly nowMs: number; readonly burst: number; readonly refillMs: number }): boolean => {
  bucket.tokens = Math.min(limit.burst, bucket.tokens + (limit.nowMs - bucket.atMs) / limit.refillMs);
  bucket.atMs = limit.nowMs;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
};

/** A map that forgets what was set longest ago: names come from users and are without number. */
const createRecent = <V>(capacity: number) => {
  const entries = new Map<string, V>();
  return {
    get: (key: string): V | undefined => entries.get(key),
    set: (key: string, value: V): void => {
      entries.delete(key);
      entries.set(key, value);
      const [oldest] = entries.keys();
      if (entries.size > capacity && oldest !== undefined) entries.delete(oldest);
    },
    delete: (key: string): boolean => entries.delete(key),
  };
};
