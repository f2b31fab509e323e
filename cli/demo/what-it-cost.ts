// SPDX-License-Identifier: Apache-2.0
// The chapter of money: what both tenants used, by the ledger that the operator has kept all along, and what it costs them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import { systemClock } from '../../process/clock.ts';
import { sampleOf } from '../../test/scenario/exposition.ts';
import type { IntakeAnswer } from '../../test/scenario/usage-intake.ts';
import { usageEvent } from '../../test/scenario/usage-intake.ts';
import { until } from '../../test/scenario/until.ts';
import { expect } from './answer.ts';
import { budgetText } from './budget.ts';
import { LEDGER } from './metering.ts';
import { runWrit, showWrit } from './scene.ts';
import type { Scene } from './scene.ts';

const PRICES = 'policies/prices/standard.yaml';
const SUBSCRIPTION = 'red.yaml';
/** Those that nobody reports: they are counted as the demo runs. */
const COUNTED = ['agent_hours', 'policy_executions'];

const monthStart = (): string => `${new Date(systemClock.now()).toISOString().slice(0, 7)}-01T00:00:00Z`;
const subscription = (): string => `tenant: red
changes:
- {at: "${monthStart()}", tier: Starter, cycle: Monthly}
`;

export const showCost = async (scene: Scene): Promise<void> => {
  const { stage } = scene;
  stage.chapter(
    'What it cost',
    'The operator keeps a ledger. Policies that ran are told by the webhook, how long agents run is watched, and what agents use elsewhere they report themselves.',
  );
  await reportUse(scene);
  await showUse(scene);
  await showInvoice(scene);
  await showBudgets(scene);
};

const used = (tenant: string, units: string, calls: string): readonly unknown[] => [
  usageEvent({ tenant, source: `/agents/${tenant}/boots/1`, seq: 1, meter: 'reasoning_units', value: units }),
  usageEvent({ tenant, source: `/agents/${tenant}/boots/1`, seq: 2, meter: 'api_calls', value: calls }),
];

const tell = ({ stage }: Scene, { status, body }: IntakeAnswer, durationMs: number): void => {
  const { stored = 0, duplicates = 0, events = [] } = body;
  const wrong = events.map(({ code, message }) => `${code}: ${message}`);
  const counts = `${stored} stored${duplicates === 0 ? '' : `, ${duplicates} known already`}`;
  stage.answers(`${status}: ${[...wrong, counts].join('; ')}`, durationMs);
};

const reportUse = async (scene: Scene): Promise<void> => {
  const { stage, metering, writ } = scene;
  const reds = used('red', '1250.5', '12400');
  const report = async (
    what: string,
    sent: { readonly by: string; readonly events: readonly unknown[] },
    wanted: readonly [status: number, stored: number],
  ): Promise<void> => {
    stage.does(what);
    const startedMs = systemClock.monotonicMs();
    const answer = await metering.report(writ, sent.by, sent.events);
    const durationMs = systemClock.monotonicMs() - startedMs;
    tell(scene, answer, durationMs);
    const [status, stored] = wanted;
    expect(answer.status === status && answer.body.stored === stored, `${what}: ${status} should be answered`, {
      text: JSON.stringify(answer),
      allowed: false,
      durationMs,
    });
  };
  await report(
    `an agent of red reports 1,250.5 reasoning units and 12,400 calls: POST ${metering.url}, with the token of its service account`,
    { by: 'red-prod', events: reds },
    [200, 2],
  );
  await report('the answer got lost, so it sends the same again', { by: 'red-prod', events: reds }, [200, 0]);
  await report('it sends less under the same id', { by: 'red-prod', events: used('red', '1', '12400').slice(0, 1) }, [409, 0]);
  await report('an agent of blue reports for red', { by: 'blue-prod', events: used('red', '99', '1').slice(0, 1) }, [403, 0]);
  await report('and then for blue', { by: 'blue-prod', events: used('blue', '320', '4100') }, [200, 2]);
};

const showUse = async (scene: Scene): Promise<void> => {
  await until(
    async () => {
      const { out } = await runWrit(scene, ['usage', 'report', '--ledger', LEDGER]);
      return ['red', 'blue'].every((tenant) => COUNTED.every((meter) => new RegExp(String.raw`^ +${tenant} +${meter} `, 'm').test(out)));
    },
    { what: 'what ran to be counted', everyMs: 200 },
  );
  await showWrit(scene, ['usage', 'report', '--ledger', LEDGER]);
  scene.stage.note('\nEvery sum can be made again from the events, to the byte:');
  await showWrit(scene, ['usage', 'verify', '--ledger', LEDGER]);
};

const showInvoice = async (scene: Scene): Promise<void> => {
  const { stage, folder } = scene;
  await writeFile(join(folder, SUBSCRIPTION), subscription());
  stage.note('\nred has ordered Starter. The prices are a document under seal, from the policy repository.');
  stage.commands(subscription().trimEnd());
  const asked = `--prices ${PRICES} --trust policies/trust.yaml --subscription ${SUBSCRIPTION} --ledger ${LEDGER}`;
  await showWrit(scene, ['bill', 'preview', ...asked.split(' ')]);
};

/**
 * By the answers that the webhook has counted since it started: the ledger is told of a minute when it is over, which none may be yet. What
 * money follows from is the ledger's: `writ slo status`, which the last chapter names.
 */
const showBudgets = async ({ stage, writ }: Scene): Promise<void> => {
  stage.note('\nWhat both were promised of Writ itself, in spec.slo, and what its answers since it started have left of the error budget.');
  stage.does(`counted by the webhook, writ_slo_* of ${writ.webhook.endpoint}/metrics`);
  const metrics = await writ.webhook.metrics();
  const rows = ['red', 'blue'].flatMap((tenant) =>
    OBJECTIVES.map((slo) => {
      const count = (name: string): number => sampleOf(metrics, `writ_slo_${name}`, { tenant, slo });
      const [promised, valid, bad] = [count('objective_ratio'), count('valid_events_total'), count('bad_events_total')];
      return `${tenant.padEnd(4)}  ${slo.padEnd(17)}  ${budgetText({ promised, valid, bad })}`;
    }),
  );
  stage.table(rows.join('\n'));
};
