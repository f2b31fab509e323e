// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  PRUNE_ANNOTATION,
  SOURCE_LABEL,
  SYNC_FIELD_MANAGER,
  apiVersionOf,
  policies,
  tenants,
  trustPolicies,
} from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { objectKey } from './identity.ts';
import { deletionBudget, plan } from './plan.ts';
import type { AppliedObject, DesiredObject, PlanInput, PlanOptions, RecordedObject } from './plan.ts';

const SOURCE = 'writ-system.policies';
const options: PlanOptions = {
  source: SOURCE,
  driftPolicy: 'Correct',
  prune: { policy: 'Enabled', allowEmpty: false, maxDeletions: '50%' },
};

const labels = { [SOURCE_LABEL]: SOURCE, [MANAGED_BY_LABEL]: MANAGED_BY };
const identity = (name: string, resource: Resource) => ({ group: resource.group, kind: resource.kind, name, resource });
const object = (name: string, resource: Resource, spec: Record<string, unknown>): AppliedObject => ({
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
  metadata: { name, labels },
  spec,
});
const desired = (name: string, digest = 'd1', resource: Resource = policies): DesiredObject => ({
  ...identity(name, resource),
  object: object(name, resource, { version: digest }),
  digest,
  path: `policies/${name}.yaml`,
  positionOf: () => ({ file: `policies/${name}.yaml`, line: 1, column: 1 }),
});
const recorded = (name: string, digest = 'd1', resource: Resource = policies): RecordedObject => ({ ...identity(name, resource), digest });
const live = (
  name: string,
  digest = 'd1',
  resource: Resource = policies,
  more: Partial<AppliedObject['metadata']> = {},
): [string, AppliedObject] => {
  const base = object(name, resource, { version: digest });
  return [
    objectKey(identity(name, resource)),
    { ...base, metadata: { ...base.metadata, uid: `uid-${name}`, resourceVersion: '1', ...more } },
  ];
};
const run = (input: Partial<PlanInput>) => plan({ desired: [], recorded: [], live: new Map(), options, ...input });
const planned = (input: Partial<PlanInput>) => {
  const outcome = run(input);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem.message);
  return outcome.plan;
};
const refused = (input: Partial<PlanInput>) => {
  const outcome = run(input);
  assert.ok(!outcome.ok);
  return outcome.problem.code;
};
const summary = (input: Partial<PlanInput>) => planned(input).operations.map((operation) => `${operation.kind} ${operation.target.name}`);

describe('plan', () => {
  it('applies what is new, leaves what stands', () => {
    const input = { desired: [desired('a'), desired('b')], recorded: [recorded('a')], live: new Map([live('a')]) };
    assert.deepEqual(summary(input), ['apply b']);
  });

  it('applies trust first, then tenants, then policies', () => {
    const all = [desired('p'), desired('t', 'd1', tenants), desired('cluster', 'd1', trustPolicies)];
    assert.deepEqual(summary({ desired: all }), ['apply cluster', 'apply t', 'apply p']);
  });

  it('corrects, reports or ignores drift as the source says', () => {
    const drift = { desired: [desired('a')], recorded: [recorded('a')], live: new Map([live('a', 'edited')]) };
    assert.deepEqual(summary(drift), ['apply a']);
    const detect = planned({ ...drift, options: { ...options, driftPolicy: 'Detect' } });
    assert.deepEqual([detect.operations.length, detect.drifted[0]?.difference], [0, 'spec.version']);
    const ignore = planned({ ...drift, options: { ...options, driftPolicy: 'Ignore' } });
    assert.deepEqual([ignore.operations.length, ignore.drifted.length], [0, 0]);
  });

  it('puts back what a replica needs to make the commit whole, whatever the source says of drift', () => {
    const [key, object] = live('a');
    const sealed = { ...desired('a'), object: { ...desired('a').object, signature: { document: 'd', bundles: [] } } };
    const stands = { ...object, signature: { document: 'd', bundles: [] } };
    for (const driftPolicy of ['Detect', 'Ignore'] as const) {
      const seen = (held: AppliedObject | undefined) =>
        summary({
          desired: [sealed],
          recorded: [recorded('a')],
          live: new Map(held === undefined ? [] : [[key, held]]),
          options: { ...options, driftPolicy },
        });
      assert.deepEqual(seen(undefined), ['apply a'], 'deleted by hand');
      assert.deepEqual(seen({ ...stands, signature: { document: 'x', bundles: [] } }), ['apply a'], 'other bytes');
      assert.deepEqual(seen({ ...stands, spec: { version: 9 } }), []);
    }
  });

  it('replaces an object of which somebody else owns a part of the document', () => {
    const replaced = (managedFields: AppliedObject['metadata']['managedFields'], digest = 'd2'): boolean | undefined => {
      const [key, held] = live('a', 'd1', policies, managedFields === undefined ? {} : { managedFields });
      const [operation] = planned({ desired: [desired('a', digest)], recorded: [recorded('a')], live: new Map([[key, held]]) }).operations;
      assert.ok(operation?.kind === 'apply');
      return operation.replaces;
    };
    const ours = { manager: SYNC_FIELD_MANAGER, operation: 'Apply', fieldsV1: { 'f:spec': {}, 'f:signature': {} } };
    assert.equal(replaced([ours]), undefined);
    assert.equal(replaced([ours, { manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:spec': {} } }]), true);
    assert.equal(replaced([ours, { manager: 'kubectl', operation: 'Update', fieldsV1: { 'f:signature': {} } }]), true);
    assert.equal(replaced([ours, { manager: SYNC_FIELD_MANAGER, operation: 'Update', fieldsV1: { 'f:spec': {} } }]), true, 'once replaced');
    assert.equal(replaced([ours, { manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:metadata': {} } }]), undefined, 'labels');
    assert.equal(replaced([ours, { manager: 'x', operation: 'Apply', subresource: 'status', fieldsV1: { 'f:spec': {} } }]), undefined);
    assert.equal(replaced(undefined), undefined, 'nobody says who owns it, and nothing is too much');
  });

  it('takes away what the live object says beyond its document; the API server may fill in a Tenant', () => {
    const more = (resource: Resource, spec: object) => {
      const [key, held] = live('a', 'd1', resource);
      return planned({
        desired: [desired('a', 'd1', resource)],
        recorded: [recorded('a', 'd1', resource)],
        live: new Map([[key, { ...held, spec: { version: 'd1', ...spec } }]]),
      }).operations.map((operation) => (operation.kind === 'apply' ? `${operation.difference} ${operation.replaces}` : ''));
    };
    assert.deepEqual(more(policies, { enforcement: 'Deny' }), ['spec.enforcement true']);
    assert.deepEqual(more(policies, {}), []);
    assert.deepEqual(more(tenants, { suspend: false }), []);
  });

  it('a new digest is applied even where drift is ignored', () => {
    const input = {
      desired: [desired('a', 'd2')],
      recorded: [recorded('a')],
      live: new Map([live('a')]),
      options: { ...options, driftPolicy: 'Ignore' as const },
    };
    assert.deepEqual(summary(input), ['apply a']);
  });

  it('deletes what left the tree, and only if it is still ours', () => {
    const gone = (more: Partial<AppliedObject['metadata']>) => ({
      desired: [desired('a')],
      recorded: [recorded('a'), recorded('b')],
      live: new Map([live('a'), live('b', 'd1', policies, more)]),
    });
    assert.deepEqual(summary(gone({})), ['delete b']);
    assert.deepEqual(summary(gone({ labels: {} })), []);
    assert.deepEqual(summary(gone({ annotations: { [PRUNE_ANNOTATION]: 'Disabled' } })), []);
    assert.match(planned(gone({ labels: {} })).kept[0]?.reason ?? '', /label/);
  });

  it('never prunes trust, nor a protected tenant', () => {
    const input = {
      desired: [desired('a')],
      recorded: [recorded('a'), recorded('cluster', 'd1', trustPolicies), recorded('acme', 'd1', tenants)],
      live: new Map([live('a'), live('cluster', 'd1', trustPolicies), live('acme', 'd1', tenants)]),
      options: { ...options, prune: { ...options.prune, maxDeletions: '100%' } },
    };
    assert.deepEqual(summary(input), []);
    assert.equal(planned(input).kept.length, 2);
  });

  it('refuses to empty a cluster, to delete over budget, and to take what another source owns', () => {
    const three = [recorded('a'), recorded('b'), recorded('c')];
    assert.equal(refused({ recorded: three, live: new Map([live('a'), live('b'), live('c')]) }), 'PRUNE_EMPTY');
    assert.equal(refused({ desired: [desired('x')], recorded: three }), 'PRUNE_BUDGET');
    const elsewhere = new Map([[objectKey(identity('a', policies)), 'writ-system/other']]);
    assert.equal(refused({ desired: [desired('a')], live: new Map([live('a')]), elsewhere }), 'APPLY_OWNED_ELSEWHERE');
  });

  it('puts a label right that somebody wrote: it says nothing of whose the object is', () => {
    const hijacked = live('a', 'd1', policies, { labels: { ...labels, [SOURCE_LABEL]: 'writ-system.other' } });
    for (const known of [[recorded('a')], []]) {
      assert.deepEqual(summary({ desired: [desired('a')], recorded: known, live: new Map([hijacked]) }), ['apply a']);
    }
  });

  it('sweeps what a broken-off commit left, beside any budget, and never records it', () => {
    const leftovers = [recorded('a'), recorded('b'), recorded('l'), recorded('m')];
    const more = { annotations: { [PRUNE_ANNOTATION]: 'Disabled' } };
    const input = {
      desired: [desired('a')],
      recorded: [recorded('a')],
      leftovers,
      live: new Map([live('a'), live('b'), live('l'), live('m', 'd1', policies, more)]),
    };
    assert.deepEqual(summary(input), ['delete b', 'delete l']);
    assert.deepEqual(
      planned(input).kept.map(({ target, ours }) => [target.name, ours]),
      [['m', false]],
    );
  });

  it('reads budgets', () => {
    assert.deepEqual(
      [deletionBudget('10%', 5), deletionBudget('10%', 20), deletionBudget('0%', 20), deletionBudget('3', 20)],
      [1, 2, 0, 3],
    );
  });

  it('is idempotent: after its operations nothing is left to do', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'));
    fc.assert(
      fc.property(names, names, fc.constantFrom('d1', 'd2'), (want, have, digest) => {
        const input: PlanInput = {
          desired: want.map((name) => desired(name, digest)),
          recorded: have.map((name) => recorded(name)),
          live: new Map(have.map((name) => live(name))),
          options: { ...options, prune: { policy: 'Enabled', allowEmpty: true, maxDeletions: '100%' } },
        };
        const first = plan(input);
        assert.ok(first.ok);
        const after = new Map(input.live);
        for (const operation of first.plan.operations) {
          if (operation.kind === 'delete') after.delete(objectKey(operation.target));
          else after.set(...live(operation.target.name, digest));
        }
        assert.deepEqual([...after.keys()].toSorted(), want.map((name) => objectKey(identity(name, policies))).toSorted());
        const second = plan({ ...input, recorded: input.desired, live: after });
        assert.ok(second.ok);
        assert.deepEqual(second.plan.operations, []);
      }),
    );
  });
});
