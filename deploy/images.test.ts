// SPDX-License-Identifier: Apache-2.0
// What can be held of the images without building them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NODE_FLAGS } from '../test/scenario/writ-process.ts';

const read = (path: string): readonly string[] => readFileSync(new URL(path, import.meta.url), 'utf8').split('\n');
const dockerfile = read('../Dockerfile');
const ignored = read('../.dockerignore').filter((line) => line !== '' && !line.startsWith('#'));

test('every base is pinned by digest', () => {
  const bases = dockerfile.filter((line) => line.startsWith('FROM '));
  assert.equal(bases.length, 2);
  for (const base of bases) assert.match(base, /^FROM \S+:\S+@sha256:[0-9a-f]{64} AS (operator|webhook)$/);
});

test('each image runs one bundle, as a numeric user, without code generation from strings', () => {
  assert.equal(dockerfile.filter((line) => line === 'USER 65532:65532').length, 2);
  for (const name of ['operator', 'webhook'] as const) {
    assert.ok(dockerfile.includes(`COPY --chmod=0444 build/bundle/${name}.mjs build/bundle/${name}.mjs.LEGAL.txt ./`));
    const flags = NODE_FLAGS[name].map((flag) => `"${flag}"`).join(', ');
    assert.ok(flags.includes('--disallow-code-generation-from-strings'));
    assert.ok(dockerfile.some((line) => line.startsWith('ENTRYPOINT ') && line.includes(`node", ${flags}, "/app/${name}.mjs"`)));
  }
});

test('nothing but the bundles is sent to the builder', () => {
  assert.equal(ignored[0], '*');
  assert.deepEqual(
    ignored.filter((line) => line.endsWith('.mjs')),
    ['!build/bundle/operator.mjs', '!build/bundle/webhook.mjs'],
  );
  for (const folder of ['build', 'build/bundle']) assert.ok(ignored.indexOf(`!${folder}`) < ignored.indexOf(`${folder}/*`));
});

test('the Node of the operator image is the one that the project is tested with', () => {
  const version = read('../Makefile')
    .find((line) => line.startsWith('NODE_VERSION :='))
    ?.split('=')[1]
    ?.trim();
  assert.ok(version);
  assert.ok(dockerfile.some((line) => line.startsWith(`FROM node:${version}-`)));
});
