// SPDX-License-Identifier: Apache-2.0
/**
 * What the guard costs whoever writes a sealed Policy: the same writes by a real API server with it, with an empty webhook in
 * its place and with nobody asked.
 *
 * In: how much. Out: rows `custody/admission/…`: a Policy by key, keyless, a long one, and a large Ruleset. An installation of its own, whose trust policy pins the root
 * of a Sigstore of our own. Each policy is written as a dry run, one after the other on one connection, and none was ever seen by
 * the guard: all of its seals are proven while the write waits. A label, which means nothing to the guard, says who is asked, so
 * that the three take turns write by write and whatever else the machine does strikes all alike. The admission alone, which is
 * what the guard answers for, is as the API server tells it of each webhook (apiserver_admission_webhook_admission_duration_seconds).
 */
import { validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Installation } from '../scenario/installation.ts';
import { sampleOf } from '../scenario/exposition.ts';
import { until } from '../scenario/until.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { startEmptyWebhook } from './empty-webhook.ts';
import type { EmptyWebhook } from './empty-webhook.ts';
import { openConnection, postBytes } from './keep-alive-connection.ts';
import type { Connection, PostTarget } from './keep-alive-connection.ts';
import { processorMs } from './processor-time.ts';
import { measureReplicaStart } from './replica-start.ts';
import { ASKED, ASKED_LABEL, SORTS, installForSeals, objectOf, pluralOf, specOf } from './sealed-writes.ts';
import type { Asked, Sort } from './sealed-writes.ts';
import { countOf, reckoned, shareWithin, sinceThen, timesIn } from './told-times.ts';
import type { ToldTimes } from './told-times.ts';

const GUARD = { name: 'writ-guard' };
const WEBHOOK_OF = { guard: 'kinds.guard.writ.dev', empty: 'empty.example.com' } as const;
/** What the admission may take in 99 of 100 cases, and of the long ones what is asked besides. */
const BAR_MS = { key: 5, keyless: 50, long: 25, release: 1000 } as const;
const WHAT = {
  key: 'a Policy of 400 bytes, sealed by key',
  keyless: 'a Policy sealed keyless',
  long: 'a Policy of some 15 KB with 40 rules, sealed by key',
  release: 'a Ruleset of 256 members, sealed by key',
} as const;
/** The process looks at its loop every so often, and that is part of what it tells. */
const LOOKS_EVERY_MS = 10;
type Webhooks = KubeObject & { readonly webhooks: readonly { readonly name: string; readonly clientConfig: object }[] };
type Bench = {
  readonly writ: Installation;
  readonly target: PostTarget;
  readonly connection: Connection;
};

/** The guard's own webhook for its kinds, asked about what the label says, and an empty one beside it. */
const askByLabel = async ({ client }: Installation, { port, caPem }: EmptyWebhook): Promise<void> => {
  const configuration = await until(() => client.get<Webhooks>(validatingWebhookConfigurations, GUARD), { what: 'the guard' });
  const own = configuration.webhooks.find(({ name }) => name === WEBHOOK_OF.guard);
  if (own === undefined) throw new Error(`${GUARD.name} has no webhook ${WEBHOOK_OF.guard}`);
  const clientConfig = { url: `https://127.0.0.1:${port}/validate`, caBundle: Buffer.from(caPem).toString('base64') };
  const labelled = (asked: Asked): object => ({ objectSelector: { matchLabels: { [ASKED_LABEL]: asked } } });
  await client.delete(validatingWebhookConfigurations, GUARD);
  const webhooks = [
    { ...own, ...labelled('guard') },
    { ...own, ...labelled('empty'), name: WEBHOOK_OF.empty, clientConfig },
  ];
  await client.create(validatingWebhookConfigurations, Object.assign({ metadata: { name: 'load-guard' } }, { webhooks }));
};

const exchange = async (
  { target, connection }: Bench,
  body: string,
  plural = 'policies',
): Promise<{ readonly tookMs: number; readonly refusal: string | undefined }> => {
  const request = postBytes({ ...target, url: target.url.replace('policies', plural) }, body);
  const startedMs = performance.now();
  const answer = await connection.exchange(request);
  const tookMs = performance.now() - startedMs;
  return { tookMs, refusal: answer.status === 201 ? undefined : answer.text() };
};

/** An object without a seal tells whether the guard is asked, and about no more than it is to be. */
const settle = (bench: Bench): Promise<unknown> => {
  const bare = (asked: Asked): string =>
    JSON.stringify({
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'Policy',
      metadata: { name: 'bare', labels: { [ASKED_LABEL]: asked } },
      spec: specOf('bare'),
    });
  const isRefused = async (asked: Asked): Promise<boolean> => (await exchange(bench, bare(asked))).refusal !== undefined;
  return until(async () => (await isRefused('guard')) && !(await isRefused('empty')) && !(await isRefused('nobody')), {
    what: 'the guard to be asked by label',
    withinMs: 30_000,
  });
};

type Seen = {
  readonly writesMs: Readonly<Record<Asked, number[]>>;
  /** The admissions, as the API server tells. */
  readonly asked: readonly (readonly [keyof typeof WEBHOOK_OF, ToldTimes])[];
  /** From the whole body to the whole answer, as the guard tells. */
  readonly guard: ToldTimes;
  readonly guardProcessorMs: number;
  /** The longest wait of its event loop since the look before. */
  readonly guardLagMs: number;
};

const look = async ({ writ }: Bench): Promise<Omit<Seen, 'writesMs'>> => {
  const text = await writ.client.request<string>({ method: 'GET', path: '/metrics' });
  const askedOf = (asked: keyof typeof WEBHOOK_OF): readonly [typeof asked, ToldTimes] => [
    asked,
    timesIn(text, 'apiserver_admission_webhook_admission_duration_seconds', { name: WEBHOOK_OF[asked] }),
  ];
  const told = await writ.webhook.metrics();
  return {
    asked: [askedOf('guard'), askedOf('empty')],
    guard: timesIn(told, 'writ_request_duration_seconds', { route: 'guard' }),
    guardProcessorMs: processorMs(writ.webhook.pid) ?? Number.NaN,
    guardLagMs: sampleOf(told, 'nodejs_eventloop_lag_max_seconds') * 1000 - LOOKS_EVERY_MS,
  };
};

/** Many at a time are made before they are written: making one takes longer than its admission. */
const BATCH = 100;
const BATCH_OF_RELEASES = 5;

const measure = async (bench: Bench, sort: Sort, range: { readonly from: number; readonly writes: number }): Promise<Seen> => {
  const writesMs: Record<Asked, number[]> = { guard: [], empty: [], nobody: [] };
  const before = await look(bench);
  const batch = sort === 'release' ? BATCH_OF_RELEASES : BATCH;
  for (let done = 0; done < range.writes; done += batch) {
    const many = Math.min(batch, range.writes - done);
    const turns = Array.from({ length: many }, (_, at) => {
      const index = range.from + done + at;
      // Whoever comes first meets what the one before left behind.
      const order = ASKED.map((_asked, turn) => ASKED[(index + turn) % ASKED.length] ?? 'nobody');
      return order.map((asked) => ({ asked, body: objectOf({ sort, asked, index }, bench.writ) }));
    });
    for (const { asked, body } of turns.flat()) {
      const { tookMs, refusal } = await exchange(bench, body, pluralOf(sort));
      if (refusal !== undefined) throw new Error(`what is sealed was refused: ${refusal}`);
      writesMs[asked].push(tookMs);
    }
  }
  const now = await look(bench);
  const told = new Map(before.asked);
  return {
    writesMs,
    asked: now.asked.map(([asked, times]) => [asked, sinceThen(told.get(asked) ?? times, times)] as const),
    guard: sinceThen(before.guard, now.guard),
    guardProcessorMs: now.guardProcessorMs - before.guardProcessorMs,
    guardLagMs: now.guardLagMs,
  };
};

const rowsOf = (sort: Sort, seen: Seen): readonly BenchRow[] => {
  const name = `custody/admission/${sort}`;
  const many = seen.writesMs.guard.length;
  const how = `${many} dry-run creates of ${WHAT[sort]}, one after the other, none seen by the guard before, in turn with as many that an empty webhook is asked about and that nobody is asked about`;
  const told = ([asked, times]: readonly [string, ToldTimes], by: string): readonly BenchRow[] => {
    if (countOf(times) !== many) throw new Error(`${countOf(times)} of ${many} were asked of ${asked}`);
    const { ms, share } = shareWithin(times, BAR_MS[sort]);
    return [
      {
        name: `${name}/${asked}/p99`,
        unit: 'ms',
        value: rounded(reckoned(times, 0.99)),
        how: `${how}; ${by}, reckoned from its histogram`,
      },
      { name: `${name}/${asked}/mean`, unit: 'ms', value: rounded(times.sumMs / many), how: `${how}; ${by}` },
      { name: `${name}/${asked}/within-${ms}ms`, unit: '%', value: rounded(share * 100), how: `${how}; ${by}, exact` },
    ];
  };
  const writes = [0.5, 0.99].flatMap((share) =>
    ASKED.map((asked) => ({
      name: `${name}/write/${asked}/p${share * 100}`,
      unit: 'ms',
      value: rounded(quantile(seen.writesMs[asked], share)),
      how: `${how}; the whole write, ${asked === 'nobody' ? 'nobody asked' : `the ${asked === 'guard' ? 'guard' : 'empty webhook'} asked`}`,
    })),
  );
  return [
    ...seen.asked.flatMap((one) => told(one, 'the admission alone, as the API server tells it')),
    ...told(['handler', seen.guard], 'the guard itself, from the whole body to the whole answer'),
    {
      name: `${name}/processor-time`,
      unit: 'ms',
      value: rounded(seen.guardProcessorMs / many),
      how: `${how}; user and system time of the webhook's process for each`,
    },
    {
      name: `${name}/loop-lag-max`,
      unit: 'ms',
      value: rounded(seen.guardLagMs),
      how: `${how}; the longest wait of the webhook's event loop meanwhile, as it tells it, for other processes of the machine too`,
    },
    ...writes,
  ];
};

export type GuardAdmissionOptions = {
  /** Of each sort, of each that is asked. */
  readonly writes: Readonly<Record<Sort, number>>;
  /** Before any is counted: a process that has served others. */
  readonly warmUps: number;
  readonly say: (step: string) => void;
};

export const measureGuardAdmission = async ({ writes, warmUps, say }: GuardAdmissionOptions): Promise<readonly BenchRow[]> => {
  await using writ = await installForSeals(say);
  const empty = await startEmptyWebhook();
  const { url, caData, token } = writ.plane;
  const target = { url: `${url}/apis/writ.dev/v1alpha1/policies?dryRun=All`, ca: Buffer.from(caData, 'base64').toString(), token };
  const bench: Bench = { writ, target, connection: await openConnection(target) };
  try {
    await until(() => writ.client.get(validatingWebhookConfigurations, GUARD), { what: 'the guard' });
    // Else it would put its configuration back.
    await writ.operator.stop('SIGTERM', 5000);
    await askByLabel(writ, empty);
    await settle(bench);
    say('warming up');
    for (const sort of SORTS) await measure(bench, sort, { from: 0, writes: Math.min(warmUps, writes[sort]) });
    const rows: BenchRow[] = [];
    for (const sort of SORTS) {
      say(`${writes[sort]} times ${WHAT[sort]}`);
      rows.push(...rowsOf(sort, await measure(bench, sort, { from: warmUps, writes: writes[sort] })));
    }
    return [...rows, ...(await measureReplicaStart({ writ, connection: bench.connection, target, say }))];
  } finally {
    bench.connection.close();
    empty.close();
  }
};
