// SPDX-License-Identifier: Apache-2.0
// A branch that is followed only forward: what a real remote may move it to, and what finding out costs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, openScene, snapshotOf } from './scene.ts';

const followed = (commit: string, label = 'main') => ({ follows: { label, commit } });

test('a commit whose parent was applied is taken without a further question', async (t) => {
  const { repository, server, fetch } = await openScene(t);
  const one = await repository.publish({ f: '1' });
  snapshotOf(await fetch());
  const two = await repository.publish({ f: '2' });
  server.resetCounts();
  assert.equal(snapshotOf(await fetch(followed(one))).commit, two);
  assert.equal(server.counts.fetch, 1);
});

test('many commits at once, a merge, and the same commit again follow', async (t) => {
  const { repository, fetch } = await openScene(t);
  const base = await repository.publish({ f: '1' });
  await repository.publish({ f: '2' });
  const third = await repository.publish({ f: '3' });
  assert.equal(snapshotOf(await fetch(followed(base))).commit, third);
  assert.equal(snapshotOf(await fetch(followed(third))).commit, third);
  const side = await repository.commit({ g: '1' }, { branch: 'side', from: base });
  const tree = (await repository.git(['rev-parse', `${third}^{tree}`])).trim();
  const merge = (
    await repository.git(['-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit-tree', '-p', third, '-p', side, '-m', 'm', tree])
  ).trim();
  await repository.push([`${merge}:refs/heads/main`]);
  for (const before of [third, side, base]) assert.equal(snapshotOf(await fetch(followed(before))).commit, merge);
});

for (const allowFilter of [true, false]) {
  test(`rewritten history is refused, ${allowFilter ? 'with' : 'without'} filters at the server`, async (t) => {
    const { repository, fetch } = await openScene(t, { allowFilter });
    const base = await repository.publish({ f: '1' });
    const applied = await repository.publish({ f: '2' });
    snapshotOf(await fetch(followed(base)));
    const sibling = await repository.publish({ f: '3' }, { from: base, force: true });
    assert.equal(codeOf(await fetch(followed(applied))), 'SOURCE_HISTORY_REWRITTEN');
    assert.equal(snapshotOf(await fetch(followed(base))).commit, sibling);
    await repository.publish({ f: '4' }, { root: true, force: true });
    assert.equal(codeOf(await fetch(followed(applied))), 'SOURCE_HISTORY_REWRITTEN');
    assert.equal(codeOf(await fetch(followed('0'.repeat(40)))), 'SOURCE_HISTORY_REWRITTEN');
    assert.equal(codeOf(await fetch(followed('0'.repeat(64)))), 'SOURCE_HISTORY_REWRITTEN');
    // Going back is no step forward either.
    await repository.push([`${base}:refs/heads/main`], { force: true });
    assert.equal(codeOf(await fetch(followed(applied))), 'SOURCE_HISTORY_REWRITTEN');
    // The branch is where it was again, whatever was seen of it meanwhile.
    await repository.push([`${applied}:refs/heads/main`], { force: true });
    assert.equal(snapshotOf(await fetch(followed(base))).commit, applied);
  });
}

test('another branch, a tag and a commit are chosen by whoever names them', async (t) => {
  const { repository, fetch } = await openScene(t);
  const one = await repository.publish({ f: '1' });
  const other = await repository.publish({ f: '2' }, { branch: 'other', root: true });
  await repository.git(['tag', 'v1.0.0', other]);
  await repository.push(['v1.0.0']);
  for (const ref of [{ branch: 'other' }, { tag: 'v1.0.0' }, { semver: '^1.0.0' }, { branch: 'main', commit: other }])
    assert.equal(snapshotOf(await fetch({ ref, ...followed(one) })).commit, other, JSON.stringify(ref));
});
