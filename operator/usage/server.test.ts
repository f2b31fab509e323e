// SPDX-License-Identifier: Apache-2.0
// What strangers may send: the server answers each with a status that they can act on, and stays up.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../process/clock.ts';
import type { UsageEvent } from './event.ts';
import type { Ledger } from './ledger.ts';
import type { EventOutcome } from './outcome.ts';
import { startUsageServer } from './server.ts';
import type { UsageServer } from './server.ts';
import { StoreError } from './store.ts';
import type { Store } from './store.ts';

const NOW = Date.UTC(2026, 10, 21, 10);
const BATCH = 'application/cloudevents-batch+json';

type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: { readonly [key: string]: unknown; readonly events?: readonly { readonly index: number; readonly code: string }[] };
};

let server: UsageServer;
let accept: (events: readonly UsageEvent[]) => Promise<readonly EventOutcome[]>;
let isLeading = true;
let reads = <T>(read: () => Promise<T>): Promise<T> => read();
const told: number[] = [];
const hung = Promise.withResolvers<void>();

const unused = (): never => assert.fail('not asked for');
const ledger: Ledger = {
  accept: (events) => accept(events),
  get store(): Store {
    const read: Store['read'] = (work) => reads(async () => await work({ all: async () => [] }));
    return { engine: 'none', read, migrate: unused, claim: unused, transact: unused, reclaim: unused, broken: unused, close: unused };
  },
  open: unused,
  transact: unused,
  noted: unused,
  declare: unused,
  meter: unused,
  settle: unused,
  follow: unused,
  used: unused,
  storedBefore: async () => NOW,
  preview: unused,
};

const post = (
  body: string | Buffer,
  options: {
    readonly type?: string;
    readonly encoding?: string;
    readonly token?: string;
    readonly path?: string;
    readonly method?: string;
  } = {},
) =>
  new Promise<Answer>((resolve, reject) => {
    const call = request(`${server.url}${options.path ?? '/v1/events'}`, {
      method: options.method ?? 'POST',
      headers: {
        'content-type': options.type ?? BATCH,
        authorization: `Bearer ${options.token ?? 'acme'}`,
        ...(options.encoding === undefined ? {} : { 'content-encoding': options.encoding }),
      },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      text(response).then(
        (said) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(said) }),
        reject,
      );
    });
    call.end(body);
  });

const event = (seq: number, change: object = {}): object => ({
  specversion: '1.0',
  type: 'dev.writ.usage.v1',
  source: '/a',
  id: String(seq),
  seq,
  subject: 'acme',
  time: new Date(NOW).toISOString(),
  data: { meter: 'api_calls', value: '1' },
  ...change,
});
const events = (...all: readonly object[]): string => JSON.stringify(all);
const wrongOnes = ({ body }: Answer): unknown => body.events?.map(({ index, code }) => `${index} ${code}`);

describe('the server of events', () => {
  before(async () => {
    server = await startUsageServer({
      listen: { host: '127.0.0.1', port: 0 },
      transport: 'plain',
      clock: { ...systemClock, now: () => NOW },
      authenticate: async (token) => {
        if (token === 'slow') throw new Error('the API server does not answer');
        if (token === 'hung') await hung.promise;
        const account = token === 'acme' ? 'acme-one/agent' : /^acme-[a-z]+\/[a-z]+$/.exec(token)?.[0];
        return account !== undefined
          ? {
              account,
              // The others see more than one tenant.
              tenant: /^acme-(?:one|two)\//.test(account) ? 'acme' : undefined,
              isWebhook: false,
              mayReport: (tenant) => tenant === 'acme',
              mayRead: (tenant) => tenant === 'acme',
              mayUse: (source) => !source.startsWith('/writ/'),
            }
          : undefined;
      },
      ledger: () => (isLeading ? ledger : undefined),
      observe: { answered: () => undefined, told: (status) => void told.push(status), refused: () => undefined, failed: () => undefined },
    });
  });
  after(() => server.close());

  const reset = (): void => {
    isLeading = true;
    reads = (read) => read();
    accept = async (all) => all.map(() => 'stored');
  };

  it('says how many are on disk', async () => {
    reset();
    accept = async (all) => all.map(({ seq }) => (seq === 1 ? 'stored' : 'duplicate'));
    const answer = await post(events(event(1), event(2)));
    assert.deepEqual([answer.status, answer.body], [200, { stored: 1, duplicates: 1, events: [] }]);
    const one = await post(JSON.stringify(event(1)), { type: 'application/cloudevents+json; charset=utf-8' });
    assert.equal(one.status, 200);
  });

  it('tells the worst of a batch by its status, and each event by its place', async () => {
    reset();
    accept = async (all) => all.map(({ seq }): EventOutcome => (seq === 1 ? 'stored' : seq === 2 ? 'unknown-meter' : 'conflict'));
    const mixed = await post(
      events(event(1), event(2), event(3), event(4, { subject: 'other' }), event(5, { time: 'now' }), { junk: true }),
    );
    assert.equal(mixed.status, 409);
    assert.deepEqual(wrongOnes(mixed), [
      '1 USAGE_METER_UNKNOWN',
      '2 USAGE_EVENT_CONFLICT',
      '3 USAGE_TENANT_FOREIGN',
      '4 USAGE_EVENT_INVALID',
      '5 USAGE_EVENT_INVALID',
    ]);
    assert.equal(mixed.body['stored'], 1);
    assert.equal((await post(events(event(2)))).status, 202);
    assert.equal((await post(events(event(1), event(4, { subject: 'other' })))).status, 403);
    assert.equal((await post(events(event(1), event(2, { data: { meter: 'a', value: '-1' } })))).status, 422);
    assert.equal((await post(events(event(1, { source: '/writ/agents/x' })))).status, 403);
    // A tenant that counted Writ's answers itself could credit itself.
    const counted = await post(events(event(1, { data: { meter: 'slo.availability.good', value: '1' } })));
    assert.deepEqual([counted.status, wrongOnes(counted)], [403, ['0 USAGE_METER_RESERVED']]);
    accept = async (all) => all.map(() => 'full');
    const full = await post(events(event(1)));
    assert.deepEqual([full.status, full.headers['retry-after']], [503, '60']);
  });

  it('asks to come again where nothing could be written', async () => {
    reset();
    for (const failure of ['full', 'fenced', 'corrupt', 'busy', 'closed'] as const) {
      accept = async () => Promise.reject(new StoreError(failure, 'secret details of the disk'));
      const answer = await post(events(event(1)));
      assert.deepEqual([answer.status, answer.body['code'], answer.headers['retry-after']], [503, 'USAGE_LEDGER_UNAVAILABLE', '2']);
      assert.ok(!JSON.stringify(answer.body).includes('secret'));
    }
    accept = async () => Promise.reject(new RangeError('a bug'));
    assert.equal((await post(events(event(1)))).status, 503);
    reset();
    isLeading = false;
    assert.equal((await post(events(event(1)))).status, 503);
    reset();
    assert.equal((await post(events(event(1)), { token: 'slow' })).status, 503);
  });

  const refusals: readonly (readonly [string, number, () => Promise<Answer>])[] = [
    ['no token', 401, () => post(events(event(1)), { token: '' })],
    ['an unknown token', 401, () => post(events(event(1)), { token: 'other' })],
    ['another path', 404, () => post('[]', { path: '/v1/events/../../etc/passwd' })],
    ['another method', 405, () => post('[]', { method: 'PUT' })],
    ['another type', 415, () => post('[]', { type: 'application/json' })],
    ['a body that is compressed', 415, () => post(gzipSync(events(event(1))), { encoding: 'gzip' })],
    ['an event with bytes that are no text', 400, () => post(Buffer.from(events(event(1, { more: '\u00ff' })), 'latin1'))],
    ['no JSON', 400, () => post('[{')],
    ['a key that is given twice', 400, () => post(events(event(1)).replace('"value":"1"', '"value":"1","value":"2"'))],
    [
      'a key that is given twice in two spellings',
      400,
      () => post(events(event(1)).replace('"value":"1"', '"value":"1","\\u0076alue":"2"')),
    ],
    [
      'a key that is given twice where nobody looks',
      400,
      () => post(events(event(1, { more: [{ a: 1 }] })).replace('"a":1', '"a":1,"a":1')),
    ],
    ['an empty body', 400, () => post('')],
    ['a text', 400, () => post('"__proto__"')],
    ['bytes that are no text', 400, () => post(Buffer.from([0xff, 0xfe, 0x00]))],
    ['1,001 events', 413, () => post(JSON.stringify(Array.from({ length: 1001 }, () => 1)))],
    ['more than a mebibyte', 413, () => post(`["${'x'.repeat(2 ** 20)}"]`)],
  ];
  for (const [name, status, send] of refusals) {
    it(`refuses ${name}`, async () => {
      reset();
      const answer = await send();
      assert.equal(answer.status, status);
      assert.match(String(answer.body['code']), /^USAGE_/);
      assert.ok(String(answer.body['hint']).length > 10);
      assert.equal((await post('[]')).status, 200, 'and serves the next one');
    });
  }

  it('says by which method it is asked', async () => {
    reset();
    assert.equal((await post('[]', { method: 'PUT' })).headers['allow'], 'POST');
    assert.equal((await get('/v1/usage/acme/events', { method: 'DELETE' })).headers['allow'], 'GET');
  });

  it('takes no more at once than it can hold', async () => {
    reset();
    const gate = Promise.withResolvers<void>();
    accept = async (all) => {
      await gate.promise;
      return all.map(() => 'stored');
    };
    const turnedAway: Answer[] = [];
    const enough = Promise.withResolvers<void>();
    const waiting = Array.from({ length: 140 }, async (_, index) => {
      const answer = await post(events(event(index + 1)));
      if (answer.status === 429) turnedAway.push(answer);
      if (turnedAway.length === 12) enough.resolve();
      return answer;
    });
    await enough.promise;
    const [first] = turnedAway;
    assert.deepEqual([first?.headers['retry-after'], first?.body['code']], ['1', 'USAGE_BUSY']);
    gate.resolve();
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    assert.equal(statuses.filter((one) => one === 200).length, 128);
  });

  const get = (path: string, options: { readonly token?: string; readonly method?: string } = {}): Promise<Answer> =>
    post('', { method: 'GET', ...options, path });

  it('tells detail to those who may see it', async () => {
    reset();
    const page = await get('/v1/usage/acme/hours');
    assert.deepEqual([page.status, page.body], [200, { items: [] }]);
    assert.equal(page.headers['cache-control'], 'no-store');
  });

  const silences: readonly (readonly [string, number, string, () => Promise<Answer>])[] = [
    ['no token', 401, 'USAGE_UNAUTHENTICATED', () => get('/v1/usage/acme/events', { token: '' })],
    ['another tenant', 403, 'USAGE_TENANT_HIDDEN', () => get('/v1/usage/beta/events')],
    ['another tenant by a trick', 404, 'USAGE_QUERY_REFUSED', () => get('/v1/usage/acme/../beta/..%2facme/events')],
    ['another thing', 404, 'USAGE_QUERY_REFUSED', () => get('/v1/usage/acme/secrets')],
    ['another method', 405, 'USAGE_QUERY_REFUSED', () => get('/v1/usage/acme/events', { method: 'DELETE' })],
    ['a strange parameter', 400, 'USAGE_QUERY_REFUSED', () => get('/v1/usage/acme/events?tenant=beta')],
    [
      'an end before the begin',
      400,
      'USAGE_QUERY_REFUSED',
      () => get('/v1/usage/acme/hours?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z'),
    ],
    ['a cursor of nothing', 400, 'USAGE_QUERY_REFUSED', () => get('/v1/usage/acme/events?cursor=x')],
    ['an API server that is away', 503, 'USAGE_LEDGER_UNAVAILABLE', () => get('/v1/usage/acme/events', { token: 'slow' })],
  ];
  for (const [name, status, code, ask] of silences) {
    it(`tells no detail: ${name}`, async () => {
      reset();
      const answer = await ask();
      assert.deepEqual([answer.status, answer.body['code'], told.at(-1)], [status, code, status]);
      assert.ok(String(answer.body['hint']).length > 10);
    });
  }

  it('tells no detail where it does not lead or cannot read', async () => {
    reset();
    isLeading = false;
    assert.equal((await get('/v1/usage/acme/events')).status, 503);
    reset();
    reads = async () => Promise.reject(new StoreError('corrupt', 'secret details of the disk'));
    const broken = await get('/v1/usage/acme/statements');
    assert.deepEqual([broken.status, JSON.stringify(broken.body).includes('secret')], [503, false]);
  });

  it('tells detail while strangers wait to be known', async () => {
    reset();
    const strangers = Array.from({ length: 20 }, () => get('/v1/usage/acme/hours', { token: 'hung' }));
    // They are all there: connections are taken in their order.
    await post('[]');
    assert.equal((await get('/v1/usage/acme/hours')).status, 200);
    hung.resolve();
    assert.deepEqual(new Set((await Promise.all(strangers)).map(({ status }) => status)), new Set([401]));
  });

  it('answers few questions at once, and no account, namespace or tenant takes them all', async () => {
    reset();
    const gate = Promise.withResolvers<void>();
    let taken = 0;
    reads = async (read) => {
      taken += 1;
      await gate.promise;
      return await read();
    };
    const turnedAway: Answer[] = [];
    const waiting: Promise<Answer>[] = [];
    const ask = async (token: string, times: number): Promise<readonly number[]> => {
      const [takenBefore, turnedBefore] = [taken, turnedAway.length];
      const asked = Array.from({ length: times }, async () => {
        const answer = await get('/v1/usage/acme/hours', { token });
        if (answer.status === 429) turnedAway.push(answer);
        return answer;
      });
      waiting.push(...asked);
      while (taken - takenBefore + turnedAway.length - turnedBefore < times) await new Promise((resolve) => setImmediate(resolve));
      return [taken - takenBefore, turnedAway.length - turnedBefore];
    };
    assert.deepEqual(await ask('acme-one/agent', 4), [2, 2], 'two of an account');
    assert.deepEqual(await ask('acme-one/other', 3), [2, 1]);
    assert.deepEqual(await ask('acme-one/third', 1), [0, 1], 'four of a namespace');
    assert.deepEqual(await ask('acme-two/agent', 1), [0, 1], 'four of a tenant');
    assert.deepEqual(await ask('acme-three/agent', 2), [2, 0]);
    assert.deepEqual(await ask('acme-four/agent', 2), [2, 0]);
    assert.deepEqual(await ask('acme-five/agent', 1), [0, 1], 'eight of all');
    assert.deepEqual([turnedAway[0]?.headers['retry-after'], turnedAway[0]?.body['code']], ['1', 'USAGE_BUSY']);
    gate.resolve();
    assert.equal((await Promise.all(waiting)).filter(({ status }) => status === 200).length, 8);
    assert.deepEqual(await ask('acme-one/agent', 2), [2, 0], 'and again');
  });
});
