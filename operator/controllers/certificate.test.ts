// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../test/fake-clock.ts';
import { validAuthorities } from './certificate-authority.ts';
import { STAGE_MS } from './certificate-plan.ts';
import { reconcileCertificate } from './certificate.ts';
import type { SecretObject } from './certificate.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const LIFETIME_MS = 90 * 24 * 3600_000;
const signal = new AbortController().signal;
const decoded = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString('utf8');

const scene = () => {
  const clock = fakeClock();
  const cluster: { secret: SecretObject | undefined; bundle: string | undefined; believed: string } = {
    secret: undefined,
    bundle: undefined,
    believed: '',
  };
  const client = scriptedClient({
    get: async (resource: { readonly kind: string }) => {
      if (resource.kind === 'Secret') return cluster.secret;
      if (cluster.bundle === undefined) return undefined;
      const caBundle = Buffer.from(cluster.bundle).toString('base64');
      return { metadata: { name: 'writ' }, webhooks: [{ clientConfig: { caBundle } }] };
    },
    apply: async (_resource: unknown, object: SecretObject) => (cluster.secret = object),
  });
  const options = { client, namespace: 'writ-system', lifetimeMs: LIFETIME_MS, clock };
  const onAuthorities = (bundle: string) => {
    cluster.believed = bundle;
  };
  const look = (names: readonly string[]) => reconcileCertificate({ ...options, names, onAuthorities }, signal);
  const part = (name: string) => decoded(cluster.secret?.data?.[name]);
  const authorities = () => validAuthorities(part('ca.crt'), clock.now());
  return { clock, cluster, look, part, authorities };
};

describe('the certificate of the webhook', () => {
  it('is swapped only when the API server was told of the next authority', async () => {
    const { clock, cluster, look, part, authorities } = scene();
    await look(['a']);
    cluster.bundle = cluster.believed;
    const first = part('tls.crt');
    await look(['b']);
    assert.equal(authorities().length, 2);
    await clock.advance(STAGE_MS * 10);
    assert.deepEqual(await look(['b']), { kind: 'after', delayMs: 5000 });
    assert.equal(part('tls.crt'), first);
    // What is waited for is asked for meanwhile.
    cluster.bundle = cluster.believed;
    await look(['b']);
    assert.notEqual(part('tls.crt'), first);
    assert.equal(authorities().length, 2);
  });

  it('made anew keeps the authority that replicas still serve by', async () => {
    const { cluster, look, authorities } = scene();
    await look(['a']);
    const [before] = authorities();
    cluster.bundle = cluster.believed;
    cluster.secret = undefined;
    await look(['a']);
    assert.equal(authorities().length, 2);
    assert.equal(authorities()[0], before);
    assert.ok(before !== undefined && cluster.believed.includes(before));
  });

  it('is made anew when its authority is lost', async () => {
    const { cluster, look, part, authorities } = scene();
    await look(['a']);
    const first = part('tls.crt');
    cluster.secret = { metadata: { name: 'x' }, data: { ...cluster.secret?.data, 'ca.crt': '' } };
    await look(['a']);
    assert.notEqual(part('tls.crt'), first);
    assert.equal(authorities().length, 1);
  });
});
