// SPDX-License-Identifier: Apache-2.0
// The document of the API is true of a running server: each answer that it names is met, and fits; and whatever event the server takes
// is one that the document allows, and the other way round.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import fc from 'fast-check';
import { systemClock } from '../../process/clock.ts';
import { readEvent } from './event.ts';
import { createLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { readMeters } from './meters.ts';
import { EVENT_TYPES, OPENAPI_PATH, usageApi } from './openapi.ts';
import { DAY_MS } from './period.ts';
import { createPruner } from './pruning.ts';
import { QUANTITY_PATTERN, parseQuantity } from './quantity.ts';
import { startUsageServer } from './server.ts';
import type { UsageServer } from './server.ts';
import { openSqliteStore } from './sqlite-store.ts';

const START = Date.UTC(2026, 9, 20, 12);
const LATER = Date.UTC(2026, 10, 4);

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: fullFormats });
ajv.addVocabulary(Object.keys(usageApi));
ajv.addSchema(usageApi, 'api');
const compiled = new Map<string, ValidateFunction>();
/** `path` as a JSON pointer within the document. */
const at = (...path: readonly string[]): ValidateFunction => {
  const pointer = path.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
  const known = compiled.get(pointer) ?? ajv.compile({ $ref: `api#/${encodeURI(pointer)}` });
  compiled.set(pointer, known);
  return known;
};

const good = {
  specversion: '1.0',
  type: 'dev.writ.usage.v1',
  source: '/agents/a/boots/1',
  id: '1',
  seq: '1',
  subject: 'acme',
  time: new Date(START).toISOString(),
  data: { meter: 'api_calls', value: '12.5', dims: { model: 'm-large' } },
};
const event = (seq: number, change: object = {}): object => ({ ...good, id: String(seq), seq, ...change });

const folder = await mkdtemp(join(tmpdir(), 'writ-openapi-'));
after(() => rm(folder, { recursive: true }));

describe('the document of the API', () => {
  let server: UsageServer;
  let ledger: Ledger;
  let nowMs = START;
  let isLeading = true;
  before(async () => {
    const clock = { ...systemClock, now: () => nowMs };
    const store = await openSqliteStore({ file: join(folder, 'ledger.db'), clock, groupMs: 0 });
    ledger = createLedger({ store, clock, hasTenant: (name) => name === 'acme' });
    await ledger.open('test');
    await ledger.declare(readMeters(undefined).meters);
    server = await startUsageServer({
      listen: { host: '127.0.0.1', port: 0 },
      transport: 'plain',
      clock,
      authenticate: async (token) => {
        if (token === 'busy') return 'busy';
        if (token !== 'acme') return undefined;
        const mine = (tenant: string): boolean => tenant === 'acme' || tenant === 'new';
        return { account: 'acme/agent', tenant: 'acme', isWebhook: false, mayReport: mine, mayRead: mine, mayUse: () => true };
      },
      ledger: () => (isLeading ? ledger : undefined),
      observe: {
        answered: () => undefined,
        told: () => undefined,
        refused: () => undefined,
        failed: (error) => assert.fail(String(error)),
      },
    });
  });
  after(async () => {
    await server.close();
    await ledger.store.close();
  });

  const met = new Set<string>();
  type Asked = { readonly token?: string; readonly method?: string; readonly body?: unknown; readonly type?: string };
  /** Asks, and holds the answer to what the document says of it under this path. */
  const ask = async (path: string, target: string, { token = 'acme', method = 'GET', body, type }: Asked = {}): Promise<unknown> => {
    const response = await fetch(`${server.url}${target}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(type === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const said: unknown = JSON.parse(await response.text());
    const { status } = response;
    met.add(`${method.toLowerCase()} ${path} ${status}`);
    assert.equal(response.headers.get('content-type'), 'application/json');
    const validate = at('paths', path, method.toLowerCase(), 'responses', String(status), 'content', 'application/json', 'schema');
    assert.ok(validate(said), `${method} ${target} ${status}: ${JSON.stringify(said)}: ${ajv.errorsText(validate.errors)}`);
    assert.equal(response.headers.has('retry-after'), status === 429 || status === 503);
    return said;
  };
  const send = (body: unknown, more: Asked = {}): Promise<unknown> =>
    ask('/v1/events', '/v1/events', { method: 'POST', type: EVENT_TYPES.batch, body, ...more });
  const unlead = async (work: () => Promise<unknown>): Promise<void> => {
    isLeading = false;
    await work();
    isLeading = true;
  };

  it('holds for each answer to events', async () => {
    await send([event(1), event(2), event(1)]);
    await send(good, { type: EVENT_TYPES.one });
    await send([event(3, { data: { meter: 'gpu', value: '1' } }), event(1, { subject: 'new' })]);
    await send('[{');
    await send([], { token: 'nobody' });
    await send([event(4, { subject: 'other' })]);
    await send([event(1, { data: { meter: 'api_calls', value: '13' } })]);
    await send(Array.from({ length: 1001 }, () => 1));
    await send([], { type: 'application/json' });
    await send([event(4, { time: 'now' }), event(5, { time: new Date(START + 3_600_000).toISOString() }), 'no object']);
    await send([], { token: 'busy' });
    await unlead(() => send([event(4)]));
  });

  it('holds for each answer to a question for detail', async () => {
    nowMs = LATER;
    await ledger.settle(new AbortController().signal);
    await send([event(6)]);
    for (const what of ['events', 'hours', 'statements']) {
      const path = `/v1/usage/{tenant}/${what}`;
      const target = `/v1/usage/acme/${what}`;
      const page = await ask(path, `${target}?limit=1`);
      assert.ok(JSON.stringify(page).includes('acme') || what !== 'statements');
      assert.notDeepEqual(page, { items: [] });
      await ask(path, target);
      await ask(path, `/v1/usage/new/${what}`);
      await ask(path, `${target}?limit=0`);
      await ask(path, target, { token: 'nobody' });
      await ask(path, `/v1/usage/other/${what}`);
      await ask(path, `/v1/usage/OTHER/${what}`);
      await ask(path, target, { token: 'busy' });
      await unlead(() => ask(path, target));
    }
  });

  it('holds for what is said of events that have left', async () => {
    nowMs = Date.UTC(2027, 0, 15);
    await ledger.settle(new AbortController().signal);
    const pruner = createPruner({ store: ledger.store, clock: { ...systemClock, now: () => nowMs }, retentionMs: 40 * DAY_MS });
    while ((await pruner.step()).more);
    const path = '/v1/usage/{tenant}/events';
    const target = '/v1/usage/acme/events';
    assert.deepEqual(await ask(path, target), { items: [], prunedBefore: '2026-12-01T00:00:00.000Z' });
    assert.deepEqual(await ask(path, `${target}?from=2026-12-01T00:00:00Z`), { items: [] });
    const validate = at('paths', path, 'get', 'responses', '200', 'content', 'application/json', 'schema');
    for (const prunedBefore of ['soon', 5, null]) assert.equal(validate({ items: [], prunedBefore }), false);
  });

  it('names no answer that a server does not give', () => {
    const named = Object.entries<object>(usageApi.paths).flatMap(([path, operations]) =>
      Object.entries<{ readonly responses: object }>({ ...operations }).flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method} ${path} ${status}`),
      ),
    );
    assert.deepEqual(named.toSorted(), [...met].toSorted());
  });

  it('is given to anybody', async () => {
    const response = await fetch(`${server.url}${OPENAPI_PATH}`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(usageApi)));
  });

  it('refers to nothing that is not there, and names each operation once', () => {
    const text = JSON.stringify(usageApi);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      assert.ok(Object.hasOwn(usageApi.components.schemas, name ?? ''));
    const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
    assert.deepEqual(ids, ['sendEvents', 'listEvents', 'listHours', 'listStatements']);
  });
});

describe('the schema of an event', () => {
  const validate = at('components', 'schemas', 'UsageEvent');
  const values: Readonly<Record<string, readonly unknown[]>> = {
    specversion: ['0.3', 1],
    type: ['constructor', undefined],
    source: ['', '/a b', 'x'.repeat(257), 'x'.repeat(256), 7],
    id: ['é', '!', 'x'.repeat(129), null],
    seq: [0, 1.5, '01', '7', 999_999_999_999_999, 1e15, '1'.repeat(16), '1'.repeat(15), undefined],
    subject: ['a', '-a', 'a'.repeat(64), '__proto__', {}],
    time: ['2026-10-20T12:00:00Z', '2026-10-20t12:00:00Z', '2026-09-31T12:00:00Z', '2026-10-20', '2026-10-19T24:00:00Z', 5, undefined],
    data: [
      [],
      null,
      { meter: 'a', value: '1' },
      { meter: 'A', value: '1' },
      { meter: 'a' },
      { value: '1' },
      { meter: 'a', value: 1 },
      { meter: 'a', value: '1', dims: { A: 'x' } },
      { meter: 'a', value: '1', dims: { a: 1 } },
      { meter: 'a', value: '1', dims: [] },
      { meter: 'a', value: '1', dims: { a: 'x'.repeat(129) } },
      { meter: 'a', value: '1', dims: Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`d${index}`, 'x'])) },
      { meter: 'a', value: '1', other: 'x' },
    ],
  };
  const isTaken = (value: unknown): boolean => readEvent(value, START).ok;

  it('allows what the server takes, and nothing else', () => {
    assert.ok(validate(good) && isTaken(good));
    for (const [field, list] of Object.entries(values)) {
      for (const one of list) {
        const changed: unknown = JSON.parse(JSON.stringify({ ...good, [field]: one }));
        assert.equal(validate(changed), isTaken(changed), `${field}: ${JSON.stringify(one)}`);
      }
    }
  });

  it('allows just the quantities that the server takes', () => {
    const allowed = new RegExp(QUANTITY_PATTERN);
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('0', '1', '9', '.', '-', 'e'), maxLength: 20 }),
      fc
        .tuple(
          fc.bigInt({ min: 0n, max: 10n ** 17n }),
          fc.option(fc.string({ unit: fc.constantFrom('0', '5'), minLength: 1, maxLength: 8 })),
        )
        .map(([whole, fraction]) => (fraction === null ? String(whole) : `${whole}.${fraction}`)),
    );
    fc.assert(
      fc.property(text, (one) => allowed.test(one) === parseQuantity(one).ok),
      { numRuns: 3000 },
    );
  });
});
