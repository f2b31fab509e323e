// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionReason } from './conditions.ts';
import { isSchema, readCrd } from './generate/schema.ts';
import { apiVersionOf, gitSources, namespaces, sourceLabel, crdKinds } from './kinds.ts';

test('the descriptors say what the CRDs say', () => {
  for (const resource of crdKinds) {
    const { spec } = readCrd(resource);
    assert.ok(isSchema(spec) && isSchema(spec['names']));
    assert.equal(spec['group'], resource.group);
    assert.equal(spec['scope'], resource.namespaced ? 'Namespaced' : 'Cluster');
    assert.equal(spec['names']['kind'], resource.kind);
    assert.equal(spec['names']['plural'], resource.plural);
  }
});

test('apiVersion of a group and of the core', () => {
  assert.equal(apiVersionOf(gitSources), 'writ.dev/v1alpha1');
  assert.equal(apiVersionOf(namespaces), 'v1');
});

test('a source label is NAMESPACE.NAME, as long as that is a label value', () => {
  assert.equal(sourceLabel('writ-system/policies'), 'writ-system.policies');
  assert.equal(sourceLabel(`writ-system/${'a'.repeat(51)}`).length, 63);
  assert.notEqual(sourceLabel(`writ-system/${'a'.repeat(52)}`), `writ-system.${'a'.repeat(52)}`);
});

test('a code becomes a reason that the API accepts', () => {
  assert.equal(conditionReason('DOCUMENT_UNKNOWN_FIELD'), 'DocumentUnknownField');
});
