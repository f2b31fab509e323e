// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { createKeyHolder } from './rotation.ts';
import { createAuditSecret } from './secret.ts';
import { NAME, countingRandom } from './test-audit.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

/** The one Secret, as an API server keeps it. */
const createServer = () => {
  let held: KubeObject | undefined;
  const writes: string[] = [];
  const client = scriptedClient({
    get: async () => held,
    create: async (_resource: unknown, object: KubeObject) => {
      if (held !== undefined) throw new KubeApiError({ status: 409, reason: 'AlreadyExists' });
      writes.push('create');
      return (held = object);
    },
    apply: async (_resource: unknown, object: KubeObject) => {
      writes.push('apply');
      return (held = object);
    },
  });
  return { client, writes, damage: () => (held = { metadata: { name: 'writ-audit' } }) };
};
const secretOf = (client: KubeClient, nowMs = 1000) =>
  createAuditSecret({ client, namespace: 'ns', name: NAME, random: countingRandom(), now: () => nowMs });

describe('the keys of the audit log', () => {
  it('are made once, and read as they were made', async () => {
    const { client, writes } = createServer();
    const made = await secretOf(client).read();
    const read = await secretOf(client).read();
    assert.deepEqual([read.signer.key.text, read.wrapping.length, writes], [made.signer.key.text, 1, ['create']]);
    assert.ok(made.signer.key.text.startsWith(`${NAME}+`));
  });

  it('that another replica made in the same moment are its own', async () => {
    const { client } = createServer();
    let asked = 0;
    const get: KubeClient['get'] = async (resource, ref, options) => ((asked += 1) === 1 ? undefined : client.get(resource, ref, options));
    const late = { ...client, get };
    const made = await secretOf(client).read();
    assert.equal((await secretOf(late).read()).signer.key.text, made.signer.key.text);
  });

  it('that are damaged are never replaced by others', async () => {
    const { client, damage, writes } = createServer();
    await secretOf(client).read();
    damage();
    await assert.rejects(secretOf(client).read(), /does not hold the keys of the audit log/);
    assert.deepEqual(writes, ['create']);
  });

  it('are wrapped anew when old, the new key in the Secret before and the old one until nothing is under it', async () => {
    const { client, writes } = createServer();
    const secret = secretOf(client);
    const keys = await secret.read();
    let nowMs = 1000;
    const holder = createKeyHolder({ secret, keys, lifetimeMs: 500, now: () => nowMs, random: countingRandom('new') });
    const left = [700, 200, 0];
    const versions: (readonly number[])[] = [];
    const rewrap = async (): Promise<number> => {
      versions.push((await secret.read()).wrapping.map(({ version }) => version));
      return left.shift() ?? assert.fail('once too often');
    };
    await holder.rotate(rewrap);
    assert.deepEqual([versions, writes], [[], ['create']], 'not old yet');
    nowMs = 1500;
    await holder.rotate(rewrap);
    assert.deepEqual(versions, [
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
    assert.deepEqual(
      (await secret.read()).wrapping.map(({ version }) => version),
      [2],
    );
    assert.equal((await secret.read()).signer.key.text, keys.signer.key.text);
  });

  it('go on where a process was killed in the middle', async () => {
    const { client } = createServer();
    const secret = secretOf(client);
    const first = createKeyHolder({ secret, keys: await secret.read(), lifetimeMs: 500, now: () => 2000, random: countingRandom('new') });
    await assert.rejects(
      first.rotate(async () => {
        throw new Error('killed');
      }),
      /killed/,
    );
    const second = createKeyHolder({
      secret,
      keys: await secret.read(),
      lifetimeMs: 5000,
      now: () => 2100,
      random: countingRandom('other'),
    });
    assert.deepEqual(
      second.current().wrapping.map(({ version }) => version),
      [2, 1],
    );
    await second.rotate(async () => 0);
    const { wrapping } = await secret.read();
    assert.deepEqual(
      wrapping.map(({ version }) => version),
      [2],
    );
    assert.ok(!wrapping[0].bytes.equals(Buffer.alloc(32)));
  });
});
