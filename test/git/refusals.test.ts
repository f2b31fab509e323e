// SPDX-License-Identifier: Apache-2.0
// What a repository may not hold, each refused by code and by name, and what it costs to find out.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { FetchResult } from '../../operator/source/index.ts';
import { codeOf, forever, openScene, snapshotOf, textsOf } from './scene.ts';

const messageOf = (result: FetchResult): string => (result.kind === 'problem' ? result.problem.message : '');
const MIB = 1024 * 1024;

test('an empty repository, a vanished branch and a vanished repository', async (t) => {
  const { repository, server, fetch } = await openScene(t);
  assert.equal(codeOf(await fetch()), 'SOURCE_EMPTY');
  await repository.publish({ f: '1' });
  await repository.publish({ f: '2' }, { branch: 'next' });
  snapshotOf(await fetch({ ref: { branch: 'next' } }));
  await repository.push([':next']);
  const vanished = await fetch({ ref: { branch: 'next' } });
  assert.equal(codeOf(vanished), 'SOURCE_REF_NOT_FOUND');
  assert.match(messageOf(vanished), /refs\/heads\/next/);
  assert.equal(codeOf(await fetch({ url: `${server.url}/nothing.git` })), 'SOURCE_NOT_FOUND');
});

test('symbolic links and submodules are refused by name, unless ignored', async (t) => {
  const { repository, fetch } = await openScene(t);
  const commit = await repository.publish({ 'policies/a.yaml': 'a', 'policies/evil.yaml': { link: '../../../etc/passwd' } });
  const link = await fetch();
  assert.equal(codeOf(link), 'SOURCE_SYMLINK');
  assert.match(messageOf(link), /"policies\/evil\.yaml"/);
  assert.deepEqual(await textsOf(snapshotOf(await fetch({ ignore: 'evil.yaml' }))), { 'policies/a.yaml': 'a' });
  await repository.publish({ 'policies/evil.yaml': null, vendor: { submodule: commit } });
  const submodule = await fetch();
  assert.equal(codeOf(submodule), 'SOURCE_SUBMODULE');
  assert.match(messageOf(submodule), /"vendor"/);
});

test('hostile names are refused', async (t) => {
  const { repository, fetch } = await openScene(t);
  const blob = (await repository.git(['hash-object', '-w', '--stdin'], 'x')).trim();
  const publishTree = async (mode: string, type: string, oid: string, name: string): Promise<void> => {
    // Straight into an object: mktree and fast-import refuse such names themselves, a hostile server does not.
    const header = Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')]);
    const tree = (await repository.git(['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], header)).trim();
    const commit = (await repository.git(['commit-tree', tree, '-m', type])).trim();
    await repository.git(['update-ref', 'refs/heads/main', commit]);
    await repository.push(['main'], { force: true });
  };
  const subtree = (await repository.git(['mktree'], `100644 blob ${blob}\tpasswd\n`)).trim();
  const rows = [
    ['40000', subtree, '..'],
    ['40000', subtree, '.git'],
    ['40000', subtree, '.GIT'],
    ['100644', blob, 'a\nb'],
    ['100644', blob, 'a\\b'],
    ['100644', blob, 'a\u202eb'],
    ['100644', blob, 'n'.repeat(4097)],
  ] as const;
  for (const [mode, oid, name] of rows) {
    await publishTree(mode, 'x', oid, name);
    const result = await fetch();
    assert.equal(codeOf(result), 'SOURCE_PATH_HOSTILE', JSON.stringify(name.slice(0, 10)));
    assert.ok(messageOf(result).length < 400);
  }
  await repository.publish({ [`${'d/'.repeat(40)}f`]: 'x' }, { root: true, force: true });
  assert.equal(codeOf(await fetch()), 'SOURCE_PATH_HOSTILE');
});

test('100,000 files are refused with their number, and a folder of them is not', async (t) => {
  const { repository, fetch } = await openScene(t);
  const many = Array.from({ length: 100_000 }, (_, index) => [`bulk/${index % 100}/${index}.yaml`, 'x'] as const);
  await repository.publish({ ...Object.fromEntries(many), 'policies/a.yaml': 'a' });
  const result = await fetch();
  assert.equal(codeOf(result), 'SOURCE_TOO_MANY_FILES');
  assert.match(messageOf(result), /10000/);
  assert.deepEqual(await textsOf(snapshotOf(await fetch({ path: './policies' }))), { 'a.yaml': 'a' });
});

test('a 50 MB file is not downloaded, and refused only where it is read', async (t) => {
  const { repository, server, fetch } = await openScene(t);
  // Incompressible, so that what is sent tells what was downloaded.
  await repository.publish({ 'policies/big.yaml': randomBytes(50_000_000), 'policies/small.yaml': 's' });
  const snapshot = snapshotOf(await fetch());
  assert.ok(server.sentBytes < MIB, `${server.sentBytes} bytes were sent`);
  assert.deepEqual(
    snapshot.files().map((file) => file.size),
    [undefined, 1],
  );
  const small = await snapshot.read(['policies/small.yaml'], forever());
  assert.ok(small.ok);
  const big = await snapshot.read(['policies/small.yaml', 'policies/big.yaml'], forever());
  assert.ok(!big.ok);
  assert.equal(big.problem.code, 'SOURCE_FILE_TOO_LARGE');
  assert.match(big.problem.message, /policies\/big\.yaml/);
});

test('where the server cannot filter, the size on disk is bounded and the mirror stays usable', async (t) => {
  const { repository, fetch } = await openScene(t, { allowFilter: false, sources: { limits: { mirrorBytes: 2 * MIB } } });
  const noise = (): Buffer => randomBytes(1_500_000);
  await repository.publish({ a: 'a' });
  snapshotOf(await fetch());
  await repository.publish({ a: noise(), b: noise() });
  assert.equal(codeOf(await fetch()), 'SOURCE_REPOSITORY_TOO_LARGE');
  // One at a time they fit, and what came before does not count against them.
  for (let round = 0; round < 3; round += 1) {
    await repository.publish({ a: noise(), b: null });
    assert.equal(snapshotOf(await fetch()).files().length, 1);
  }
});

test('the bytes of one commit are bounded', async (t) => {
  const { repository, fetch } = await openScene(t, { sources: { limits: { totalBytes: 100, fileBytes: 80 } } });
  await repository.publish({ a: 'a'.repeat(60), b: 'b'.repeat(60), c: 'c'.repeat(81) });
  const snapshot = snapshotOf(await fetch());
  const read = async (...paths: string[]): Promise<string> => {
    const result = await snapshot.read(paths, forever());
    return result.ok ? 'ok' : result.problem.code;
  };
  assert.equal(await read('a'), 'ok');
  assert.equal(await read('a', 'b'), 'SOURCE_TOO_LARGE');
  assert.equal(await read('c'), 'SOURCE_FILE_TOO_LARGE');
});

test('what would run a program is refused before git is started', async (t) => {
  // With no program to find, a row that reached git would end as SOURCE_GIT_MISSING.
  const { url, fetch } = await openScene(t, { sources: { programPath: '/nonexistent' } });
  const urls = [
    'ext::sh -c touch% /tmp/pwned',
    'ext::sh',
    'fd::7',
    '--upload-pack=touch /tmp/pwned',
    '-u',
    'git@github.com:acme/policies.git',
    'host:path',
    'ssh://-oProxyCommand=touch/x',
    'ssh://git@-oProxyCommand=x/x',
    'ssh://-l@host/x',
    'ssh://git:pw@host/x',
    'https://user:pw@host/x',
    'https://token@host/x',
    'https://host',
    'https://host/x?a',
    'https://host/x#b',
    'https://host/a b',
    'https://host/a\nb',
    'git://host/x',
    'file://other/x',
    'javascript:alert(1)',
    '',
    'x'.repeat(3000),
  ];
  for (const bad of urls) assert.equal(codeOf(await fetch({ url: bad })), 'SOURCE_URL_REFUSED', bad);
  const refs = [
    '--upload-pack=touch /tmp/x',
    '-x',
    'a..b',
    'a b',
    'a:b',
    'a^',
    'a~1',
    'a\nb',
    'x.lock',
    '@{-1}',
    '@',
    '/a',
    'a/',
    'refs/heads/*',
    '',
  ];
  for (const branch of refs) assert.equal(codeOf(await fetch({ ref: { branch } })), 'SOURCE_REF_INVALID', branch);
  assert.equal(codeOf(await fetch({ ref: { name: '--upload-pack=x' } })), 'SOURCE_REF_INVALID');
  assert.equal(codeOf(await fetch({ ref: { commit: 'HEAD' } })), 'SOURCE_REF_INVALID');
  assert.equal(codeOf(await fetch({ ref: { semver: 'latest please' } })), 'SOURCE_REF_INVALID');
  assert.equal(codeOf(await fetch({ url })), 'SOURCE_GIT_MISSING');
});

test('the short ssh form is answered with the long one, and secrets are not repeated', async (t) => {
  const { fetch } = await openScene(t);
  const short = await fetch({ url: 'git@github.com:acme/policies.git' });
  assert.ok(short.kind === 'problem');
  assert.equal(short.problem.hint, 'write ssh://git@github.com/acme/policies.git');
  assert.ok(!JSON.stringify(await fetch({ url: 'https://user:hunter2@host/x' })).includes('hunter2'));
});
