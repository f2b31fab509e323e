// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { configMaps, namespaces, policies } from '../crds/kinds.ts';
import { keyOfRef, pathOf, refOfKey } from './objects.ts';

describe('the path of an object', () => {
  it('is that of its resource', () => {
    assert.equal(pathOf(configMaps), '/api/v1/configmaps');
    assert.equal(pathOf(configMaps, { namespace: 'ns' }), '/api/v1/namespaces/ns/configmaps');
    assert.equal(pathOf(configMaps, { namespace: 'ns', name: 'a' }), '/api/v1/namespaces/ns/configmaps/a');
    assert.equal(pathOf(policies, { name: 'a', subresource: 'status' }), '/apis/writ.dev/v1alpha1/policies/a/status');
    assert.equal(pathOf(namespaces, { name: 'a', namespace: 'ignored' }), '/api/v1/namespaces/a');
  });

  it('cannot be left by any name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        let path: string;
        try {
          path = pathOf(configMaps, { namespace: 'ns', name });
        } catch {
          return;
        }
        const { pathname, search, hash } = new URL(path, 'https://host');
        assert.equal(pathname.split('/').length, 7);
        assert.ok(pathname.startsWith('/api/v1/namespaces/ns/configmaps/'));
        assert.equal(search + hash, '');
      }),
    );
    for (const name of ['', '.', '..']) assert.throws(() => pathOf(configMaps, { namespace: 'ns', name }), TypeError);
  });
});

it('keys read back', () => {
  for (const ref of [{ name: 'a' }, { namespace: 'ns', name: 'a' }]) assert.deepEqual(refOfKey(keyOfRef(ref)), ref);
});
