// SPDX-License-Identifier: Apache-2.0
// A whole collection in pages, all of one resourceVersion. When the continue token has expired (410, compaction) the pages
// read so far belong to a version that cannot be finished, so the list starts from scratch; if that keeps happening, one
// unpaged read ends it.
import { apiVersionOf } from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import type { KubeRequest } from './call.ts';
import { isGone } from './errors.ts';
import { pathOf } from './objects.ts';
import type { KubeObject } from './objects.ts';

export type ListOptions = {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Objects a page; 500 by default. */
  readonly pageSize?: number;
};

export type ListResult<T> = { readonly items: readonly T[]; readonly resourceVersion: string };

type Page = {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubeObject[] | null;
};

const PAGE_SIZE = 500;
const PAGED_TRIES = 3;

export const listAll = async <T extends KubeObject>(input: {
  readonly request: <R>(request: KubeRequest) => Promise<R>;
  readonly resource: Resource;
  readonly options: ListOptions;
}): Promise<ListResult<T>> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await listOnce<T>({ ...input, limit: tries > PAGED_TRIES ? undefined : (input.options.pageSize ?? PAGE_SIZE) });
    } catch (error) {
      if (!isGone(error) || tries > PAGED_TRIES) throw error;
    }
  }
};

const listOnce = async <T extends KubeObject>(input: {
  readonly request: <R>(request: KubeRequest) => Promise<R>;
  readonly resource: Resource;
  readonly options: ListOptions;
  readonly limit: number | undefined;
}): Promise<ListResult<T>> => {
  const { resource, options } = input;
  const { namespace, labelSelector, fieldSelector } = options;
  const items: T[] = [];
  let next: string | undefined;
  for (;;) {
    const page: Page = await input.request<Page>({
      method: 'GET',
      path: pathOf(resource, { namespace }),
      query: { labelSelector, fieldSelector, limit: input.limit, continue: next },
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    for (const item of page.items ?? []) items.push(completed(resource, item) as T);
    next = page.metadata?.continue;
    if (next === undefined || next === '') return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
  }
};

// Items of a typed list carry no kind of their own, watched objects do: the two must look alike in a cache.
const completed = (resource: Resource, item: KubeObject): KubeObject =>
  item.kind === undefined ? { apiVersion: apiVersionOf(resource), kind: resource.kind, ...item } : item;
