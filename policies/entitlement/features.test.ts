// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FEATURES } from './features.ts';
import { tableOf } from './test-catalog.ts';

test('docs/tiers.md lists the features that Writ asks for, and what each lets a tenant do', () => {
  const text = readFileSync(new URL('../../docs/tiers.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)].map(([, feature, lets]) => [feature, lets]);
  assert.deepEqual(rows, Object.entries(FEATURES));
});

test('the shipped catalog can be read, allows more with each tier, and names no feature that nobody asks for', () => {
  const table = tableOf(readFileSync(new URL('../../deploy/examples/tiers.yaml', import.meta.url), 'utf8'));
  assert.deepEqual(
    table.tiers.map(({ name }) => name),
    ['Free', 'Starter', 'Professional', 'Enterprise', 'MissionCritical'],
  );
  for (const [index, tier] of table.tiers.entries()) {
    for (const feature of tier.features) assert.ok(Object.hasOwn(FEATURES, feature), feature);
    const below = table.tiers[index - 1];
    if (below === undefined) continue;
    for (const feature of below.features) assert.ok(tier.features.has(feature), `${tier.name} ${feature}`);
    for (const [key, { nano }] of below.resources) assert.ok((tier.resources.get(key)?.nano ?? 0n) >= nano, `${tier.name} ${key}`);
    assert.ok((tier.limits.namespaces ?? 0) > (below.limits.namespaces ?? 0));
  }
});
