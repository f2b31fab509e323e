// SPDX-License-Identifier: Apache-2.0
// One question for detail → one answer: who asks, whether it may see this tenant, and a page of what the ledger holds. Only the
// process that writes the ledger answers; it does so between two commits, so few questions are taken at a time, and of these nobody has
// more than a share. What is a share is known of whoever is known: strangers take none.
import { busy, refusal, unavailable } from './answers.ts';
import type { Answer, DetailStatus } from './answers.ts';
import { detailPage } from './detail.ts';
import { readQuery } from './detail-query.ts';
import type { Ledger } from './ledger.ts';
import { createPlaces, tenantShare } from './places.ts';
import type { Authenticate, Sender } from './sender.ts';
import { StoreError } from './store.ts';

const MAX_AT_ONCE = 8;
/** A tenant has as many accounts as it likes, and several namespaces. */
const MAX_OF_TENANT = 4;
const MAX_OF_NAMESPACE = 4;
const MAX_OF_ACCOUNT = 2;

export type DetailRequest = { readonly method: string; readonly target: string; readonly token: string };

export const createDetailHandler = (options: {
  readonly authenticate: Authenticate;
  readonly ledger: () => Ledger | undefined;
}): ((request: DetailRequest) => Promise<Answer<DetailStatus>>) => {
  const places = createPlaces();
  const enter = ({ account, tenant }: Sender): (() => void) | undefined => {
    const [namespace = ''] = account.split('/', 1);
    return places([['', MAX_AT_ONCE], [namespace, MAX_OF_NAMESPACE], [account, MAX_OF_ACCOUNT], ...tenantShare(tenant, MAX_OF_TENANT)]);
  };
  return async ({ method, target, token }: DetailRequest): Promise<Answer<DetailStatus>> => {
    const read = readQuery(target);
    if (read.kind === 'nothing') {
      const message = 'there are /v1/usage/TENANT/events, hours and statements';
      return refusal(404, { code: 'USAGE_QUERY_REFUSED', message });
    }
    if (method !== 'GET') return refusal(405, { code: 'USAGE_QUERY_REFUSED', message: 'detail is asked for by GET' });
    const sender = await options.authenticate(token);
    if (sender === 'busy') return busy('too many senders are to be told from each other');
    if (sender === undefined) return refusal(401, { code: 'USAGE_UNAUTHENTICATED', message: 'no token, or one that is not for this' });
    if (read.kind === 'refused') return refusal(400, { code: 'USAGE_QUERY_REFUSED', message: read.message, path: read.path });
    const { query } = read;
    if (!sender.mayRead(query.tenant)) {
      return refusal(403, { code: 'USAGE_TENANT_HIDDEN', message: `${sender.account} may not see what ${query.tenant} used` });
    }
    const ledger = options.ledger();
    if (ledger === undefined) return unavailable('this process does not lead');
    const leave = enter(sender);
    if (leave === undefined) return busy('too many questions are under way');
    try {
      const isFirst = query.what === 'events' && query.after === undefined;
      const beforeMs = isFirst ? await ledger.storedBefore() : 0;
      const page = await ledger.store.read((reader) => detailPage(reader, query, beforeMs));
      return { status: 200, body: `${JSON.stringify(page)}\n` };
    } catch (error) {
      if (error instanceof StoreError) return unavailable(`the ledger cannot be read: ${error.failure}`);
      throw error;
    } finally {
      leave();
    }
  };
};
