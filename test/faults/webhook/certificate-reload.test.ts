// SPDX-License-Identifier: Apache-2.0
// A new serving certificate is used without a restart; a bad one changes nothing.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { connect } from 'node:tls';
import { fakeClock } from '../../fake-clock.ts';
import { followFiles } from '../../../webhook/server/certificate-files.ts';
import { pairInSecret } from '../../../webhook/server/certificate-secret.ts';
import { checkPair, createCertificateHolder } from '../../../webhook/server/certificate.ts';
import { makeServingPair } from './certificates.ts';
import { createClient, serve } from './serving.ts';

const handle = (): { status: number; body: string } => ({ status: 200, body: '{}' });

const subjectAt = (port: number, caPem: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: caPem, servername: 'localhost' }, () => {
      const name = socket.getPeerCertificate().subject.CN;
      resolve(String(name));
      socket.destroy();
    });
    socket.on('error', reject);
  });

it('new connections get the new certificate, open ones live on, a mismatched pair keeps the old one', async () => {
  const { listener, port, pair } = await serve(handle);
  const problems: string[] = [];
  const holder = createCertificateHolder({
    apply: (next) => listener.setCertificate(next),
    onProblem: ({ code, message }) => problems.push(`${code}: ${message}`),
  });
  assert.equal(holder.offer(pair), true);
  const client = createClient(pair.caPem, () => port);
  assert.equal((await client.post()).reused, false);

  const second = makeServingPair('second');
  assert.equal(holder.offer(second), true);
  assert.equal(await subjectAt(port, pair.caPem), 'second');
  assert.equal((await client.post()).reused, true, 'the old connection still answers');
  assert.equal(client.connections, 1);

  const third = makeServingPair('third');
  for (const bad of [
    { certPem: third.certPem, keyPem: second.keyPem },
    { certPem: 'nonsense', keyPem: third.keyPem },
    { certPem: third.certPem, keyPem: '' },
  ]) {
    assert.equal(holder.offer(bad), false);
    assert.equal(holder.problem?.code, 'TLS_PAIR_INVALID');
    assert.equal(await subjectAt(port, pair.caPem), 'second');
  }
  assert.equal(problems.length, 3);
  assert.match(problems[0] ?? '', /does not belong to the certificate/);
  assert.equal(
    problems.some((problem) => problem.includes('PRIVATE')),
    false,
  );
  assert.equal(holder.offer(third), true);
  assert.equal(holder.problem, undefined);
  assert.equal(await subjectAt(port, pair.caPem), 'third');
  const checked = checkPair(third);
  assert.equal(holder.expiresMs, checked.ok ? checked.expiresMs : 0);
  client.close();
  await listener.drain();
});

it('files are read again while the process runs; a half-made change waits for its other half', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-tls-'));
  const certFile = join(folder, 'tls.crt');
  const keyFile = join(folder, 'tls.key');
  const clock = fakeClock();
  const stop = new AbortController();
  const used: string[] = [];
  const looked: (() => void)[] = [];
  const errors: unknown[] = [];
  const holder = createCertificateHolder({ apply: ({ certPem }) => used.push(certPem), onProblem: () => undefined });
  const observed = { ...holder, offer: (pair: Parameters<typeof holder.offer>[0]) => (holder.offer(pair), looked.shift()?.(), true) };
  const look = (): Promise<void> => new Promise((resolve) => looked.push(resolve));
  const [one, two] = [makeServingPair('one'), makeServingPair('two')];
  await Promise.all([writeFile(certFile, one.certPem), writeFile(keyFile, one.keyPem)]);
  const first = look();
  const following = followFiles({ certFile, keyFile, holder: observed, clock, onError: (error) => errors.push(error) }, stop.signal);
  await first;
  for (const [file, text] of [
    [certFile, two.certPem],
    [keyFile, two.keyPem],
  ] as const) {
    await writeFile(file, text);
    const next = look();
    await clock.advance(10_000);
    await next;
  }
  assert.deepEqual(used, [one.certPem, two.certPem]);
  assert.deepEqual(errors, []);
  stop.abort();
  await following;
  await rm(folder, { recursive: true });
});

it('a Secret is read by its own keys, and only a whole pair counts', () => {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  assert.deepEqual(pairInSecret({ data: { 'tls.crt': encode('C'), 'tls.key': encode('K'), 'ca.crt': 'x' } }), {
    certPem: 'C',
    keyPem: 'K',
  });
  for (const secret of [
    undefined,
    null,
    {},
    { data: null },
    { data: { 'tls.crt': encode('C') } },
    { data: { 'tls.crt': 1, 'tls.key': encode('K') } },
  ]) {
    assert.equal(pairInSecret(secret), undefined);
  }
});
