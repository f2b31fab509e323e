// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { keyOf } from './objects.ts';
import type { KubeObject } from './objects.ts';
import { createStore } from './store.ts';

const object = (name: string, version: number, uid = 'u', team = ''): KubeObject => ({
  metadata: { name, uid, resourceVersion: String(version), labels: { team } },
});
const teamOf = (one: KubeObject): readonly string[] => (one.metadata.labels?.['team'] ?? '').split(',').filter((team) => team !== '');
const make = (onError: (error: unknown) => void = (error) => assert.fail(String(error))) =>
  createStore<KubeObject>({ team: teamOf }, onError);
const types = (changes: readonly { readonly type: string }[]): string[] => changes.map(({ type }) => type);

describe('the store', () => {
  it('tells additions, updates and deletions apart', () => {
    const store = make();
    assert.deepEqual(types(store.upsert(object('a', 1))), ['added']);
    assert.deepEqual(types(store.upsert(object('a', 1))), []);
    assert.deepEqual(types(store.upsert(object('a', 2))), ['updated']);
    assert.deepEqual(types(store.remove('a')), ['deleted']);
    assert.deepEqual(types(store.remove('a')), []);
  });

  it('finds what is gone when everything is replaced', () => {
    const store = make();
    store.replace([object('a', 1), object('b', 1)]);
    const changes = store.replace([object('b', 1), object('c', 1)]);
    assert.deepEqual(
      changes.map(({ type, object: one }) => `${type} ${one.metadata.name}`),
      ['deleted a', 'added c'],
    );
  });

  it('takes an object of another uid for another object', () => {
    const store = make();
    store.upsert(object('a', 1, 'old'));
    assert.deepEqual(
      store.upsert(object('a', 9, 'new')).map(({ type, object: one }) => `${type} ${one.metadata.uid}`),
      ['deleted old', 'added new'],
    );
  });

  it('keeps its indexes right over any changes', () => {
    const names = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString');
    const teams = fc.constantFrom('', 'x', 'y', 'x,y', '__proto__', 'x,x');
    fc.assert(
      fc.property(fc.array(fc.record({ name: names, team: teams, remove: fc.boolean() })), (steps) => {
        const store = make();
        const model = new Map<string, KubeObject>();
        for (const [at, { name, team, remove }] of steps.entries()) {
          if (remove) {
            store.remove(name);
            model.delete(name);
          } else {
            store.upsert(object(name, at, 'u', team));
            model.set(name, object(name, at, 'u', team));
          }
        }
        assert.deepEqual(new Set(store.list()), new Set(model.values()));
        for (const team of ['x', 'y', '__proto__']) {
          const wanted = [...model.values()].filter((one) => teamOf(one).includes(team)).map(keyOf);
          assert.deepEqual(store.byIndex('team', team).map(keyOf).toSorted(), wanted.toSorted());
        }
      }),
    );
  });

  it('outlives an index function that throws', () => {
    const errors: unknown[] = [];
    const store = createStore<KubeObject>({ bad: () => assert.fail('x') }, (error) => void errors.push(error));
    store.upsert(object('a', 1));
    assert.equal(store.get('a')?.metadata.name, 'a');
    assert.equal(errors.length, 1);
  });

  it('knows its indexes by name', () => {
    assert.throws(() => make().byIndex('toString', 'x'), /no index "toString"/);
  });
});
