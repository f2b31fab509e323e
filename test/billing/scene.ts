// SPDX-License-Identifier: Apache-2.0
/**
 * The operator's billing on a real ledger, a sealed price book and a key from a Secret, against the fake Stripe, on a clock of the
 * test's. What goes on record is stored by the real sequencer of the audit log, in the ledger's own store.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Stripe } from 'stripe';
import { parse } from 'yaml';
import { createSequencer } from '../../operator/audit/sequencer.ts';
import { AUDIT_TABLES } from '../../operator/audit/tables.ts';
import { billingMigrations } from '../../operator/billing/outbox/tables.ts';
import { scriptedClient } from '../scripted-client.ts';
import { createTermBilling } from '../../operator/billing-wiring.ts';
import type { BillingParts } from '../../operator/billing-look.ts';
import { billingMetrics } from '../../operator/billing/metrics.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { bytesOf } from '../../operator/usage/store.ts';
import type { Store } from '../../operator/usage/store.ts';
import { createMetrics } from '../../process/metrics.ts';
import { createLog } from '../../process/log.ts';
import { systemClock } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import { judgeSealedObject } from '../../policies/sealed-object.ts';
import { seal } from '../../policies/trust/seal.ts';
import { keyed, trustOf } from '../../policies/trust/test-trust.ts';
import type { LivePriceBook } from '../../operator/controllers/live.ts';
import { createFakeStripe, toResponse } from './fake-stripe.ts';
import type { FakeAnswer, FakeRequest } from './fake-stripe.ts';
import { microsText } from './fake-meters.ts';

export const HOUR_MS = 3_600_000;
export const START = Date.UTC(2026, 9, 20, 12);
export const OCTOBER = Date.UTC(2026, 9);
export const NOVEMBER = Date.UTC(2026, 10);
export const KEY = 'sk_test_operator0';
export const WEBHOOK = 'whsec_first00000000000';

const finance = generateKeyPairSync('ed25519');
const trust = trustOf({ principals: [keyed('finance', finance.publicKey)], kinds: ['PriceBook'] });
export const PRICES = readFileSync(new URL('../../deploy/examples/prices.yaml', import.meta.url), 'utf8');

const bookIn = (text: string): LivePriceBook => parse(text);

export const priceBook = (isSealed = true, text = PRICES): LivePriceBook => ({
  ...bookIn(text),
  signature: { document: text, bundles: isSealed ? [seal(Buffer.from(text), finance.privateKey)] : [] },
});

export const folder = await mkdtemp(join(tmpdir(), 'writ-billing-'));
after(() => rm(folder, { recursive: true }));
let made = 0;

/** How the network treats a request: `answer` lets it arrive; what is thrown is a lost connection. */
export type Network = (request: FakeRequest, answer: () => FakeAnswer) => FakeAnswer;

export type RawRequest = { readonly url: string; readonly method: string; readonly headers: Headers; readonly body: string | undefined };

export type Scene = {
  readonly key?: string;
  readonly mode?: 'test' | 'live';
  readonly book?: ReturnType<typeof priceBook> | undefined;
  /** More of the Secret, in the clear. */
  readonly secret?: Readonly<Record<string, string>>;
  readonly config?: Partial<BillingParts['config']>;
  /** A ledger's store that was never used; SQLite unless given. */
  readonly store?: Store;
};

export const scene = async ({ key = KEY, mode = 'test', book = priceBook(), secret = {}, config = {}, store: given }: Scene = {}) => {
  let inForce: ReturnType<typeof priceBook> | undefined = book;
  let network: Network = (_request, answer) => answer();
  const held: Record<string, string> = { 'stripe-key': key, ...secret };
  let nowMs = START;
  let wake: (() => void) | undefined;
  let idle = Promise.withResolvers<void>();
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    schedule: (_delayMs, task) => {
      wake = task;
      idle.resolve();
      return () => {
        if (wake !== task) return;
        // An event has woken it: the look that follows is under way.
        wake = undefined;
        idle = Promise.withResolvers();
      };
    },
  };
  const store = given ?? (await openSqliteStore({ file: join(folder, `${(made += 1)}.db`), clock: systemClock, groupMs: 0 }));
  const ledger = createLedger({ store, clock, hasTenant: () => true });
  await ledger.open('test');
  for (const room of [billingMigrations, AUDIT_TABLES]) await store.migrate(room);
  const sequencer = createSequencer({
    name: 'writ.example/audit',
    keys: () => {
      throw new Error('nothing of billing is encrypted');
    },
    random: randomBytes,
    now: () => nowMs,
  });
  await ledger.declare(readMeters(undefined).meters);
  const fake = createFakeStripe({ nowMs: () => nowMs, secretKey: KEY });
  const metrics = createMetrics(billingMetrics);
  const said: string[] = [];
  const raw: RawRequest[] = [];
  const tenants: ReturnType<BillingParts['caches']['tenants']['list']>[number][] = [
    { metadata: { name: 'acme', uid: 'acme-1' }, spec: { billing: { customerRef: 'cus_acme' } } },
    { metadata: { name: 'free', uid: 'free-1' }, spec: {} },
  ];
  const settings = {
    'stripe-secret': 'stripe',
    'stripe-mode': mode,
    'stripe-prices': false,
    'price-book': 'standard',
    'system-namespace': 'writ-system',
    'statement-dir': undefined,
    'statement-secret': undefined,
    'invoice-dir': undefined,
    'invoice-key': [],
    ...config,
  };
  const parts: BillingParts = {
    config: settings,
    record: (tx, facts) => sequencer.append(tx, facts),
    clock,
    log: createLog({ name: 'test', destination: { write: (line: string) => void said.push(line) } }),
    random: () => 0.5,
    metrics,
    caches: {
      tenants: { list: () => tenants },
      priceBooks: { get: (name) => (name === 'standard' ? inForce : undefined) },
      namespaces: { get: () => ({ metadata: { name: 'kube-system', uid: 'installation' } }) },
    },
    ledger: () => ledger,
    fetch: async (url, init) => {
      raw.push({
        url,
        method: init.method ?? 'GET',
        headers: new Headers(init.headers),
        body: typeof init.body === 'string' && init.body !== '' ? init.body : undefined,
      });
      const asked = fake.read(url, init);
      return toResponse('status' in asked ? asked : network(asked, () => fake.handle(asked)));
    },
  };
  const ending = new AbortController();
  const client = scriptedClient({
    get: async () => ({
      metadata: { name: 'stripe' },
      data: Object.fromEntries(Object.entries(held).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
    }),
    // As server-side apply by one writer: what it said before and says no more goes.
    apply: async (_resource: unknown, body: { readonly metadata: { readonly name: string }; readonly status?: object }) => {
      const index = tenants.findIndex(({ metadata }) => metadata.name === body.metadata.name);
      const tenant = tenants[index];
      const owned = { 'f:billing': {}, 'f:conditions': { 'k:{"type":"Billed"}': {} } };
      const managedFields = [{ manager: 'writ-billing', operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': owned } }];
      if (tenant !== undefined) tenants[index] = { ...tenant, metadata: { ...tenant.metadata, managedFields }, status: body.status ?? {} };
      return body;
    },
  });
  const billing = createTermBilling(parts);
  const running = billing.run(client, (object) => judgeSealedObject(object, trust, nowMs), ending.signal);
  await idle.promise;
  return {
    ledger,
    fake,
    said,
    store,
    tenants,
    config: settings,
    /** Requests as they left. */
    raw,
    metrics: () => metrics.registry.metrics(),
    setNetwork: (next: Network) => {
      network = next;
    },
    setBook: (next: ReturnType<typeof priceBook> | undefined) => {
      inForce = next;
    },
    setSecret: (name: string, text: string) => {
      held[name] = text;
    },
    /** What is on record, oldest first. */
    recorded: async (): Promise<readonly { readonly action: string; readonly detail: Readonly<Record<string, unknown>> }[]> =>
      (await store.read((reader) => reader.all('SELECT body FROM audit_entry ORDER BY log, seq'))).map((row) =>
        JSON.parse(new TextDecoder().decode(bytesOf(row, 'body'))),
      ),
    /** Delivers an event as Stripe does, or as somebody else would. */
    deliver: async (
      event: object | string,
      by: { readonly secret?: string; readonly atMs?: number; readonly header?: string; readonly method?: string } = {},
    ) => {
      const payload = typeof event === 'string' ? event : JSON.stringify(event);
      const timestamp = Math.floor((by.atMs ?? nowMs) / 1000);
      const header = by.header ?? Stripe.webhooks.generateTestHeaderString({ payload, secret: by.secret ?? WEBHOOK, timestamp });
      const { method = 'POST' } = by;
      async function* chunks(): AsyncGenerator<Uint8Array> {
        yield Buffer.from(payload);
      }
      return billing.hook?.handleDelivery({ method, headers: { 'stripe-signature': header }, body: chunks() });
    },
    /** Resolves with the look that an event brought about. */
    woken: () => idle.promise,
    /** Before something that wakes the operator. */
    expectLook: () => {
      idle = Promise.withResolvers();
    },
    /** Time goes on, hours are sealed and months frozen (unless the ledger is behind), and the operator looks once. */
    look: async (atMs: number, { settles = true }: { readonly settles?: boolean } = {}) => {
      if (wake === undefined) await idle.promise;
      nowMs = atMs;
      if (settles) await ledger.settle(ending.signal);
      idle = Promise.withResolvers();
      const fire = wake;
      wake = undefined;
      fire?.();
      await idle.promise;
    },
    counted: (hourMs: number, customer = 'cus_acme') =>
      microsText(
        fake.meters
          .hours({ eventName: 'writ_api_calls_absolute', customer, fromMs: hourMs, toMs: hourMs + HOUR_MS, lagging: false })
          .get(hourMs) ?? 0n,
      ),
    end: async () => {
      ending.abort();
      wake?.();
      await running;
      await store.close();
    },
  };
};
