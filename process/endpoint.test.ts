// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEndpoint } from './endpoint.ts';
import { createMetrics, defineMetrics } from './metrics.ts';

describe('the endpoint', () => {
  it('says what is missing until it is ready', async () => {
    let synced = false;
    const endpoint = createEndpoint({
      host: '127.0.0.1',
      port: 0,
      ready: {
        policies: () => synced || 'the first set is not compiled',
        certificate: () => true,
        broken: () => {
          if (!synced) throw new Error('it broke');
          return true;
        },
      },
    });
    const { url } = await endpoint.start();
    const before = await fetch(`${url}/readyz`);
    const text = await before.text();
    assert.equal(before.status, 503);
    assert.match(text, /\[-\] policies: the first set is not compiled\n\[\+\] certificate\n\[-\] broken: it broke\nnot ok/);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    synced = true;
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    await endpoint.close();
    await assert.rejects(fetch(`${url}/healthz`));
  });

  it('shows the metrics, and nothing else', async () => {
    const metrics = createMetrics(defineMetrics({ up: { kind: 'gauge', name: 't_up', help: 'h' } }));
    metrics.up.set({}, 1);
    const endpoint = createEndpoint({ host: '127.0.0.1', port: 0, metrics: metrics.registry, ready: {} });
    const { url } = await endpoint.start();
    const answer = await fetch(`${url}/metrics`);
    assert.match(answer.headers.get('content-type') ?? '', /text\/plain/);
    assert.match(await answer.text(), /^t_up 1$/m);
    const open = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } });
    assert.match(open.headers.get('content-type') ?? '', /^application\/openmetrics-text; version=1\.0\.0/);
    assert.ok((await open.text()).endsWith('# EOF\n'));
    const plain = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text;q=0.5,text/plain' } });
    assert.match(plain.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    await plain.text();
    const other = await fetch(`${url}/etc/passwd`);
    assert.equal(other.status, 404);
    assert.equal(other.headers.get('x-powered-by'), null);
    await other.text();
    await endpoint.close();
  });

  it('says when its port is taken', async () => {
    const first = createEndpoint({ host: '127.0.0.1', port: 0, ready: {} });
    const { port } = await first.start();
    await assert.rejects(createEndpoint({ host: '127.0.0.1', port, ready: {} }).start(), /EADDRINUSE/);
    await first.close();
  });
});
