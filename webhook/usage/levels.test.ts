// SPDX-License-Identifier: Apache-2.0
// What a replica tells of the answers that it gave, and of the time in which nobody asked.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Objective } from '../../policies/service-level/index.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import type { FakeClock } from '../../test/fake-clock.ts';
import { createLevelCounts } from './levels.ts';
import type { LevelCounts } from './levels.ts';

const START = Date.UTC(2026, 10, 21, 10);
const MINUTE = 60_000;
const availability: Objective = { name: 'availability', target: 0.999, percent: '99.9', withinMs: Number.POSITIVE_INFINITY };
const latency: Objective = { name: 'admission-latency', target: 0.95, percent: '95', withinMs: 50 };

type Scene = {
  readonly clock: FakeClock;
  readonly counts: LevelCounts;
  readonly promised: Map<string, readonly Objective[]>;
  isReady: boolean;
  /** What is told now, a line an event: tenant, meter, count, stretch in minutes from START on. */
  tell(isLast?: boolean, max?: number): readonly string[];
};

const scene = (maxCells?: number): Scene => {
  const clock = fakeClock(START);
  const promised = new Map<string, readonly Objective[]>([['acme', [availability]]]);
  const self: Scene = {
    clock,
    promised,
    isReady: true,
    counts: createLevelCounts({
      clock,
      promised: () => [...promised].map(([tenant, objectives]) => ({ tenant, objectives })),
      ready: () => self.isReady,
      ...(maxCells === undefined ? {} : { maxCells }),
    }),
    tell: (isLast = false, max = 1000) => {
      const { facts, told } = self.counts.take({ max, isLast });
      told();
      const at = (time: string | undefined): number => (Date.parse(time ?? '') - START) / MINUTE;
      return facts.map((fact) =>
        'lost' in fact
          ? `${fact.subject} lost`
          : `${fact.subject} ${fact.meter} ${fact.value} ${at(fact.dims?.['since'])}-${at(fact.time)}`,
      );
    },
  };
  return self;
};

/** Looks every ten seconds, as the reports do. */
const pass = async (world: Scene, minutes: number): Promise<readonly string[]> => {
  const told: string[] = [];
  for (let look = 0; look < minutes * 6; look += 1) {
    await world.clock.advance(10_000);
    told.push(...world.tell());
  }
  return told;
};

describe('counts of answers by minute', () => {
  it('are told when their minute is over, with what was promised', async () => {
    const world = scene();
    world.promised.set('acme', [availability, latency]);
    assert.deepEqual(world.tell(), []);
    await world.clock.advance(MINUTE);
    assert.deepEqual(world.tell(), []);
    for (const good of [true, true, false]) world.counts.count({ tenant: 'acme', objective: availability, good });
    world.counts.count({ tenant: 'acme', objective: latency, good: false });
    assert.deepEqual(world.tell(), []);
    await world.clock.advance(MINUTE);
    const { facts } = world.counts.take({ max: 1000, isLast: false });
    assert.deepEqual(facts[2], {
      subject: 'acme',
      meter: 'slo.admission_latency.valid',
      value: '1',
      time: '2026-11-21T10:01:00.000Z',
      dims: { since: '2026-11-21T10:01:00.000Z', target: '95', within_ms: '50' },
    });
    // Not on disk yet: told again.
    assert.deepEqual(world.tell(), [
      'acme slo.availability.valid 3 1-1',
      'acme slo.availability.good 2 1-1',
      'acme slo.admission_latency.valid 1 1-1',
    ]);
    assert.deepEqual(world.tell(), []);
  });

  it('say of a quiet quarter of an hour that it was quiet, and an answer ends it', async () => {
    const world = scene();
    world.tell();
    assert.deepEqual(await pass(world, 20), ['acme slo.availability.valid 0 1-15']);
    world.counts.count({ tenant: 'acme', objective: availability, good: true });
    assert.deepEqual(await pass(world, 1), ['acme slo.availability.valid 1 16-20', 'acme slo.availability.good 1 16-20']);
  });

  it('speak of no minute in which the replica was not ready', async () => {
    const world = scene();
    world.isReady = false;
    assert.deepEqual(await pass(world, 40), []);
    world.isReady = true;
    assert.deepEqual(await pass(world, 5), []);
    world.isReady = false;
    assert.deepEqual(await pass(world, 30), ['acme slo.availability.valid 0 41-44']);
    world.counts.count({ tenant: 'acme', objective: availability, good: false });
    assert.deepEqual(await pass(world, 2), ['acme slo.availability.valid 1 75-75']);
  });

  it('end with the process, the tenant or the promise, and are told to their end', async () => {
    const world = scene();
    world.promised.set('beta', [availability]);
    world.tell();
    await pass(world, 4);
    world.promised.delete('beta');
    world.promised.set('acme', [{ ...availability, percent: '99' }]);
    assert.deepEqual(await pass(world, 1), ['acme slo.availability.valid 0 1-4', 'beta slo.availability.valid 0 1-4']);
    await pass(world, 3);
    world.counts.count({ tenant: 'acme', objective: { ...availability, percent: '99' }, good: true });
    assert.deepEqual(world.tell(true), ['acme slo.availability.valid 1 6-8', 'acme slo.availability.good 1 6-8']);
    assert.deepEqual(world.tell(true), []);
  });

  it('are left as they are by who only asks what would be told', async () => {
    const world = scene();
    world.tell();
    await pass(world, 5);
    world.isReady = false;
    const { facts } = world.counts.take({ max: 1000, isLast: true, isDry: true });
    assert.equal(facts.length, 1);
    assert.deepEqual(world.tell(), ['acme slo.availability.valid 0 1-4']);
  });

  it('keep the two counts of a minute together, however small a batch is', async () => {
    const world = scene();
    world.tell();
    for (let minute = 0; minute < 5; minute += 1) {
      await world.clock.advance(MINUTE);
      world.counts.count({ tenant: 'acme', objective: availability, good: true });
    }
    await world.clock.advance(MINUTE);
    const batches = [3, 4, 1000, 1000].map((max) => world.tell(false, max).length);
    assert.deepEqual(batches, [2, 4, 4, 0]);
  });

  it('do not call a minute quiet in which nobody knows who was refused, and hold it against who was answered', async () => {
    const world = scene();
    world.promised.set('beta', [availability]);
    world.tell();
    const told = [...(await pass(world, 3))];
    world.counts.count({ tenant: 'beta', objective: availability, good: true });
    world.counts.unsure();
    world.counts.unsure();
    told.push(...(await pass(world, 1)));
    await pass(world, 1);
    world.counts.count({ tenant: 'acme', objective: availability, good: true });
    told.push(...(await pass(world, 1)));
    assert.deepEqual(told, [
      'acme slo.availability.valid 0 1-2',
      'beta slo.availability.valid 3 1-3',
      'beta slo.availability.good 1 1-3',
      'acme slo.availability.valid 1 4-5',
      'acme slo.availability.good 1 4-5',
    ]);
    // It is forgotten once all have told it.
    assert.deepEqual(await pass(world, 15), ['beta slo.availability.valid 0 4-18', 'acme slo.availability.valid 0 6-20']);
  });

  it('of policies that were evaluated have nothing to do with who was refused before any was asked', async () => {
    const world = scene();
    const evaluation: Objective = { ...availability, name: 'policy-evaluation' };
    world.promised.set('acme', [evaluation]);
    world.tell();
    await pass(world, 3);
    world.counts.unsure();
    world.counts.count({ tenant: 'acme', objective: evaluation, good: true });
    const told = [...(await pass(world, 1))];
    world.counts.unsure();
    told.push(...(await pass(world, 16)));
    assert.deepEqual(told, [
      'acme slo.policy_evaluation.valid 1 1-3',
      'acme slo.policy_evaluation.good 1 1-3',
      'acme slo.policy_evaluation.valid 0 4-18',
    ]);
  });

  it('speak of no minute of which nobody knows who was refused, whoever comes and goes', async () => {
    const steps = fc.array(fc.constantFrom('unsure', 'answer', 'minute', 'tell', 'down', 'up'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const world = scene();
        const told: string[] = [];
        const refused = new Set<number>();
        const answered = new Set<number>();
        const minute = (): number => Math.floor((world.clock.now() - START) / MINUTE);
        for (const one of all) {
          if (one === 'unsure') world.counts.unsure();
          if (one === 'unsure') refused.add(minute());
          else if (one === 'answer') world.counts.count({ tenant: 'acme', objective: availability, good: true });
          else if (one === 'minute') told.push(...(await pass(world, 1)));
          else if (one === 'tell') told.push(...world.tell());
          else world.isReady = one === 'up';
          if (one === 'answer') answered.add(minute());
        }
        told.push(...world.tell(true));
        const rows = told.flatMap((line) => {
          const [, count, value, from, to] = /(valid|good) (\d+) (\d+)-(\d+)$/.exec(line) ?? [];
          return [{ count, value: Number(value), from: Number(from), to: Number(to) }];
        });
        for (const at of refused) {
          const [valid, good] = ['valid', 'good'].map((name) =>
            rows.filter(({ count, from, to }) => count === name && from <= at && at <= to),
          );
          if (!answered.has(at)) assert.deepEqual(valid, [], `minute ${at} is spoken of`);
          else assert.ok((valid?.[0]?.value ?? 0) > (good?.[0]?.value ?? 0), `minute ${at} is good`);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('leave a hole where they had to be dropped', async () => {
    const world = scene(3);
    world.tell();
    for (let minute = 0; minute < 4; minute += 1) {
      await world.clock.advance(MINUTE);
      world.counts.count({ tenant: 'acme', objective: availability, good: false });
    }
    await world.clock.advance(MINUTE);
    assert.deepEqual(world.tell(), ['acme lost', 'acme slo.availability.valid 1 4-4']);
  });

  it('tell each answer once and no minute twice, whatever happens in between', async () => {
    const step = fc.constantFrom('answer', 'bad', 'minute', 'tell', 'fail', 'down', 'up', 'quarter');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = scene();
        const told: string[] = [];
        let answers = 0;
        for (const one of steps) {
          if (one === 'answer' || one === 'bad') {
            world.counts.count({ tenant: 'acme', objective: availability, good: one === 'answer' });
            answers += 1;
          } else if (one === 'minute') await world.clock.advance(MINUTE);
          else if (one === 'quarter') told.push(...(await pass(world, 15)));
          else if (one === 'fail') world.counts.take({ max: 7, isLast: false });
          else if (one === 'tell') told.push(...world.tell(false, 7));
          else world.isReady = one === 'up';
        }
        told.push(...world.tell(true), ...world.tell(true));
        const rows = told.map((line) => /(valid|good) (\d+) (\d+)-(\d+)$/.exec(line) ?? assert.fail(line));
        const valid = rows.filter(([, count]) => count === 'valid');
        assert.equal(
          valid.reduce((sum, [, , value]) => sum + Number(value), 0),
          answers,
        );
        const spoken = valid.flatMap(([, , , from, to]) =>
          Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index),
        );
        assert.equal(new Set(spoken).size, spoken.length);
      }),
      { numRuns: 200 },
    );
  });
});
