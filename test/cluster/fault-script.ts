// SPDX-License-Identifier: Apache-2.0
// Which request meets which fault. All of it is plain data, so that a property test can generate, print and shrink it.

export type Fault =
  /** The connection is reset before the API server hears of the request. */
  | { readonly kind: 'reset' }
  /** The API server does what it is asked; the connection is reset instead of its answer. */
  | { readonly kind: 'lose-answer' }
  /** The request is taken and never answered. */
  | { readonly kind: 'stall' }
  /** The true status, headers and so many bytes of the body, then silence on an open connection. */
  | { readonly kind: 'half-open'; readonly afterBytes: number }
  /** Late, else true. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** A Status object instead of an answer. */
  | { readonly kind: 'answer'; readonly code: 410 | 500 | 503 }
  | { readonly kind: 'answer'; readonly code: 429 | 503; readonly retryAfterSeconds: number }
  /** A watch says after so many events that its resource version is too old (an ERROR event, HTTP 200), and ends. */
  | { readonly kind: 'gone-event'; readonly afterEvents: number }
  /**
   * A watch breaks inside the JSON of one event (the first is 1), so many bytes in. An event that is shorter breaks before
   * its last byte. `end` closes the response in good order, as a proxy in between may; `reset` breaks the connection.
   */
  | { readonly kind: 'cut-event'; readonly event: number; readonly bytes: number; readonly how: 'reset' | 'end' }
  /** Any body breaks after so many bytes, with a reset. */
  | { readonly kind: 'cut-body'; readonly bytes: number };

export type RequestMatch = {
  readonly method?: string;
  /** A regular expression on path and query, as in "^/api/v1/namespaces/[^/]+/configmaps". */
  readonly path?: string;
  readonly watch?: boolean;
};

export type FaultRule = {
  /** Without it, every request. */
  readonly match?: RequestMatch;
  /** The first matching request that is hit, counted from 1; default 1. */
  readonly from?: number;
  /** How many in a row are hit; default 1. Infinity for all. */
  readonly count?: number;
  readonly fault: Fault;
};

export type RequestFacts = { readonly method: string; readonly path: string; readonly watch: boolean };

/** A list is a watch when its query says so. */
export const isWatch = (path: string): boolean => {
  const query = path.indexOf('?');
  if (query < 0) return false;
  const value = new URLSearchParams(path.slice(query + 1)).get('watch');
  return value === 'true' || value === '1';
};

/** Counts the hits of each rule. Every rule sees every request; the first whose window is open decides. */
export const createFaultScript = (rules: readonly FaultRule[]): ((request: RequestFacts) => Fault | undefined) => {
  const live = rules.map(({ match = {}, from = 1, count = 1, fault }) => {
    const path = match.path === undefined ? undefined : new RegExp(match.path);
    let hits = 0;
    return (request: RequestFacts): Fault | undefined => {
      if (match.method !== undefined && match.method !== request.method) return undefined;
      if (match.watch !== undefined && match.watch !== request.watch) return undefined;
      if (path !== undefined && !path.test(request.path)) return undefined;
      hits += 1;
      return hits >= from && hits < from + count ? fault : undefined;
    };
  });
  return (request) => live.map((rule) => rule(request)).find((fault) => fault !== undefined);
};
