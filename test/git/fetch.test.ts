// SPDX-License-Identifier: Apache-2.0
// What a source brings from a real smart-HTTP remote: refs, paths, and how little it asks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClock } from '../fake-clock.ts';
import { codeOf, forever, openScene, snapshotOf, textsOf } from './scene.ts';

test('a branch brings its files, revision and date', async (t) => {
  const { repository, fetch } = await openScene(t);
  const commit = await repository.publish({ 'policies/a.yaml': 'a: 1\n', 'policies/empty': '', 'README.md': 'hi\n' });
  const snapshot = snapshotOf(await fetch());
  assert.equal(snapshot.commit, commit);
  assert.equal(snapshot.revision, `main@sha1:${commit}`);
  assert.equal(new Date(snapshot.committedAt).getUTCFullYear(), 2026);
  assert.deepEqual(await textsOf(snapshot), { 'README.md': 'hi\n', 'policies/a.yaml': 'a: 1\n', 'policies/empty': '' });
  assert.deepEqual(
    snapshot.files().map(({ size, mode }) => [size, mode]),
    [
      [3, '100644'],
      [5, '100644'],
      [0, '100644'],
    ],
  );
});

test('bytes are those of the blob, whatever they are', async (t) => {
  const { repository, fetch } = await openScene(t);
  const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
  await repository.publish({ 'policies/junk.yaml': bytes, 'policies/same.yaml': bytes, 'ü "quoted".md': 'x' });
  const snapshot = snapshotOf(await fetch());
  const read = await snapshot.read(['policies/junk.yaml', 'policies/same.yaml'], forever());
  assert.ok(read.ok);
  assert.deepEqual(
    read.files.map((file) => Buffer.from(file.bytes).equals(bytes)),
    [true, true],
  );
  await assert.rejects(() => snapshot.read(['policies/other.yaml'], forever()), RangeError);
});

test('each sort of ref finds its commit, with the precedence of Flux', async (t) => {
  const { repository, fetch } = await openScene(t);
  const one = await repository.publish({ f: '1' });
  await repository.git(['tag', '-a', '-m', 'x', 'v1.2.0', one]);
  const two = await repository.publish({ f: '2' });
  await repository.git(['tag', 'v1.10.0', two]);
  await repository.git(['tag', 'v2.0.0-rc.1', two]);
  const three = await repository.publish({ f: '3' });
  await repository.push(['v1.2.0', 'v1.10.0', 'v2.0.0-rc.1', `${two}:refs/pull/7/head`]);
  const rows = [
    [{ branch: 'main' }, `main@sha1:${three}`],
    [{}, `main@sha1:${three}`],
    [{ branch: 'main', tag: 'v1.2.0' }, `v1.2.0@sha1:${one}`],
    [{ tag: 'v1.2.0', semver: '^1.0.0' }, `v1.10.0@sha1:${two}`],
    [{ semver: '<1.5.0' }, `v1.2.0@sha1:${one}`],
    [{ semver: '^1.0.0', name: 'refs/pull/7/head' }, `refs/pull/7/head@sha1:${two}`],
    [{ name: 'refs/pull/7/head', commit: one }, `sha1:${one}`],
    [{ branch: 'main', commit: one }, `main@sha1:${one}`],
  ] as const;
  for (const [ref, revision] of rows) assert.equal(snapshotOf(await fetch({ ref })).revision, revision, JSON.stringify(ref));
  assert.equal(codeOf(await fetch({ ref: { tag: 'v9' } })), 'SOURCE_REF_NOT_FOUND');
  assert.equal(codeOf(await fetch({ ref: { semver: '>=3' } })), 'SOURCE_REF_NOT_FOUND');
  assert.equal(codeOf(await fetch({ ref: { name: 'refs/pull/8/head' } })), 'SOURCE_REF_NOT_FOUND');
  assert.equal(codeOf(await fetch({ ref: { commit: '0123456789'.repeat(4) } })), 'SOURCE_REF_NOT_FOUND');
});

test('a server that refuses commits by id is asked for what lies behind its branches', async (t) => {
  const { repository, server, fetch } = await openScene(t);
  const old = await repository.publish({ f: '1' });
  const now = await repository.publish({ f: '2' });
  // Protocol v0 is the one in which a server may refuse an id.
  server.intercept = (request) => {
    delete request.headers['git-protocol'];
    return false;
  };
  assert.deepEqual(await textsOf(snapshotOf(await fetch())), { f: '2' });
  assert.deepEqual(await textsOf(snapshotOf(await fetch({ ref: { commit: old } }))), { f: '1' });
  assert.deepEqual(await textsOf(snapshotOf(await fetch({ ref: { commit: now } }))), { f: '2' });
});

test('path and ignore choose files', async (t) => {
  const { repository, fetch } = await openScene(t);
  await repository.publish({ 'a/policies/x.yaml': 'x', 'a/policies/old/y.yaml': 'y', 'a/notes.md': 'n', 'b/z.yaml': 'z' });
  const paths = async (request: object): Promise<readonly string[]> =>
    snapshotOf(await fetch(request))
      .files()
      .map((file) => file.path);
  assert.deepEqual(await paths({ path: './a/' }), ['notes.md', 'policies/old/y.yaml', 'policies/x.yaml']);
  assert.deepEqual(await paths({ path: 'a', ignore: '*.md\nold/\n' }), ['policies/x.yaml']);
  assert.deepEqual(await paths({ ignore: '/*\n!/b\n' }), ['b/z.yaml']);
  assert.equal(codeOf(await fetch({ path: 'c' })), 'SOURCE_PATH_NOT_FOUND');
  assert.equal(codeOf(await fetch({ path: 'b/z.yaml' })), 'SOURCE_PATH_NOT_FOUND');
  assert.equal(codeOf(await fetch({ path: '../a' })), 'SOURCE_PATH_INVALID');
  assert.equal(codeOf(await fetch({ path: 'b', ignore: '*' })), 'SOURCE_TREE_EMPTY');
  assert.deepEqual(await paths({ path: 'b', ignore: '*', allowEmpty: true }), []);
});

test('an unchanged remote costs one ls-remote, however many sources share it', async (t) => {
  const clock = fakeClock();
  const { repository, server, fetch } = await openScene(t, { sources: { clock, limits: { shareMs: 2000 } } });
  const commit = await repository.publish({ f: '1' });
  snapshotOf(await fetch());
  await clock.advance(10_000);
  server.resetCounts();
  const together = await Promise.all(Array.from({ length: 20 }, () => fetch({ knownCommit: commit })));
  assert.ok(together.every((result) => result.kind === 'unchanged' && result.revision === `main@sha1:${commit}`));
  await clock.advance(1000);
  assert.equal((await fetch({ knownCommit: commit })).kind, 'unchanged');
  assert.deepEqual({ ...server.counts }, { advertisement: 1, list: 1, fetch: 0, push: 0, refused: 0, other: 0 });
  await clock.advance(1500);
  await fetch({ knownCommit: commit });
  assert.equal(server.counts.list, 2, 'the window is over');
});

test('a push is seen within the window of an older listing', async (t) => {
  const clock = fakeClock();
  const { repository, fetch } = await openScene(t, { sources: { clock, limits: { shareMs: 60_000 } } });
  const before = await repository.publish({ f: '1' });
  snapshotOf(await fetch());
  const after = await repository.publish({ f: '2' });
  await clock.advance(10);
  assert.equal((await fetch({ knownCommit: before })).kind, 'unchanged', 'shared');
  assert.equal(snapshotOf(await fetch({ knownCommit: before, since: clock.now() })).commit, after);
});

test('a known commit that is pinned by id costs nothing', async (t) => {
  const { repository, server, fetch } = await openScene(t);
  const commit = await repository.publish({ f: '1' });
  assert.equal((await fetch({ ref: { commit }, knownCommit: commit })).kind, 'unchanged');
  assert.equal(server.counts.advertisement, 0);
});

test('a force-push is a new commit like any other', async (t) => {
  const { repository, fetch } = await openScene(t);
  const base = await repository.publish({ f: '1' });
  const direct = await repository.publish({ f: '2' });
  const sibling = await repository.publish({ f: '3' }, { from: base, force: true });
  assert.equal(snapshotOf(await fetch({ knownCommit: direct })).commit, sibling);
  await repository.publish({ f: '4' }, { root: true, force: true });
  assert.deepEqual(await textsOf(snapshotOf(await fetch({ knownCommit: sibling }))), { f: '4' });
});

test('a mirror that is made anew still serves, and earlier snapshots can be read', async (t) => {
  const { repository, fetch } = await openScene(t, { sources: { limits: { fetchesPerMirror: 2, blobCacheBytes: 0 } } });
  await repository.publish({ f: '0' });
  let earlier = snapshotOf(await fetch());
  for (let round = 1; round < 6; round += 1) {
    await repository.publish({ f: String(round) });
    const snapshot = snapshotOf(await fetch());
    assert.deepEqual(await textsOf(snapshot), { f: String(round) });
    assert.deepEqual(await textsOf(earlier), { f: String(round - 1) });
    earlier = snapshot;
  }
});

test('a file URL works where it is allowed and only there', async (t) => {
  const { repository, fetch } = await openScene(t);
  await repository.publish({ f: '1' });
  assert.deepEqual(await textsOf(snapshotOf(await fetch({ url: `file://${repository.dir}` }))), { f: '1' });
  const strict = await openScene(t, { sources: { allowFileUrls: false, allowPlainHttp: false } });
  assert.equal(codeOf(await strict.fetch({ url: `file://${repository.dir}` })), 'SOURCE_URL_REFUSED');
  assert.equal(codeOf(await strict.fetch()), 'SOURCE_URL_REFUSED');
});
