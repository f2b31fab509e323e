// SPDX-License-Identifier: Apache-2.0
// The house plan names every room that there is; that the rooms which it links to exist, links.test.ts holds.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const HOUSES = ['policies', 'operator', 'webhook'];
const plan = readFileSync(new URL('architecture.md', import.meta.url), 'utf8');

it('every room of policies, operator and webhook is in the plan', () => {
  const rooms = new Set(HOUSES.flatMap((house) => globSync(`${house}/*/*.ts`, { cwd: root }).map((file) => dirname(file))));
  assert.ok(rooms.size > 20);
  // By its whole path, or in the list of rooms of its house.
  const lists = new Map(
    HOUSES.map((house) => [house, plan.split('\n').find((line) => line.startsWith(`| [\`${house}/\`]`))?.split('|')[2] ?? '']),
  );
  const missing = [...rooms].filter((room) => {
    const [house = '', name = ''] = room.split('/');
    return !plan.includes(`\`${room}\``) && !plan.includes(`[\`${room}/\`]`) && !new RegExp(`\\b${name}/`).test(lists.get(house) ?? '');
  });
  assert.deepEqual(missing, []);
});

it('a room that the plan lists is there', () => {
  for (const house of ['operator', 'webhook']) {
    const [, list = ''] = plan.split('\n').find((line) => line.startsWith(`| [\`${house}/\`]`))?.match(/\| `([a-z/ -]+)`/) ?? [];
    const named = list.split(' ').map((name) => name.replace('/', ''));
    assert.ok(named.length > 3, house);
    for (const name of named) assert.ok(globSync(`${house}/${name}/*.ts`, { cwd: root }).length > 0, `${house}/${name}`);
  }
});
