// SPDX-License-Identifier: Apache-2.0
// A remote or a machine that fails: a code, no process left behind, and the next fetch works.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { formatProblem } from '../../policies/problem.ts';
import { fakeClock } from '../fake-clock.ts';
import { until } from '../scenario/until.ts';
import { codeOf, openScene, snapshotOf, textsOf } from './scene.ts';
import { boundPort } from '../../process/bound-port.ts';

const sessionsTalkingTo = async (url: string): Promise<readonly string[]> => {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(url));
};

test('a remote that refuses connections', async (t) => {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  listener.close();
  await once(listener, 'close');
  const { fetch } = await openScene(t);
  for (const url of [`http://127.0.0.1:${boundPort(listener)}/x.git`, 'http://nowhere.invalid/x.git']) {
    const result = await fetch({ url });
    assert.ok(result.kind === 'problem' && result.transient, JSON.stringify(result));
    assert.equal(result.problem.code, 'SOURCE_UNREACHABLE');
    assert.ok(!/\d+ ms/.test(result.problem.message), 'the message is the same each time');
  }
});

test('answers that are not git', async (t) => {
  const { server, repository, fetch } = await openScene(t);
  await repository.publish({ f: '1' });
  const rows = [
    [500, 'SOURCE_UNREACHABLE'],
    [503, 'SOURCE_UNREACHABLE'],
    [429, 'SOURCE_UNREACHABLE'],
    [404, 'SOURCE_NOT_FOUND'],
    [403, 'SOURCE_CREDENTIAL_REFUSED'],
  ] as const;
  for (const [status, code] of rows) {
    server.intercept = (_request, response) => {
      response.writeHead(status).end('<html>');
      return true;
    };
    assert.equal(codeOf(await fetch()), code, String(status));
  }
  server.intercept = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>\n<html>\n<body>hello</body>\n</html>\n');
    return true;
  };
  assert.match(codeOf(await fetch()), /^SOURCE_(NOT_FOUND|FAILED)$/);
  server.intercept = undefined;
  assert.deepEqual(await textsOf(snapshotOf(await fetch())), { f: '1' });
});

test('a remote that hangs is given up after the timeout, and no process stays', async (t) => {
  const clock = fakeClock();
  const { server, url, fetch, repository } = await openScene(t, { sources: { clock } });
  await repository.publish({ f: '1' });
  const asked = new Promise<void>((resolve) => {
    server.intercept = () => {
      resolve();
      return true;
    };
  });
  const result = fetch({ timeoutMs: 5000 });
  await asked;
  assert.ok((await sessionsTalkingTo(url)).length >= 2, 'git and its transport run');
  await clock.advance(5000);
  assert.equal(codeOf(await result), 'SOURCE_TIMEOUT');
  await ended(url);
  server.intercept = undefined;
  assert.deepEqual(await textsOf(snapshotOf(await fetch())), { f: '1' });
});

test('a TLS connection that breaks, before, in or after its handshake, passes; a certificate that is not trusted does not', async (t) => {
  const { server, repository, fetch } = await openScene(t, { server: { tls: true } });
  await repository.publish({ f: '1' });
  const credentials = { caCrt: server.ca ?? '' };
  const breaks: readonly (readonly [string, NonNullable<typeof server.intercept>])[] = [
    ['reset without an answer', (request) => request.socket.destroy() !== undefined],
    [
      'reset in the middle of an answer',
      (request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement', 'content-length': '1000' });
        response.write('001e# service=git-upload-pack\n', () => request.socket.destroy());
        return true;
      },
    ],
  ];
  for (const [what, intercept] of breaks) {
    server.intercept = intercept;
    const broken = await fetch({ credentials });
    assert.ok(broken.kind === 'problem', what);
    assert.deepEqual([broken.problem.code, broken.transient], ['SOURCE_UNREACHABLE', true], `${what}: ${broken.problem.message}`);
  }
  const hangsUp = createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1');
  await once(hangsUp, 'listening');
  t.after(() => hangsUp.close());
  const inHandshake = await fetch({ url: `https://127.0.0.1:${boundPort(hangsUp)}/policies.git`, credentials });
  assert.ok(inHandshake.kind === 'problem');
  assert.deepEqual([inHandshake.problem.code, inHandshake.transient], ['SOURCE_UNREACHABLE', true], inHandshake.problem.message);
  server.intercept = undefined;
  const strange = await fetch();
  assert.ok(strange.kind === 'problem');
  assert.deepEqual([strange.problem.code, strange.transient], ['SOURCE_TLS', false], strange.problem.message);
  assert.deepEqual(await textsOf(snapshotOf(await fetch({ credentials }))), { f: '1' });
});

/** What a git that was ended leaves in a mirror. */
const unfinished = async (dir: string): Promise<readonly string[]> =>
  (await readdir(dir, { recursive: true })).filter((name) => /tmp_|\.lock$/.test(name));

// Killed at once, but it is the kernel's to take the processes down.
const ended = (url: string): Promise<boolean> =>
  until(async () => (await sessionsTalkingTo(url)).length === 0, { what: `every process that talks to ${url} to end`, withinMs: 5_000 });

test('an abort in the middle of a pack ends git with its children and leaves the mirror usable', async (t) => {
  const { server, url, fetch, repository, root } = await openScene(t);
  const cache = join(root, 'cache');
  await repository.publish({ f: '1' });
  const before = snapshotOf(await fetch());
  const noise = randomBytes(900_000);
  await repository.publish({ f: noise });
  const abort = new AbortController();
  server.holdAfterBytes = 300_000;
  const result = fetch({}, abort.signal);
  await until(async () => (await unfinished(cache)).some((name) => name.includes('tmp_pack')), { what: 'the pack to be on its way' });
  abort.abort();
  assert.equal(codeOf(await result), 'SOURCE_CANCELLED');
  await ended(url);
  assert.deepEqual(await unfinished(cache), []);
  assert.deepEqual(await textsOf(before), { f: '1' });
  server.holdAfterBytes = undefined;
  const after = snapshotOf(await fetch());
  assert.equal(after.files()[0]?.size, noise.length);
});

test('one source that gives up does not take the listing from the others', async (t) => {
  const { server, fetch, repository } = await openScene(t, { sources: { limits: { shareMs: 60_000 } } });
  const commit = await repository.publish({ f: '1' });
  const leaver = new AbortController();
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    server.intercept = (request, response) => {
      server.intercept = undefined;
      resolve();
      void held.then(() => response.writeHead(503).end());
      return request.method === 'GET';
    };
  });
  const leaving = fetch({ knownCommit: commit }, leaver.signal);
  const staying = fetch({ knownCommit: commit });
  await asked;
  leaver.abort();
  assert.equal(codeOf(await leaving), 'SOURCE_CANCELLED');
  release();
  assert.equal(codeOf(await staying), 'SOURCE_UNREACHABLE', 'it waited for the answer of the remote');
});

test('closing ends what runs and removes everything', async (t) => {
  const { server, url, sources, fetch, repository, root } = await openScene(t);
  await repository.publish({ f: '1' });
  const asked = new Promise<void>((resolve) => {
    server.intercept = () => {
      resolve();
      return true;
    };
  });
  const result = fetch();
  await asked;
  await sources.close();
  assert.equal(codeOf(await result), 'SOURCE_CANCELLED');
  await ended(url);
  assert.deepEqual(await readdir(join(root, 'cache')), []);
});

test('what a crash left behind is removed by the next start', async (t) => {
  const { root, fetch, repository } = await openScene(t);
  const dead = spawnSync('true').pid;
  await mkdir(join(root, 'cache', `writ-git-${dead}-abc`), { recursive: true });
  await mkdir(join(root, 'cache', 'not-ours'), { recursive: true });
  await repository.publish({ f: '1' });
  snapshotOf(await fetch());
  const left = await readdir(join(root, 'cache'));
  assert.deepEqual(
    left.filter((name) => !name.startsWith(`writ-git-${process.pid}-`)),
    ['not-ours'],
  );
});

test('an ssh that waits for a silent host ends with the git that started it', async (t) => {
  if (spawnSync('ssh', ['-V']).status !== 0) return t.skip('needs ssh');
  const accepted: Socket[] = [];
  const silent = createServer((socket) => void accepted.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    for (const socket of accepted) socket.destroy();
    silent.close();
  });
  const { fetch, root } = await openScene(t);
  const abort = new AbortController();
  const path = `${root}/silent.git`;
  const result = fetch(
    { url: `ssh://git@127.0.0.1:${boundPort(silent)}${path}`, credentials: { identity: 'x', knownHosts: 'x' } },
    abort.signal,
  );
  await once(silent, 'connection');
  assert.ok((await sessionsTalkingTo(path)).some((line) => line.startsWith('ssh\0')));
  abort.abort();
  assert.equal(codeOf(await result), 'SOURCE_CANCELLED');
  await ended(path);
});

const mountSmallDisk = (dir: string): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]).status === 0;

test('a full disk under the mirror is told, and the next fetch after it has space works', async (t) => {
  const cache = await mkdtemp(join(tmpdir(), 'writ-disk-'));
  if (!mountSmallDisk(cache)) {
    await rm(cache, { recursive: true });
    return t.skip('needs the right to mount a tmpfs');
  }
  const { fetch, repository } = await openScene(t, { sources: { cacheDir: cache } });
  t.after(async () => {
    spawnSync('umount', ['-l', cache]);
    await rm(cache, { recursive: true, force: true });
  });
  await repository.publish({ f: '1' });
  const before = snapshotOf(await fetch());
  const filler = join(cache, 'filler');
  await writeFile(filler, Buffer.alloc(2_000_000)).catch(() => {});
  await repository.publish({ f: 'x'.repeat(200_000) });
  const full = await fetch();
  assert.ok(full.kind === 'problem' && full.transient, JSON.stringify(full));
  assert.match(
    formatProblem(full.problem),
    /^SOURCE_DISK_FULL: .*no space is left for the mirror of the repository \(give the cache folder of the operator more space/,
  );
  assert.deepEqual(await unfinished(cache), []);
  assert.deepEqual(await textsOf(before), { f: '1' });
  await rm(filler);
  assert.deepEqual(await textsOf(snapshotOf(await fetch())), { f: 'x'.repeat(200_000) });
});
