// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../test/fake-clock.ts';
import { POD_RULES, createSealer, inventoryOf, policyDigest } from '../../test/faults/webhook/sealed.ts';
import type { SealedPolicy } from '../../test/faults/webhook/sealed.ts';
import { rememberJudgements } from '../../policies/judge-memory.ts';
import { judgePolicyObject } from '../../policies/policy-object.ts';
import type { Judge } from '../../policies/policy-object.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { loadTrust } from '../../policies/trust/load.ts';
import { createLoader } from './loader.ts';
import type { Flip, LoaderState, Observed } from './loader.ts';

const SOURCE = 'writ-system/policies';
const sealer = createSealer();
// A schema needs no expression engine.
const spec = (version: number, more: Record<string, unknown> = {}) => ({
  version,
  matchConstraints: POD_RULES,
  jsonSchema: { type: 'object', required: ['spec'] },
  ...more,
});
const a1 = sealer.policy('a', spec(1), SOURCE);
const a2 = sealer.policy('a', spec(2), SOURCE);
const b1 = sealer.policy('b', spec(1), SOURCE);
const loose = sealer.policy('loose', spec(1));
const loose2 = sealer.policy('loose', spec(2));

type World = {
  trustPolicy: Observed['trustPolicy'];
  sealed: readonly (Omit<SealedPolicy, 'signature'> & Partial<Pick<SealedPolicy, 'signature'>>)[];
  inventories: Observed['inventories'];
  unreadableInventories: readonly string[];
  marks: Observed['marks'];
};

const scene = (world: Partial<World> = {}, judge: Judge = judgePolicyObject, by = sealer) => {
  const clock = fakeClock();
  const seen: { world: World | undefined; states: LoaderState[]; flips: Flip[]; bugs: unknown[] } = {
    world: { trustPolicy: by.trustPolicy, sealed: [], inventories: [], unreadableInventories: [], marks: [], ...world },
    states: [],
    flips: [],
    bugs: [],
  };
  const loader = createLoader({
    clock,
    observe: () => seen.world,
    pinnedTrustDigest: by.trustDigest,
    judgements: rememberJudgements(function* (...given) {
      yield;
      return judge(...given);
    }),
    proving: provingHere(),
    onState: (state) => seen.states.push(state),
    onFlip: (flip) => seen.flips.push(flip),
    onBug: (error) => seen.bugs.push(error),
  });
  const show = async (next: Partial<World>): Promise<LoaderState | undefined> => {
    if (seen.world !== undefined) seen.world = { ...seen.world, ...next };
    loader.request();
    await loader.settled();
    return seen.states.at(-1);
  };
  const enforced = (): readonly string[] => loader.current.set.policies.map(({ name, version }) => `${name}-${version}`);
  return { clock, seen, loader, show, enforced };
};

describe('from the caches to the set in force', () => {
  it('nothing is decided before every cache has its first list', async () => {
    const { loader, seen, show } = scene();
    const { world } = seen;
    seen.world = undefined;
    await show({});
    assert.equal(loader.current.closed?.code, 'WEBHOOK_NOT_READY');
    seen.world = world;
    await show({ sealed: [loose] });
    assert.equal(loader.current.closed, undefined);
  });

  it('a commit that was whole at the start is enforced in one step; a half one keeps the replica closed', async () => {
    const { loader, show, enforced, seen } = scene();
    const state = await show({ sealed: [a1], inventories: [inventoryOf(SOURCE, 'r1', [a1, b1])] });
    assert.equal(loader.current.closed?.code, 'WEBHOOK_NOT_READY');
    assert.match(loader.current.closed.message, /writ-system\/policies at r1 lacks 1 of its documents, first b/);
    assert.equal(state?.pending.length, 1);
    await show({ sealed: [a1, b1] });
    assert.deepEqual(enforced(), ['a-1', 'b-1']);
    assert.deepEqual(loader.current.revisions, { [SOURCE]: 'r1' });
    assert.deepEqual(
      seen.flips.at(-1)?.commits.map(({ revision }) => revision),
      ['r1'],
    );
    assert.deepEqual(seen.bugs, []);
  });

  it('a fresh replica waits for an inventory that is missing or damaged, says which, and never closes again for it', async () => {
    const { loader, show, enforced } = scene();
    await show({ sealed: [a1, loose] });
    assert.match(loader.current.closed?.message ?? '', /the inventory of writ-system\/policies has not arrived: .*take their label/);
    const name = 'writ-inventory-writ-system.policies';
    await show({ unreadableInventories: [name] });
    assert.match(loader.current.closed?.message ?? '', /the inventory of writ-system\/policies cannot be read: .*ConfigMap writ-inventory/);
    await show({ inventories: [inventoryOf(SOURCE, 'r1', [a1])], unreadableInventories: [], marks: [] });
    assert.deepEqual(enforced(), ['a-1', 'loose-1']);
    await show({ inventories: [], unreadableInventories: [name] });
    await show({ inventories: [], unreadableInventories: [], sealed: [a1, b1, loose] });
    assert.equal(loader.current.closed, undefined);
    assert.deepEqual(enforced(), ['a-1', 'loose-1']);
  });

  it('a later half commit leaves the last one in force, and the replica open', async () => {
    const { loader, show, enforced } = scene();
    await show({ sealed: [a1, b1], inventories: [inventoryOf(SOURCE, 'r1', [a1, b1])] });
    const before = loader.current;
    await show({ sealed: [a2, b1] });
    assert.equal(loader.current, before, 'no flip without an inventory');
    await show({ inventories: [inventoryOf(SOURCE, 'r2', [a2, b1])] });
    assert.deepEqual(enforced(), ['a-2', 'b-1']);
    assert.notEqual(loader.current.set.digest, before.set.digest);
  });

  it('the typed spec beside the seal means nothing; changed bytes are refused and the last good ones stand', async () => {
    const { show, enforced, loader } = scene();
    await show({ sealed: [loose] });
    const { digest } = loader.current.set;
    await show({ sealed: [{ ...loose, spec: { validations: [] } }] });
    assert.equal(loader.current.set.digest, digest);
    const tampered = {
      ...loose,
      signature: { ...loose.signature, document: loose.signature.document.replace('"version": 1', '"version": 9') },
    };
    const state = await show({ sealed: [tampered] });
    assert.deepEqual(enforced(), ['loose-1']);
    assert.match(state?.refused.get('Policy/loose')?.code ?? '', /^SEAL_/);
  });

  it('a good seal under another name, an unsealed object and bytes that do not compile are refused by code', async () => {
    const renamed = { ...loose, metadata: { name: 'other' } };
    const { signature: _signature, ...bare } = sealer.policy('bare', spec(1));
    const broken = sealer.policy('broken', spec(1, { jsonSchema: { type: 'no such type' } }));
    const { show, enforced } = scene();
    const state = await show({ sealed: [renamed, bare, broken, loose] });
    assert.deepEqual(enforced(), ['loose-1']);
    assert.deepEqual(Object.fromEntries([...(state?.refused ?? [])].map(([name, { code }]) => [name, code])), {
      'Policy/other': 'POLICY_NAME_MISMATCH',
      'Policy/bare': 'POLICY_UNSIGNED',
      'Policy/broken': 'POLICY_SCHEMA',
    });
  });

  it('without a trust policy all is closed; another than the pinned one is refused; once loaded it stands', async () => {
    const { loader, show, enforced } = scene({ trustPolicy: undefined });
    await show({ sealed: [loose] });
    assert.equal(loader.current.closed?.code, 'TRUST_MISSING');
    const state = await show({ trustPolicy: createSealer().trustPolicy });
    assert.equal(state?.trustProblem?.code, 'TRUST_NOT_PINNED');
    assert.equal(loader.current.closed?.code, 'TRUST_NOT_PINNED');
    await show({ trustPolicy: sealer.trustPolicy });
    assert.deepEqual(enforced(), ['loose-1']);
    await show({ trustPolicy: createSealer().trustPolicy });
    await show({ trustPolicy: undefined });
    assert.deepEqual(enforced(), ['loose-1']);
    assert.equal(loader.current.closed, undefined);
  });

  it('many changes are one rebuild, and known bytes are not verified again', async () => {
    let judged = 0;
    const counting: Judge = (...input) => ((judged += 1), judgePolicyObject(...input));
    const { show, loader, seen } = scene({}, counting);
    await show({ sealed: [a1, b1, loose] });
    for (let times = 0; times < 50; times += 1) loader.request();
    await loader.settled();
    assert.equal(seen.states.length, 2);
    await show({ sealed: [{ ...loose }, { ...a1 }, b1] });
    assert.equal(judged, 3);
    await show({ sealed: [a2, b1, loose] });
    assert.equal(judged, 4);
  });

  it('a replica that starts stays closed until it holds what the marks name; one that runs follows no older order', async () => {
    const mark = { kind: 'Policy', name: 'loose', version: 2, digest: policyDigest(loose2) };
    const { loader, show, enforced } = scene({ marks: [mark] });
    await show({ sealed: [loose] });
    assert.equal(loader.current.closed?.code, 'MARK_UNMET');
    assert.match(loader.current.closed?.message ?? '', /Policy loose version 2/);
    await show({ sealed: [] });
    assert.equal(loader.current.closed?.code, 'MARK_UNMET');
    await show({ sealed: [loose2] });
    assert.deepEqual([loader.current.closed, enforced()], [undefined, ['loose-2']]);
    for (const sealed of [[loose], []]) {
      for (const marks of [[], undefined, [{ ...mark, gone: true as const }]]) await show({ sealed, marks });
      assert.deepEqual([loader.current.closed, enforced()], [undefined, ['loose-2']]);
    }
  });

  it('a replica that starts beside marks that cannot be read says so and stays closed', async () => {
    const { loader, show } = scene({ marks: undefined });
    await show({ sealed: [loose] });
    assert.equal(loader.current.closed?.code, 'MARK_UNMET');
    assert.match(loader.current.closed?.message ?? '', /ConfigMap writ-marks.*cannot be read/);
    await show({ marks: [] });
    assert.equal(loader.current.closed, undefined);
  });

  it('a set seal in the inventory ends what it lists no more, and only one that its signers may give', async () => {
    const inventories = [inventoryOf(SOURCE, 'r1', [a1, b1])];
    const { show, enforced } = scene();
    await show({ sealed: [a1, b1], inventories });
    const without = (sets: readonly string[]) => ({ inventories: [inventoryOf(SOURCE, 'r2', [a1], { sets })] });
    const state = await show(without([]));
    assert.deepEqual([enforced(), state?.refused.get('Policy/b')?.code], [['a-1', 'b-1'], 'REMOVAL_UNSEALED']);
    await show(without([createSealer().set(SOURCE, 1, [a1])]));
    await show(without(['{}', sealer.set('writ-system/other', 1, [a1])]));
    assert.deepEqual(enforced(), ['a-1', 'b-1']);
    await show(without([sealer.set(SOURCE, 1, [a1])]));
    assert.deepEqual(enforced(), ['a-1']);
  });

  it('a retired version matches nothing, also past its date', async () => {
    const { show, enforced, loader, clock } = scene();
    await show({ sealed: [loose] });
    await show({ sealed: [sealer.policy('loose', { version: 2, retired: true, expires: '2020-01-01T00:00:00Z' })] });
    assert.deepEqual([enforced(), loader.current.expired], [['loose-1'], []]);
    const endsMs = clock.now() + 24 * 3600_000;
    const end = sealer.policy('loose', { version: 2, retired: true, expires: new Date(endsMs).toISOString() });
    const state = await show({ sealed: [end] });
    assert.deepEqual(
      [enforced(), state?.documents.map(({ name, version, retired }) => [name, version, retired])],
      [[], [['loose', 2, true]]],
    );
    await clock.advance(2 * 24 * 3600_000);
    const ended = await show({ sealed: [end] });
    assert.deepEqual([loader.current.expired, ended?.refused.size], [[], 0]);
    const gone = await show({ sealed: [] });
    assert.deepEqual([gone?.documents, gone?.refused.size], [[], 0]);
    await show({ sealed: [loose] });
    assert.deepEqual(enforced(), []);
  });

  it('what throws leaves the set as it is', async () => {
    let broken = false;
    const { show, enforced, seen } = scene({}, (...input) => {
      if (broken) throw new Error('a bug');
      return judgePolicyObject(...input);
    });
    await show({ sealed: [loose] });
    broken = true;
    await show({ sealed: [] });
    await show({ sealed: [a1] });
    assert.deepEqual(enforced(), ['loose-1']);
    assert.equal(seen.bugs.length, 1);
  });
});

describe('a policy with an end', () => {
  const endsMs = Date.UTC(2026, 0, 2);
  const mortal = sealer.policy('mortal', spec(1, { expires: new Date(endsMs).toISOString() }));

  it('closes what it matched from its end on, without any event, until a newer version comes', async () => {
    const { clock, show, loader, enforced, seen } = scene();
    await show({ sealed: [mortal] });
    const { digest } = loader.current.set;
    await clock.advance(endsMs - clock.now() - 1);
    await loader.settled();
    assert.equal(loader.current.set.digest, digest);
    await clock.advance(1);
    await loader.settled();
    assert.notEqual(loader.current.set.digest, digest);
    assert.deepEqual(loader.current.expired, ['mortal']);
    assert.deepEqual(enforced(), ['mortal-1']);
    assert.equal(loader.current.set.policies[0]?.enforcement, 'Deny');
    assert.notEqual(loader.current.set.policies[0]?.digest, policyDigest(mortal));
    assert.equal(seen.states.at(-1)?.refused.get('Policy/mortal')?.code, 'POLICY_EXPIRED');
    await show({ sealed: [sealer.policy('mortal', spec(2))] });
    assert.deepEqual(loader.current.expired, []);
    assert.deepEqual(enforced(), ['mortal-2']);
    assert.deepEqual(seen.bugs, []);
  });

  it('is closed the same by a replica that starts after its end', async () => {
    const first = scene();
    await first.show({ sealed: [mortal] });
    await first.clock.advance(endsMs - first.clock.now());
    await first.loader.settled();
    const late = scene();
    await late.clock.advance(endsMs - late.clock.now() + 5000);
    await late.show({ sealed: [mortal] });
    assert.equal(late.loader.current.set.digest, first.loader.current.set.digest);
  });
});

describe('a policy with a grace period', () => {
  it('goes on as it was until that ends too', async () => {
    const endsMs = Date.UTC(2026, 0, 2);
    const gentle = sealer.policy('gentle', spec(1, { expires: new Date(endsMs).toISOString(), gracePeriod: '72h' }));
    const { clock, show, loader } = scene();
    await show({ sealed: [gentle] });
    const { digest } = loader.current.set;
    const at = async (ms: number) => {
      await clock.advance(ms - clock.now());
      await loader.settled();
      return [loader.current.set.digest === digest, loader.current.expired];
    };
    assert.deepEqual(await at(endsMs + 1), [true, []]);
    assert.deepEqual(await at(endsMs + 72 * 3600_000 - 1), [true, []]);
    assert.deepEqual(await at(endsMs + 72 * 3600_000), [false, ['gentle']]);
    const fresh = scene();
    await fresh.clock.advance(clock.now() - fresh.clock.now());
    await fresh.show({ sealed: [gentle] });
    assert.equal(fresh.loader.current.set.digest, loader.current.set.digest);
  });
});

describe('a seal with an end', () => {
  const endsMs = Date.UTC(2026, 0, 2);
  const by = createSealer({ name: 'ada', validFor: { end: new Date(endsMs - 1).toISOString() } }, { name: 'bob' });
  const once = by.policy('p', spec(1), SOURCE);
  const inventories = [inventoryOf(SOURCE, 'r1', [once])];

  it('ends the policy without any event, the same for a replica that runs and one that starts, until it is sealed again', async () => {
    const running = scene({}, judgePolicyObject, by);
    await running.show({ sealed: [once], inventories });
    const { digest } = running.loader.current.set;
    await running.clock.advance(endsMs - running.clock.now() - 1);
    await running.loader.settled();
    assert.equal(running.loader.current.set.digest, digest);
    await running.clock.advance(1);
    await running.loader.settled();
    assert.deepEqual(running.loader.current.expired, ['p']);
    assert.match(
      running.seen.states.at(-1)?.refused.get('Policy/p')?.message ?? '',
      /the seals of version 1 ended at 2026-01-02T00:00:00.000Z/,
    );

    const fresh = scene({}, judgePolicyObject, by);
    await fresh.clock.advance(endsMs - fresh.clock.now() + 5000);
    await fresh.show({ sealed: [once], inventories });
    assert.equal(fresh.loader.current.closed, undefined);
    assert.notEqual(fresh.loader.current.set.digest, digest);
    for (const { loader, show } of [running, fresh]) {
      assert.equal(loader.current.set.digest, fresh.loader.current.set.digest);
      assert.deepEqual(loader.current.revisions, { [SOURCE]: 'r1' });
      await show({ sealed: [by.sealAgain(once, 1)] });
      assert.equal(loader.current.set.digest, digest);
      assert.deepEqual(loader.current.expired, []);
      assert.deepEqual(loader.current.signers.get('p'), ['bob']);
    }
    assert.deepEqual([...running.seen.bugs, ...fresh.seen.bugs], []);
  });

  it('leaves the policy in force where another seal is enough; decisions name those whose seal counts', async () => {
    const { clock, show, loader } = scene({}, judgePolicyObject, by);
    await show({ sealed: [once], inventories });
    const { set } = loader.current;
    assert.deepEqual(loader.current.signers.get('p'), ['ada']);
    await show({ sealed: [by.sealAgain(once, 0, 1)] });
    assert.deepEqual(loader.current.signers.get('p'), ['ada', 'bob']);
    await clock.advance(endsMs - clock.now());
    await loader.settled();
    assert.deepEqual(loader.current.signers.get('p'), ['bob']);
    assert.deepEqual(loader.current.expired, []);
    assert.equal(loader.current.set, set);
  });
});

describe('a rebuild of a thousand policies', () => {
  it('lets requests through after every few of them, and takes a change on the way into account', async () => {
    const [known, other] = [sealer.policy('known', spec(1)), sealer.policy('other', spec(1))];
    const trust = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
    assert.ok(trust.ok);
    const judged = judgePolicyObject(known, trust.trust, 0);
    const clock = fakeClock();
    let elapsedMs = 0;
    let sinceTurn = 0;
    let most = 0;
    let turns = 0;
    let policies: readonly SealedPolicy[] = Array.from({ length: 1000 }, () => known);
    const loader = createLoader({
      // Each step takes 3 ms.
      clock: { ...clock, monotonicMs: () => elapsedMs },
      observe: () => ({ trustPolicy: sealer.trustPolicy, sealed: policies, inventories: [], unreadableInventories: [], marks: [] }),
      pinnedTrustDigest: sealer.trustDigest,
      judgements: {
        judge: () => assert.fail('all at once'),
        judgeInSteps: function* (object, ...rest) {
          for (let step = 0; step < 4; step += 1) {
            elapsedMs += 3;
            most = Math.max(most, (sinceTurn += 1));
            yield;
          }
          return object === known ? judged : judgePolicyObject(object, ...rest);
        },
        toVerify: () => [],
        forgetUnseen: () => undefined,
      },
      proving: provingHere(),
      onState: () => undefined,
      onFlip: () => undefined,
      onBug: (error) => assert.fail(String(error)),
    });
    const beat = { on: true };
    const turn = (): void => {
      sinceTurn = 0;
      turns += 1;
      if (turns === 100) {
        policies = [other];
        loader.request();
      }
      if (beat.on) setImmediate(turn);
    };
    setImmediate(turn);
    loader.request();
    await loader.settled();
    beat.on = false;
    assert.ok(most <= 3, `${most} in one go`);
    assert.ok(turns >= 100);
    assert.deepEqual(
      loader.current.set.policies.map(({ name }) => name),
      ['other'],
    );
    loader.close();
  });
});
