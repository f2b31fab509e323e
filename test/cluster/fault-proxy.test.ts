// SPDX-License-Identifier: Apache-2.0
// Each fault as a plain client sees it, in front of a real API server.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { connect } from 'node:tls';
import { after, before, beforeEach, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { anyFaultScript } from './fault-arbitraries.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane-handle.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import type { Fault, FaultRule } from './fault-script.ts';

type Answer = {
  status: number | undefined;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
  /** How it ended: in good order, by an error code, or not before the client gave up. */
  end: string;
  tookMs: number;
};
type Ask = { method?: string; path: string; body?: string; giveUpMs?: number; until?: (body: string) => boolean; agent?: Agent };

let plane: ControlPlane;
let proxy: FaultProxy;

/** A client with nothing behind it: no retry, no pool, and it gives up only when told. */
const ask = ({ method = 'GET', path, body, giveUpMs, until, agent }: Ask): Promise<Answer> =>
  new Promise((resolve) => {
    const startedMs = performance.now();
    const answer: Answer = { status: undefined, headers: {}, body: '', end: '', tookMs: 0 };
    const finish = (end: string): void => {
      if (answer.end !== '') return;
      clearTimeout(patience);
      resolve(Object.assign(answer, { end, tookMs: performance.now() - startedMs }));
      sent.destroy();
    };
    const patience = setTimeout(() => finish('gave up'), giveUpMs ?? 20_000);
    const sent = request(
      `${proxy.url}${path}`,
      {
        method,
        ca: Buffer.from(proxy.caData, 'base64'),
        agent: agent ?? false,
        headers: { authorization: `Bearer ${plane.token}`, 'content-type': 'application/json' },
      },
      (response) => {
        answer.status = response.statusCode;
        answer.headers = response.headers;
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          answer.body += text;
          if (until?.(answer.body) === true) finish('enough');
        });
        response.on('end', () => finish(response.complete ? 'end' : 'incomplete'));
        response.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    sent.end(body);
  });

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, text = ''): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { test: 'fault-proxy' } }, data: { text } });
const inject = (fault: Fault, rule: Omit<FaultRule, 'fault'> = {}): void => proxy.script([{ ...rule, fault }]);
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

before(async () => {
  plane = await startControlPlane();
  proxy = await startFaultProxy({ target: plane });
  for (const name of ['one', 'two', 'three']) {
    assert.equal((await ask({ method: 'POST', path: configMaps, body: configMap(name) })).status, 201);
  }
});
after(async () => {
  await proxy?.close();
  await plane?.stop();
});
beforeEach(() => proxy.script([]));

const watch = `${configMaps}?watch=true&labelSelector=test%3Dfault-proxy`; // starts with an ADDED event for each of the three
const list = `${configMaps}?labelSelector=test%3Dfault-proxy`;

describe('without a script', () => {
  it('kubectl works through it', async () => {
    const { stdout, stderr } = await plane.kubectl(['get', 'configmaps', '-l', 'test=fault-proxy', '-o', 'name'], {
      kubeconfig: proxy.kubeconfig,
    });
    assert.deepEqual(lines(stdout).toSorted(), ['configmap/one', 'configmap/three', 'configmap/two'], stderr);
  });

  it('a watch streams: an event arrives while the watch is open', async () => {
    let created: Promise<unknown> | undefined;
    const answer = await ask({
      path: watch,
      until: (body) => {
        if (lines(body).length >= 3) created ??= ask({ method: 'POST', path: configMaps, body: configMap('late') });
        return lines(body).length >= 4;
      },
    });
    await created;
    assert.equal(answer.end, 'enough');
    assert.match(answer.body, /"name":"late"/);
    await ask({ method: 'DELETE', path: `${configMaps}/late` });
  });

  it('large bodies pass whole in both directions', async () => {
    const text = 'x'.repeat(700_000);
    assert.equal((await ask({ method: 'POST', path: configMaps, body: configMap('large', text) })).status, 201);
    const answer = await ask({ path: `${configMaps}/large` });
    assert.equal(JSON.parse(answer.body).data.text, text);
    await ask({ method: 'DELETE', path: `${configMaps}/large` });
  });
});

describe('faults', () => {
  it('reset: the connection breaks and the API server never hears of it', async () => {
    inject({ kind: 'reset' }, { match: { method: 'POST' } });
    const answer = await ask({ method: 'POST', path: configMaps, body: configMap('unheard') });
    assert.equal(answer.end, 'ECONNRESET');
    assert.equal((await ask({ path: `${configMaps}/unheard` })).status, 404);
  });

  it('reset: on the wire it is a reset, not an end', async () => {
    inject({ kind: 'reset' });
    const { hostname, port } = new URL(proxy.url);
    const socket = connect({ host: hostname, port: Number(port), ca: Buffer.from(proxy.caData, 'base64') }, () => {
      socket.write('GET /version HTTP/1.1\r\nHost: proxy\r\n\r\n');
    });
    const how = await new Promise((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.once('end', () => resolve('end'));
      socket.resume();
    });
    assert.equal(how, 'ECONNRESET');
  });

  it('lose-answer: the connection breaks, yet it was done', async () => {
    inject({ kind: 'lose-answer' }, { match: { method: 'POST' } });
    const answer = await ask({ method: 'POST', path: configMaps, body: configMap('done') });
    assert.deepEqual([answer.end, answer.status], ['ECONNRESET', undefined]);
    assert.equal((await ask({ path: `${configMaps}/done` })).status, 200);
    await ask({ method: 'DELETE', path: `${configMaps}/done` });
  });

  it('stall: never an answer', async () => {
    inject({ kind: 'stall' });
    const answer = await ask({ path: list, giveUpMs: 300 });
    assert.deepEqual([answer.end, answer.status], ['gave up', undefined]);
  });

  it('half-open: headers, so many bytes, then silence', async () => {
    inject({ kind: 'half-open', afterBytes: 10 });
    const answer = await ask({ path: list, giveUpMs: 300 });
    assert.deepEqual([answer.end, answer.status, answer.body], ['gave up', 200, '{"kind":"C']);
    inject({ kind: 'half-open', afterBytes: 0 });
    const silent = await ask({ path: watch, giveUpMs: 300 });
    assert.deepEqual([silent.end, silent.status, silent.body], ['gave up', 200, '']);
  });

  it('delay: late, else true', async () => {
    inject({ kind: 'delay', delayMs: 250 });
    const answer = await ask({ path: list });
    assert.ok(answer.tookMs >= 249, `took ${answer.tookMs} ms`);
    assert.equal(JSON.parse(answer.body).items.length, 3);
  });

  it('answer: a Status in the API server’s form', async () => {
    const reasons = { 410: 'Expired', 500: 'InternalError', 503: 'ServiceUnavailable' };
    for (const code of [410, 500, 503] as const) {
      inject({ kind: 'answer', code });
      const answer = await ask({ path: list });
      const { kind, code: said, reason } = JSON.parse(answer.body);
      assert.deepEqual([answer.status, kind, said, reason], [code, 'Status', code, reasons[code]]);
      assert.equal(answer.headers['retry-after'], undefined);
    }
    inject({ kind: 'answer', code: 429, retryAfterSeconds: 7 });
    const busy = await ask({ path: list });
    assert.deepEqual([busy.status, busy.headers['retry-after']], [429, '7']);
    assert.equal(JSON.parse(busy.body).details.retryAfterSeconds, 7);
  });

  it('gone-event: whole events, then an ERROR event, and the end', async () => {
    for (const afterEvents of [0, 2]) {
      inject({ kind: 'gone-event', afterEvents });
      const answer = await ask({ path: watch });
      const events = lines(answer.body).map((line) => JSON.parse(line));
      assert.deepEqual([answer.status, answer.end, events.length], [200, 'end', afterEvents + 1]);
      assert.deepEqual([events.at(-1).type, events.at(-1).object.code], ['ERROR', 410]);
    }
  });

  for (const how of ['reset', 'end'] as const) {
    it(`cut-event by ${how}: a watch breaks inside the JSON of an event`, async () => {
      inject({ kind: 'cut-event', event: 2, bytes: 17, how });
      const answer = await ask({ path: watch });
      const [whole = '', part = '', ...rest] = lines(answer.body);
      assert.equal(JSON.parse(whole).type, 'ADDED');
      assert.deepEqual([part, rest], ['{"type":"ADDED","', []]);
      assert.equal(answer.end, how === 'reset' ? 'ECONNRESET' : 'end');
      inject({ kind: 'cut-event', event: 1, bytes: 1e9, how });
      const long = (await ask({ path: watch })).body;
      assert.throws(() => JSON.parse(long));
      assert.doesNotThrow(() => JSON.parse(`${long}}`), 'all but the last byte');
    });
  }

  it('cut-body: any answer breaks after so many bytes', async () => {
    inject({ kind: 'cut-body', bytes: 25 });
    const answer = await ask({ path: list });
    assert.deepEqual([answer.status, answer.end, answer.body.length], [200, 'ECONNRESET', 25]);
  });
});

describe('rules', () => {
  it('hit from the n-th matching request, so many times', async () => {
    inject({ kind: 'answer', code: 500 }, { match: { method: 'GET', path: '^/api/v1/namespaces/default/configmaps' }, from: 2, count: 2 });
    const statuses: (number | undefined)[] = [];
    for (let hit = 0; hit < 4; hit += 1) {
      statuses.push((await ask({ path: list })).status);
      assert.equal((await ask({ path: '/version' })).status, 200);
    }
    assert.deepEqual(statuses, [200, 500, 500, 200]);
  });

  it('tell a watch from a list, and the first open rule wins', async () => {
    proxy.script([
      { match: { watch: true }, fault: { kind: 'answer', code: 410 } },
      { count: Infinity, fault: { kind: 'answer', code: 503 } },
    ]);
    assert.deepEqual([(await ask({ path: list })).status, (await ask({ path: watch })).status], [503, 410]);
    assert.equal((await ask({ path: list })).status, 503);
  });

  it('the log says what was asked, what fault it met and what was answered', async () => {
    const from = proxy.requests.length;
    inject({ kind: 'reset' }, { match: { watch: true } });
    await ask({ path: list });
    await ask({ path: watch });
    const seen = proxy.requests
      .slice(from)
      .map(({ method, path, watch, status, fault }) => ({ method, path, watch, status, fault: fault?.kind }));
    assert.deepEqual(seen, [
      { method: 'GET', path: list, watch: false, status: 200, fault: undefined },
      { method: 'GET', path: watch, watch: true, status: undefined, fault: 'reset' },
    ]);
  });
});

describe('connections', () => {
  it('are counted, reused by a client that keeps them, and can be dropped', async () => {
    await using quiet = await startFaultProxy({ target: plane });
    const agent = new Agent({ keepAlive: true, maxSockets: 2 });
    const options = { ca: Buffer.from(quiet.caData, 'base64'), headers: { authorization: `Bearer ${plane.token}` } };
    const get = (from: Agent = agent): Promise<string> =>
      new Promise((resolve) => {
        const sent = request(`${quiet.url}/version`, { ...options, agent: from }, (response) =>
          response.resume().on('end', () => resolve('end')),
        );
        sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error')).end();
      });
    await Promise.all([get(), get(), get(), get()]);
    assert.deepEqual({ ...quiet.connections }, { open: 2, total: 2, peak: 2 });
    quiet.script([{ fault: { kind: 'stall' } }]);
    const stalled = get();
    while (quiet.requests.at(-1)?.fault?.kind !== 'stall') await new Promise((resolve) => setImmediate(resolve));
    quiet.dropConnections();
    assert.equal(await stalled, 'ECONNRESET');
    // The first agent may not have noticed yet that its idle connection is gone too.
    assert.equal(await get(new Agent()), 'end');
    assert.equal(quiet.connections.total, 3);
    agent.destroy();
  });

  it('after any script every connection is gone when its client is, and true answers come again', async () => {
    await fc.assert(
      fc.asyncProperty(anyFaultScript({ silent: true }), async (script) => {
        proxy.script(script);
        for (const path of [list, watch, list]) await ask({ path, giveUpMs: 60 });
        proxy.script([]);
        const answer = await ask({ path: list });
        assert.deepEqual([answer.status, answer.end, JSON.parse(answer.body).items.length], [200, 'end', 3]);
        while (proxy.connections.open > 0) await new Promise((resolve) => setImmediate(resolve));
      }),
      { numRuns: 25 },
    );
  });

  it('break when the API server is away', async () => {
    await plane.stopApiServer({ signal: 'SIGKILL' });
    assert.equal((await ask({ path: list })).end, 'ECONNRESET');
    await plane.startApiServer();
    assert.equal((await ask({ path: list })).status, 200);
  });
});
