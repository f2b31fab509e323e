// SPDX-License-Identifier: Apache-2.0
/**
 * What the guard costs whoever writes a sealed Policy: the same writes by a real API server with it, with an empty webhook in
 * its place and with nobody asked.
 *
 * In: how much. Out: rows `custody/admission/…`, by key and keyless. An installation of its own, whose trust policy pins the root
 * of a Sigstore of our own. Each policy is written as a dry run, one after the other on one connection, and none was ever seen by
 * the guard: all of its seals are proven while the write waits. A label, which means nothing to the guard, says who is asked, so
 * that the three take turns write by write and whatever else the machine does strikes all alike. The admission alone, which is
 * what the guard answers for, is as the API server tells it of each webhook (apiserver_admission_webhook_admission_duration_seconds).
 */
import { validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Installation } from '../scenario/installation.ts';
import { until } from '../scenario/until.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { startEmptyWebhook } from './empty-webhook.ts';
import type { EmptyWebhook } from './empty-webhook.ts';
import { openConnection, postBytes } from './keep-alive-connection.ts';
import type { Connection, PostTarget } from './keep-alive-connection.ts';
import { processorMs } from './processor-time.ts';
import { measureReplicaStart } from './replica-start.ts';
import { ASKED, ASKED_LABEL, PROOFS, installForSeals, objectOf, specOf } from './sealed-writes.ts';
import type { Asked, Proof } from './sealed-writes.ts';
import { countOf, reckoned, shareWithin, sinceThen, timesIn } from './told-times.ts';
import type { ToldTimes } from './told-times.ts';

const GUARD = { name: 'writ-guard' };
const WEBHOOK_OF = { guard: 'kinds.guard.writ.dev', empty: 'empty.example.com' } as const;
/** What the admission may take in 99 of 100 cases. */
const BAR_MS = { key: 5, keyless: 50 } as const;
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
): Promise<{ readonly tookMs: number; readonly refusal: string | undefined }> => {
  const request = postBytes(target, body);
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
};

const look = async ({ writ }: Bench): Promise<Omit<Seen, 'writesMs'>> => {
  const text = await writ.client.request<string>({ method: 'GET', path: '/metrics' });
  const askedOf = (asked: keyof typeof WEBHOOK_OF): readonly [typeof asked, ToldTimes] => [
    asked,
    timesIn(text, 'apiserver_admission_webhook_admission_duration_seconds', { name: WEBHOOK_OF[asked] }),
  ];
  return {
    asked: [askedOf('guard'), askedOf('empty')],
    guard: timesIn(await writ.webhook.metrics(), 'writ_request_duration_seconds', { route: 'guard' }),
    guardProcessorMs: processorMs(writ.webhook.pid) ?? Number.NaN,
  };
};

/** Many at a time are made before they are written: making one takes longer than its admission. */
const BATCH = 100;

const measure = async (bench: Bench, proof: Proof, range: { readonly from: number; readonly writes: number }): Promise<Seen> => {
  const writesMs: Record<Asked, number[]> = { guard: [], empty: [], nobody: [] };
  const before = await look(bench);
  for (let done = 0; done < range.writes; done += BATCH) {
    const many = Math.min(BATCH, range.writes - done);
    const turns = Array.from({ length: many }, (_, at) => {
      const index = range.from + done + at;
      // Whoever comes first meets what the one before left behind.
      const order = ASKED.map((_asked, turn) => ASKED[(index + turn) % ASKED.length] ?? 'nobody');
      return order.map((asked) => ({ asked, body: objectOf({ proof, asked, index }, bench.writ) }));
    });
    for (const { asked, body } of turns.flat()) {
      const { tookMs, refusal } = await exchange(bench, body);
      if (refusal !== undefined) throw new Error(`a sealed policy was refused: ${refusal}`);
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
  };
};

const rowsOf = (proof: Proof, seen: Seen): readonly BenchRow[] => {
  const name = `custody/admission/${proof}`;
  const many = seen.writesMs.guard.length;
  const how = `${many} dry-run creates of a Policy sealed ${proof === 'key' ? 'by key' : 'keyless'}, one after the other, none seen by the guard before, in turn with as many that an empty webhook is asked about and that nobody is asked about`;
  const told = ([asked, times]: readonly [string, ToldTimes], by: string): readonly BenchRow[] => {
    if (countOf(times) !== many) throw new Error(`${countOf(times)} of ${many} were asked of ${asked}`);
    const { ms, share } = shareWithin(times, BAR_MS[proof]);
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
    ...writes,
  ];
};

export type GuardAdmissionOptions = {
  /** By each proof, of each that is asked. */
  readonly writes: Readonly<Record<Proof, number>>;
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
    for (const proof of PROOFS) await measure(bench, proof, { from: 0, writes: warmUps });
    const rows: BenchRow[] = [];
    for (const proof of PROOFS) {
      say(`${writes[proof]} policies sealed ${proof === 'key' ? 'by key' : 'keyless'}`);
      rows.push(...rowsOf(proof, await measure(bench, proof, { from: warmUps, writes: writes[proof] })));
    }
    return [...rows, ...(await measureReplicaStart({ writ, connection: bench.connection, target, say }))];
  } finally {
    bench.connection.close();
    empty.close();
  }
};
