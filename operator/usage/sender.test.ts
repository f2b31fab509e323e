// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../../kube/objects.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { accountOf, createAuthenticate } from './sender.ts';
import type { Sender } from './sender.ts';

const good = { authenticated: true, audiences: ['writ-usage'], user: { username: 'system:serviceaccount:acme-one:agent' } };

describe('whose token it is', () => {
  it('counts only for our audience, and only of a service account', () => {
    assert.equal(accountOf(good), 'acme-one/agent');
    const others: readonly unknown[] = [
      undefined,
      {},
      { ...good, authenticated: 'true' },
      { ...good, audiences: ['other'] },
      { ...good, audiences: undefined },
      { ...good, audiences: 'writ-usage' },
      { ...good, user: { username: 'system:admin' } },
      { ...good, user: { username: 'system:serviceaccount:acme-one:agent:more' } },
      { ...good, user: { username: 'x system:serviceaccount:acme-one:agent' } },
    ];
    for (const status of others) assert.equal(accountOf(status), undefined);
    fc.assert(fc.property(fc.anything(), (status) => accountOf(status) === undefined));
  });

  const scene = () => {
    const clock = fakeClock();
    let reviews = 0;
    let answer: () => Promise<unknown> = async () => good;
    const tenants = new Map([['acme-one', 'acme']]);
    const authenticate = createAuthenticate({
      client: {
        create: async <T extends KubeObject>(_resource: unknown, object: T): Promise<T> => {
          reviews += 1;
          return { ...object, status: await answer() };
        },
      },
      clock,
      webhook: 'writ-system/writ-webhook',
      reporters: ['gateways/gateway'],
      readers: ['finance/reports'],
      tenantOfNamespace: (namespace) => tenants.get(namespace),
    });
    const known = async (token: string): Promise<Sender | undefined> => {
      const sender = await authenticate(token);
      return sender === 'busy' ? assert.fail('too many tokens') : sender;
    };
    return {
      clock,
      raw: authenticate,
      authenticate: known,
      tenants,
      reviews: () => reviews,
      say: (next: () => Promise<unknown>) => (answer = next),
    };
  };

  it('is asked once a minute, by however many at once, and sooner where it was nobody’s', async () => {
    const { clock, authenticate, reviews, say } = scene();
    const all = await Promise.all([authenticate('t'), authenticate('t'), authenticate('t')]);
    assert.deepEqual([reviews(), all.map((sender) => sender?.account)], [1, ['acme-one/agent', 'acme-one/agent', 'acme-one/agent']]);
    await clock.advance(59_000);
    await authenticate('t');
    assert.equal(reviews(), 1);
    say(async () => ({ authenticated: false }));
    await clock.advance(1_000);
    assert.equal(await authenticate('t'), undefined);
    assert.equal(await authenticate('t'), undefined);
    assert.equal(reviews(), 2);
    say(async () => good);
    await clock.advance(5_000);
    assert.ok((await authenticate('t')) !== undefined);
  });

  it('is asked again after the API server did not answer', async () => {
    const { authenticate, say } = scene();
    say(async () => Promise.reject(new Error('reset')));
    await assert.rejects(authenticate('t'), /reset/);
    say(async () => good);
    assert.equal((await authenticate('t'))?.account, 'acme-one/agent');
  });

  it('asks about so many unknown tokens at once and no more, while those that are known are good', async () => {
    const { raw, authenticate, reviews, say } = scene();
    assert.ok((await authenticate('t')) !== undefined);
    const gate = Promise.withResolvers<void>();
    say(async () => {
      await gate.promise;
      return { authenticated: false };
    });
    const strangers = Array.from({ length: 200 }, (_, index) => raw(`stranger-${index}`));
    assert.equal((await authenticate('t'))?.account, 'acme-one/agent');
    assert.equal(reviews(), 129);
    gate.resolve();
    assert.equal((await Promise.all(strangers)).filter((sender) => sender === 'busy').length, 72);
    say(async () => good);
    assert.ok((await authenticate('stranger-199')) !== undefined, 'and is asked about it again');
  });

  it('asks about who was known within the hour, however many strangers come', async () => {
    const { clock, raw, authenticate, say } = scene();
    assert.ok((await authenticate('t')) !== undefined);
    const strangers = async (from: number, count: number): Promise<void> => {
      for (let index = from; index < from + count; index += 1) await raw(`stranger-${index}`);
    };
    say(async () => ({ authenticated: false }));
    await strangers(0, 5000);
    await clock.advance(60_000);
    const gate = Promise.withResolvers<void>();
    say(async () => {
      await gate.promise;
      return good;
    });
    const waiting = Array.from({ length: 128 }, (_, index) => raw(`waiting-${index}`));
    assert.equal(await raw('one-more'), 'busy');
    const mine = raw('t');
    gate.resolve();
    assert.notEqual(await mine, 'busy');
    await Promise.all(waiting);
    // What was taken back is a stranger's from then on.
    say(async () => ({ authenticated: false }));
    await clock.advance(60_000);
    assert.equal(await raw('t'), undefined);
    await clock.advance(5_000);
    const again = Promise.withResolvers<void>();
    say(async () => {
      await again.promise;
      return { authenticated: false };
    });
    const full = Array.from({ length: 128 }, (_, index) => raw(`full-${index}`));
    assert.equal(await raw('t'), 'busy');
    again.resolve();
    await Promise.all(full);
  });

  it('says for whom it may report: its own tenant, as the namespace has it now', async () => {
    const { authenticate, tenants, say } = scene();
    const sender = await authenticate('t');
    assert.deepEqual([sender?.mayReport('acme'), sender?.mayReport('beta'), sender?.mayUse('/writ/agents/x')], [true, false, false]);
    tenants.set('acme-one', 'beta');
    const moved = await authenticate('t');
    assert.deepEqual([moved?.mayReport('acme'), moved?.mayReport('beta')], [false, true]);
    tenants.delete('acme-one');
    assert.equal((await authenticate('t'))?.mayReport('beta'), false);
    say(async () => ({ ...good, user: { username: 'system:serviceaccount:writ-system:writ-webhook' } }));
    const system = await authenticate('webhook');
    assert.deepEqual(
      [system?.mayReport('acme'), system?.mayUse('/writ/webhook/a/boots/1'), system?.mayUse('/writ/claims/x')],
      [true, true, false],
    );
  });

  it('lets nobody but the webhook speak in its name, whoever else reports for all', async () => {
    const { clock, authenticate, say } = scene();
    const may = async (username: string): Promise<readonly unknown[]> => {
      say(async () => ({ ...good, user: { username } }));
      await clock.advance(61_000);
      const sender = await authenticate('t');
      return [sender?.mayReport('beta'), sender?.mayUse('/writ/webhook/a/boots/1/levels'), sender?.mayUse('/gateway/boots/1')];
    };
    assert.deepEqual(await may('system:serviceaccount:writ-system:writ-webhook'), [true, true, true]);
    assert.deepEqual(await may('system:serviceaccount:gateways:gateway'), [true, false, true]);
    for (const other of ['writ-system:default', 'acme-one:writ-webhook', 'gateways:writ-webhook'])
      assert.deepEqual(await may(`system:serviceaccount:${other}`), [false, false, true]);
  });

  it('says what it may see: what its own tenant used, and all where it is named for that', async () => {
    const { clock, authenticate, say } = scene();
    const sees = async (username: string): Promise<readonly unknown[]> => {
      say(async () => ({ ...good, user: { username } }));
      await clock.advance(61_000);
      const sender = await authenticate('t');
      const { tenant } = sender ?? {};
      return [sender?.mayRead('acme'), sender?.mayRead('beta'), sender?.mayReport('beta'), tenant];
    };
    assert.deepEqual(await sees('system:serviceaccount:acme-one:agent'), [true, false, false, 'acme']);
    assert.deepEqual(await sees('system:serviceaccount:finance:reports'), [true, true, false, undefined]);
    // To report for all is not to see all.
    assert.deepEqual(await sees('system:serviceaccount:writ-system:writ-webhook'), [false, false, true, undefined]);
    assert.deepEqual(await sees('system:serviceaccount:nowhere:agent'), [false, false, false, undefined]);
  });

  it('is not asked for what cannot be a token', async () => {
    const { authenticate, reviews } = scene();
    assert.deepEqual([await authenticate(''), await authenticate('x'.repeat(20_000)), reviews()], [undefined, undefined, 0]);
  });
});
