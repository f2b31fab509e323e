// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { limitRanges, networkPolicies, resourceQuotas, roleBindings } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { childKey, ownedBy } from './child.ts';
import type { ChildObject, LiveChild } from './child.ts';
import { leftovers, stepFor } from './plan.ts';
import type { Hold } from './plan.ts';
import { createRecent } from './recent.ts';

const metadata = { ...ownedBy('acme', { name: 'writ-x', namespace: 'acme-a' }), uid: 'u-1', resourceVersion: '7' };
const child = (fields: object): ChildObject => ({ metadata, ...fields });
const deny = { podSelector: {}, policyTypes: ['Egress'] };

const rows: readonly [what: string, resource: Resource, declared: object, live: object | undefined, step: string | undefined][] = [
  ['is not there', networkPolicies, { spec: deny }, undefined, 'apply'],
  ['is as declared', networkPolicies, { spec: deny }, { spec: deny, more: 1 }, undefined],
  ['means other pods', networkPolicies, { spec: deny }, { spec: { ...deny, podSelector: { matchLabels: { a: 'b' } } } }, 'replace'],
  ['denies less', networkPolicies, { spec: deny }, { spec: { ...deny, policyTypes: ['Ingress'] } }, 'apply'],
  ['lets somebody else in', roleBindings, { subjects: [{ name: 'a' }] }, { subjects: [{ name: 'a' }, { name: 'b' }] }, 'apply'],
  ['gives another role', roleBindings, { roleRef: { name: 'view' } }, { roleRef: { name: 'admin' } }, 'recreate'],
  [
    'amounts to the same',
    resourceQuotas,
    { spec: { hard: { cpu: '0.5', pods: '2k' } } },
    { spec: { hard: { cpu: '500m', pods: '2000' } } },
    undefined,
  ],
  ['amounts to more', resourceQuotas, { spec: { hard: { cpu: '0.5' } } }, { spec: { hard: { cpu: '5' } } }, 'apply'],
  [
    'counts only some',
    resourceQuotas,
    { spec: { hard: { cpu: '1' } } },
    { spec: { hard: { cpu: '1' }, scopes: ['Terminating'] } },
    'replace',
  ],
  [
    'bounds the same',
    limitRanges,
    { spec: { limits: [{ max: { memory: '1.5Gi' } }] } },
    { spec: { limits: [{ max: { memory: '1536Mi' } }] } },
    undefined,
  ],
  ['has lost a label', networkPolicies, { spec: deny }, { spec: deny, metadata: { ...metadata, labels: {} } }, 'apply'],
];
for (const [what, resource, declared, live, step] of rows) {
  test(`a ${resource.kind} that ${what}: ${step ?? 'nothing to do'}`, () => {
    const planned = stepFor({ resource, object: child(declared), path: 'spec' }, live === undefined ? undefined : child(live));
    assert.equal(planned?.kind, step);
  });
}

describe('what nothing declares any more', () => {
  const live = (resource: Resource, name: string, namespace?: string): LiveChild => ({
    resource,
    object: { metadata: ownedBy('acme', { name, ...(namespace === undefined ? {} : { namespace }) }) },
  });
  const gone = (children: readonly LiveChild[], hold: Hold, declared: readonly string[] = []) =>
    leftovers({ live: children, declared: new Set(declared), holdOf: () => hold }).map((step) =>
      step.kind === 'delete' ? step.live.object.metadata.name : '',
    );
  const children = [
    live(roleBindings, 'writ-admin', 'a'),
    live(networkPolicies, 'writ-default-deny', 'a'),
    live(resourceQuotas, 'theirs', 'a'),
  ];

  it('goes from a namespace of the tenant, and from one that another has', () => {
    for (const hold of ['held', 'foreign'] as const) assert.deepEqual(gone(children, hold), ['writ-admin', 'writ-default-deny']);
    assert.deepEqual(gone(children, 'held', [childKey(roleBindings, children[0]?.object ?? { metadata: { name: '' } })]), [
      'writ-default-deny',
    ]);
  });

  it('stays as far as it bounds where nobody else has the namespace, and goes with a namespace that goes', () => {
    assert.deepEqual(gone(children, 'released'), ['writ-admin']);
    assert.deepEqual(gone(children, 'gone'), []);
  });
});

describe('what was just written', () => {
  const object = (resourceVersion: string, uid = 'u-1') => ({ metadata: { name: 'a', uid, resourceVersion } });

  it('is seen instead of a cache that lags, until that is as new', () => {
    const recent = createRecent<ReturnType<typeof object>>(fakeClock());
    recent.written('k', object('10'));
    assert.equal(recent.seen('k', undefined)?.metadata.resourceVersion, '10');
    assert.equal(recent.seen('k', object('9'))?.metadata.resourceVersion, '10');
    assert.equal(recent.seen('k', object('100'))?.metadata.resourceVersion, '100');
    assert.equal(recent.seen('k', object('9'))?.metadata.resourceVersion, '9');
  });

  it('hides what was deleted, not what was made anew', () => {
    const recent = createRecent<ReturnType<typeof object>>(fakeClock());
    recent.deleted('k', object('10'));
    assert.equal(recent.seen('k', object('10')), undefined);
    assert.equal(recent.seen('k', object('12', 'u-2'))?.metadata.uid, 'u-2');
  });

  it('is forgotten by an event and by time', async () => {
    const clock = fakeClock();
    const recent = createRecent<ReturnType<typeof object>>(clock);
    recent.written('a', object('10'));
    recent.forget('a');
    assert.equal(recent.seen('a', undefined), undefined);
    recent.written('b', object('10'));
    await clock.advance(10_000);
    assert.equal(recent.seen('b', undefined), undefined);
  });
});
