// SPDX-License-Identifier: Apache-2.0
/**
 * Who sends events. A sender shows a service account token for the audience `writ-usage`, and the API server says whose it is
 * (TokenReview). So nothing has to be handed out, stored or rotated: kubelet mounts such a token, bound to the pod and to
 * this audience, and it is worth nothing elsewhere. What the account may report follows from its namespace: its own tenant's
 * use and nobody else's. Writ's webhook reports for all; other accounts that do (a gateway) are named by the operator's flag.
 */
import { hash } from 'node:crypto';
import { tokenReviews } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Clock } from '../../process/clock.ts';
import { OWN_SOURCES } from './sources.ts';

export const USAGE_AUDIENCE = 'writ-usage';

export type Sender = {
  /** `NAMESPACE/NAME` of the service account. */
  readonly account: string;
  /** That of its namespace, of which it may see nothing but this; undefined of one that sees all. */
  readonly tenant: string | undefined;
  /** Writ's webhook: some places are kept for it. */
  readonly isWebhook: boolean;
  readonly mayReport: (tenant: string) => boolean;
  /** Whether it may see what this tenant used. */
  readonly mayRead: (tenant: string) => boolean;
  /** Names under /writ/ are those of Writ's own sources: credits follow from what the webhook's say. */
  readonly mayUse: (source: string) => boolean;
};

const WEBHOOK_SOURCES = '/writ/webhook/';

/** Undefined where the token is nobody's, `busy` where too many are asked about; throws when the API server does not answer. */
export type Authenticate = (token: string) => Promise<Sender | 'busy' | undefined>;

/** A token that is taken back counts for this long at most. */
const KNOWN_MS = 60_000;
const UNKNOWN_MS = 5_000;
const MAX_KNOWN = 4096;
const MAX_TOKEN = 16_384;
/** Whoever shows tokens that nobody knows must not make the operator ask for nothing else. */
const MAX_REVIEWS = 128;
/** Besides, for tokens that were somebody's within the last hour. */
const KEPT_REVIEWS = 16;
const KEPT_MS = 3_600_000;
const REVIEW_TIMEOUT_MS = 5_000;

type Known = {
  readonly account: Promise<string | undefined>;
  untilMs: number;
  /** It was somebody's: asked about before others. */ keptUntilMs: number;
};

/** `NAMESPACE/NAME` in the status of a TokenReview for our audience. */
export const accountOf = (status: unknown): string | undefined => {
  if (!isRecord(status) || status['authenticated'] !== true || !isRecord(status['user'])) return undefined;
  const { audiences } = status;
  // An API server that knows no audiences must not make every token good for this.
  if (!Array.isArray(audiences) || !audiences.includes(USAGE_AUDIENCE)) return undefined;
  const [, namespace, name] =
    /^system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})$/.exec(String(status['user']['username'])) ?? [];
  return namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`;
};

export const createAuthenticate = (options: {
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Clock;
  /** `NAMESPACE/NAME` of the webhook's account. It reports for every tenant, and nobody else speaks in its name. */
  readonly webhook: string;
  /** Of other accounts that report for every tenant. */
  readonly reporters: readonly string[];
  /** `NAMESPACE/NAME` of accounts that see what every tenant used. */
  readonly readers: readonly string[];
  readonly tenantOfNamespace: (namespace: string) => string | undefined;
}): Authenticate => {
  const { client, clock } = options;
  const known = new Map<string, Known>();

  let reviews = 0;
  const review = async (token: string): Promise<string | undefined> => {
    const object: KubeObject & { readonly spec: unknown; readonly status?: unknown } = {
      metadata: { name: '' },
      spec: { token, audiences: [USAGE_AUDIENCE] },
    };
    reviews += 1;
    try {
      const answer = await client.create(tokenReviews, object, { timeoutMs: REVIEW_TIMEOUT_MS });
      return accountOf(answer.status);
    } finally {
      reviews -= 1;
    }
  };
  /** Many tokens at once are an attack or a stampede: forgetting costs a question, nothing else. */
  const makeRoom = (nowMs: number): void => {
    for (const [key, { untilMs, keptUntilMs }] of known) if (Math.max(untilMs, keptUntilMs) <= nowMs) known.delete(key);
    if (known.size >= MAX_KNOWN) for (const [key, { keptUntilMs }] of known) if (keptUntilMs <= nowMs) known.delete(key);
    if (known.size >= MAX_KNOWN) known.clear();
  };
  const lookUp = (token: string): Promise<string | undefined> | 'busy' => {
    const key = hash('sha256', token, 'base64');
    const nowMs = clock.monotonicMs();
    const found = known.get(key);
    if (found !== undefined && found.untilMs > nowMs) return found.account;
    const keptUntilMs = found?.keptUntilMs ?? 0;
    if (reviews >= MAX_REVIEWS + (keptUntilMs > nowMs ? KEPT_REVIEWS : 0)) return 'busy';
    if (known.size >= MAX_KNOWN) makeRoom(nowMs);
    const entry: Known = { account: review(token), untilMs: nowMs + KNOWN_MS, keptUntilMs };
    known.set(key, entry);
    entry.account.then(
      (account) => {
        entry.keptUntilMs = account === undefined ? 0 : nowMs + KEPT_MS;
        if (account === undefined) entry.untilMs = nowMs + UNKNOWN_MS;
      },
      () => {
        entry.untilMs = 0;
      },
    );
    return entry.account;
  };

  return async (token) => {
    if (token === '' || token.length > MAX_TOKEN) return undefined;
    const asked = lookUp(token);
    if (asked === 'busy') return 'busy';
    const account = await asked;
    if (account === undefined) return undefined;
    const [namespace = ''] = account.split('/');
    // Asked at each request: a namespace that changed its tenant reports for the new one from then on.
    const tenant = options.tenantOfNamespace(namespace);
    const isOwn = (asked: string): boolean => tenant !== undefined && asked === tenant;
    const isWebhook = account === options.webhook;
    const isReporter = isWebhook || options.reporters.includes(account);
    const isReader = options.readers.includes(account);
    return {
      account,
      tenant: isReader ? undefined : tenant,
      isWebhook,
      mayReport: (asked) => isReporter || isOwn(asked),
      mayRead: (asked) => isReader || isOwn(asked),
      mayUse: (source) => !source.startsWith(OWN_SOURCES) || (isWebhook && source.startsWith(WEBHOOK_SOURCES)),
    };
  };
};
