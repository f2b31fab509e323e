// SPDX-License-Identifier: Apache-2.0
// What a file exports is imported by another: what nobody asks for is not offered. Types are left out, since a file names those of its
// signatures.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ROOMS = ['crds', 'policies', 'kube', 'process', 'operator', 'webhook', 'cli', 'deploy', 'docs', 'test'];
const EXPORT = /^export (?:async )?(?:const|let|class|function) (\w+)/gm;
const NAMED = /^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']+)'/gm;
const WHOLE = /^import (?:type )?\* as \w+ from '(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/gm;

const files = new Map(
  globSync(
    ROOMS.map((room) => `${room}/**/*.ts`),
    { cwd: root },
  )
    .filter((file) => !file.startsWith('crds/generated/'))
    .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
);

it('every value that a file exports is imported by another', () => {
  const wanted = new Set<string>();
  const taken = new Set<string>();
  for (const [file, text] of files) {
    const target = (path: string): string => normalize(join(dirname(file), path));
    for (const [, names = '', path = ''] of text.matchAll(NAMED))
      for (const name of names.split(',')) wanted.add(`${target(path)} ${/\w+(?=( as \w+)?\s*$)/.exec(name)?.[0] ?? ''}`);
    for (const [, all, dynamic] of text.matchAll(WHOLE)) taken.add(target(all ?? dynamic ?? ''));
  }
  const idle = [...files].flatMap(([file, text]) =>
    taken.has(file) ? [] : [...text.matchAll(EXPORT)].map(([, name]) => `${file} ${name}`).filter((one) => !wanted.has(one)),
  );
  assert.ok(wanted.size > 1000);
  assert.deepEqual(idle, []);
});
