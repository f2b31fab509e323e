// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Change, Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { TenantObject } from '../../policies/tenant-object.ts';
import { createEvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { createSealer } from '../../test/faults/webhook/sealed.ts';
import { rememberTenants } from '../../policies/tenant-memory.ts';
import { createTenantLookup } from './tenants.ts';

type Live = KubeObject & TenantObject;
const sealer = createSealer();
const loaded = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(loaded.ok);
const { trust } = loaded;
const any = sealer.policy('any', { version: 1 });
const tenant = (version: number, name = 'acme', by = sealer): Live => {
  const document = JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name }, spec: { version } });
  return { metadata: { name }, signature: by.sealAgain({ ...any, signature: { document, bundles: [] } }, 0).signature };
};

const scene = () => {
  const live = new Map<string, Live>();
  let tell: (change: Change<Live>) => void = () => assert.fail('nobody listens');
  let changes = 0;
  const tenants: Pick<Informer<Live>, 'get' | 'onChange'> = {
    get: (name) => live.get(name),
    onChange: (handler) => {
      tell = handler;
      return () => undefined;
    },
  };
  const lookup = createTenantLookup({ tenants, memory: rememberTenants(createEvidenceMemory()), onChange: () => void (changes += 1) });
  return {
    come: (object: Live) => {
      live.set(object.metadata.name, object);
      tell({ type: 'added', object });
    },
    go: (object: Live) => {
      live.delete(object.metadata.name);
      tell({ type: 'deleted', object });
    },
    seen: (name = 'acme', isTrusted = true) => {
      const { isThere, standing, departed } = lookup(name, isTrusted ? trust : undefined, 0);
      return [isThere, standing?.version, departed?.version];
    },
    changes: () => changes,
  };
};

it('knows what stands, and what went, by good seals alone', () => {
  const { come, go, seen, changes } = scene();
  assert.deepEqual(seen(), [false, undefined, undefined]);
  come(tenant(2));
  assert.deepEqual(seen(), [true, 2, undefined]);
  go(tenant(2));
  assert.deepEqual(seen(), [false, undefined, 2]);
  come(tenant(9, 'acme', createSealer()));
  assert.deepEqual(seen(), [true, undefined, 2]);
  assert.deepEqual(seen('acme', false), [true, undefined, undefined]);
  assert.equal(changes(), 3);
});

it('forgets the oldest of very many', () => {
  const { go, seen } = scene();
  go(tenant(1));
  go(tenant(1, 'second'));
  for (let index = 0; index < 999; index += 1) go({ metadata: { name: `other-${index}` } });
  assert.deepEqual(
    [seen(), seen('second')],
    [
      [false, undefined, undefined],
      [false, undefined, 1],
    ],
  );
});
