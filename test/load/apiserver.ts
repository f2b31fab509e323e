// SPDX-License-Identifier: Apache-2.0
/**
 * Pods through the real API server: what admission costs with nothing, with an empty webhook, with Writ, and with the same
 * policies as ValidatingAdmissionPolicies.
 *
 * In: an installation. Out: rows `apiserver/…`. All configurations take turns within each round, so that whatever else the
 * machine does strikes all alike, and ratios are taken within a round. Writ's sizes are three tenants' namespaces: all 101
 * policies are loaded in each row, the index finds those that apply, which is how a cluster has it and is not to Writ's
 * advantage. The API server looks at every bound policy for every pod in any namespace, so bindings are there only while
 * their row is measured.
 */
import type { Resource } from '../../crds/kinds.ts';
import { WEBHOOK_CONFIGURATION_NAME, validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { until } from '../scenario/until.ts';
import { admissionBinding, admissionPolicy, agentPod, loadPolicies, violate } from './agent-policies.ts';
import { median, quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { startEmptyWebhook } from './empty-webhook.ts';
import type { EmptyWebhook } from './empty-webhook.ts';
import { SIZES, createPod, makeNamespace, tenantNamespaces } from './load-installation.ts';
import type { LoadInstallation, Size } from './load-installation.ts';
import { startLoadGenerator } from './load-generator.ts';
import type { LoadGenerator } from './load-generator.ts';
import { pidOf, processorMs } from './processor-time.ts';

const NONE = 'load-none';
const EMPTY = 'load-empty';
const OWN_POLICIES = 'load-vap';
const CONNECTIONS = 16;

const admission = (plural: string, kind: string): Resource => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: false,
});
const admissionPolicies = admission('validatingadmissionpolicies', 'ValidatingAdmissionPolicy');
const admissionBindings = admission('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding');

type Round = {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  /** Processor time a request, of the API server and of the process beside it. */
  readonly costsUs: readonly number[];
};
type Setup = {
  readonly name: string;
  readonly namespace: string;
  /** Bindings of so many policies stand while it is measured. */
  readonly bound: number;
  /** The last policy of so many refuses. */
  readonly judgedBy?: Size;
  /** Beside the API server, the process that does the work. */
  readonly pid?: number | undefined;
};

const setupsOf = ({ writ }: LoadInstallation, empty: EmptyWebhook): readonly Setup[] => [
  { name: 'none', namespace: NONE, bound: 0 },
  { name: 'empty-webhook', namespace: EMPTY, bound: 0, pid: empty.pid },
  ...SIZES.map((size) => ({
    name: `${size}/writ`,
    namespace: tenantNamespaces.of(size),
    bound: 0,
    judgedBy: size,
    pid: writ.webhook.pid,
  })),
  ...([12, 100] as const).map((size) => ({ name: `${size}/vap`, namespace: OWN_POLICIES, bound: size, judgedBy: size })),
];

/** As Writ's own is registered, for the same kinds and by the same rules, but for where it is and whose namespaces it is asked about. */
const registerEmptyWebhook = async ({ writ }: LoadInstallation, { port, caPem }: EmptyWebhook): Promise<void> => {
  const { client } = writ;
  type Configuration = KubeObject & { readonly webhooks?: readonly object[] };
  const [ours] = (await client.get<Configuration>(validatingWebhookConfigurations, { name: WEBHOOK_CONFIGURATION_NAME }))?.webhooks ?? [];
  if (ours === undefined) throw new Error(`${WEBHOOK_CONFIGURATION_NAME} registers nothing`);
  const webhook = {
    ...ours,
    name: 'empty.example.com',
    clientConfig: { url: `https://127.0.0.1:${port}/validate`, caBundle: Buffer.from(caPem).toString('base64') },
    namespaceSelector: { matchLabels: { 'example.com/load': EMPTY } },
  };
  await client.create(validatingWebhookConfigurations, Object.assign({ metadata: { name: 'load-empty' } }, { webhooks: [webhook] }));
};

/** A webhook that is not asked yet would be measured as none at all: it counts. */
const seeEmptyWebhookAsked = async (installation: LoadInstallation, empty: EmptyWebhook): Promise<void> => {
  const before = await empty.reviews();
  await until(
    async () => {
      await createPod(installation.podCreates(EMPTY), agentPod({ namespace: EMPTY }));
      return (await empty.reviews()) > before;
    },
    { what: 'the empty webhook to be asked' },
  );
};

/** Brings the number of bound policies from one to the other and waits until the API server judges by them. */
const bind = async (installation: LoadInstallation, from: number, to: number): Promise<void> => {
  const { client } = installation.writ;
  const policies = loadPolicies(100);
  await Promise.all(
    policies
      .slice(from, to)
      .map((policy) => client.create(admissionBindings, admissionBinding(policy, { 'example.com/load': OWN_POLICIES }))),
  );
  await Promise.all(policies.slice(to, from).map(({ name }) => client.delete(admissionBindings, { name })));
  if (to === 0) {
    await installation.usable(OWN_POLICIES, violate(agentPod({ namespace: OWN_POLICIES }), 1));
    return;
  }
  await seeRefusal(installation, { namespace: OWN_POLICIES, size: to === 12 ? 12 : 100 });
};

type Refusal = { readonly namespace: string; readonly size: Size };

/** The policy that comes last refuses, and by its name. */
const seeRefusal = async (installation: LoadInstallation, { namespace, size }: Refusal): Promise<void> => {
  const name = loadPolicies(size).at(-1)?.name ?? '';
  const pod = violate(agentPod({ namespace }), size);
  let said = '';
  await until(
    async () => {
      const answer = await createPod(installation.podCreates(namespace), pod);
      said = `${answer.status} ${answer.text()}`;
      return answer.status >= 400 && answer.status < 500 && said.includes(name);
    },
    { what: `policy ${name} to refuse in ${namespace}`, withinMs: 30_000 },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; the API server says ${said}`);
  });
};

const measure = async (
  installation: LoadInstallation,
  { setup, generator, durationMs }: { readonly setup: Setup; readonly generator: LoadGenerator; readonly durationMs: number },
): Promise<Round> => {
  const pids = [pidOf(`--secure-port=${new URL(installation.writ.plane.url).port}`), setup.pid].filter((pid) => pid !== undefined);
  const costsMs = (): readonly (number | undefined)[] => pids.map(processorMs);
  let before: readonly (number | undefined)[] = [];
  const round = await generator.run(
    {
      target: installation.podCreates(setup.namespace),
      body: JSON.stringify(agentPod({ namespace: setup.namespace })),
      status: 201,
      connections: CONNECTIONS,
      warmUpMs: durationMs / 4,
      durationMs,
    },
    () => {
      before = costsMs();
    },
  );
  const costsUs = costsMs().map(
    (after, index) => (((after ?? Number.NaN) - (before[index] ?? Number.NaN)) * 1000) / round.latenciesMs.length,
  );
  return { ...round, costsUs: costsUs.filter((cost) => Number.isFinite(cost)) };
};

export const measureApiServer = async (
  installation: LoadInstallation,
  { rounds, durationMs, say }: { readonly rounds: number; readonly durationMs: number; readonly say: (step: string) => void },
): Promise<readonly BenchRow[]> => {
  const empty = await startEmptyWebhook();
  const generator = startLoadGenerator();
  try {
    for (const namespace of [NONE, EMPTY, OWN_POLICIES]) await makeNamespace(installation, namespace);
    await registerEmptyWebhook(installation, empty);
    await seeEmptyWebhookAsked(installation, empty);
    for (const policy of loadPolicies(100)) await installation.writ.client.create(admissionPolicies, admissionPolicy(policy));
    const setups = setupsOf(installation, empty);
    const results = new Map<string, Round[]>(setups.map(({ name }) => [name, []]));
    let bound = 0;
    for (let turn = 0; turn < rounds; turn += 1) {
      say(`round ${turn + 1} of ${rounds}`);
      for (const setup of setups) {
        if (setup.bound !== bound) await bind(installation, bound, setup.bound);
        bound = setup.bound;
        if (setup.judgedBy !== undefined) await seeRefusal(installation, { namespace: setup.namespace, size: setup.judgedBy });
        // A hundred policies answer so seldom that a round needs longer to have enough answers.
        const roundMs = setup.bound === 100 ? 2 * durationMs : durationMs;
        results.get(setup.name)?.push(await measure(installation, { setup, generator, durationMs: roundMs }));
      }
    }
    if (bound > 0) await bind(installation, bound, 0);
    return rowsOf(results, `median of ${rounds} interleaved rounds of ${durationMs} ms (100/vap ${2 * durationMs} ms)`);
  } finally {
    generator.close();
    empty.close();
  }
};

const RATIOS = [
  ['100/writ', '100/vap', 'apiserver/pods/100/writ-over-vap'],
  ['12/writ', '12/vap', 'apiserver/pods/12/writ-over-vap'],
  ['100/writ', 'empty-webhook', 'apiserver/pods/100/writ-over-empty-webhook'],
  ['12/writ', 'empty-webhook', 'apiserver/pods/12/writ-over-empty-webhook'],
  ['1/writ', 'empty-webhook', 'apiserver/pods/1/writ-over-empty-webhook'],
] as const;

/** What a busy machine hardly changes: processor time of API server and webhook together, how much less the one takes. */
const PROCESSOR_RATIOS = SIZES.map(
  (size) => [`${size}/writ`, 'empty-webhook', `apiserver/pods/${size}/cpu/writ-over-empty-webhook`] as const,
);

const HOW: Readonly<Record<string, string>> = {
  none: 'a namespace that nothing governs',
  'empty-webhook': 'a bare node:https server that parses the review and allows it',
  writ: 'the tenant of that many policies; 101 are loaded and unselected ones are skipped by the index',
  vap: 'the same expressions as ValidatingAdmissionPolicies, bound only while measured',
};

const rowsOf = (results: ReadonlyMap<string, readonly Round[]>, base: string): readonly BenchRow[] => {
  const bytes = Buffer.byteLength(JSON.stringify(agentPod({ namespace: NONE })));
  const load = `dry-run creates of a ${bytes}-byte pod on ${CONNECTIONS} keep-alive connections, ${base}`;
  const rows = [...results].flatMap(([name, rounds]): BenchRow[] => {
    const how = `${load}; ${HOW[name.split('/').at(-1) ?? ''] ?? ''}`;
    const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs);
    const costs = ['api-server', 'webhook'].flatMap((process, index): BenchRow[] => {
      const each = rounds.flatMap(({ costsUs }) => costsUs[index] ?? []);
      if (each.length === 0) return [];
      const said = `processor time of the ${process} alone; ${how}`;
      return [{ name: `apiserver/pods/${name}/cpu/${process}`, unit: 'µs/req', value: rounded(median(each)), how: said }];
    });
    return [
      { name: `apiserver/pods/${name}`, unit: 'req/s', value: rounded(median(rounds.map(({ perSecond }) => perSecond))), how },
      { name: `apiserver/pods/${name}/p50`, unit: 'ms', value: rounded(quantile(latencies, 0.5)), how },
      { name: `apiserver/pods/${name}/p99`, unit: 'ms', value: rounded(quantile(latencies, 0.99)), how },
      ...costs,
    ];
  });
  const ratios = RATIOS.map(([over, under, name]): BenchRow => {
    const unders = results.get(under) ?? [];
    const each = (results.get(over) ?? []).map(({ perSecond }, turn) => perSecond / (unders[turn]?.perSecond ?? Number.NaN));
    return { name, unit: '×', value: rounded(median(each)), how: `median of the ratios of req/s within each round; ${base}` };
  });
  const sum = (round: Round | undefined): number => (round?.costsUs ?? []).reduce((all, cost) => all + cost, 0);
  const processorRatios = PROCESSOR_RATIOS.flatMap(([over, under, name]): BenchRow[] => {
    const unders = results.get(under) ?? [];
    const each = (results.get(over) ?? []).map((round, turn) => sum(unders[turn]) / sum(round)).filter(Number.isFinite);
    const how = `median of the ratios of processor time a request, API server and webhook together, within each round; ${base}`;
    return each.length === 0 ? [] : [{ name, unit: '×', value: rounded(median(each)), how }];
  });
  return [...rows, ...ratios, ...processorRatios];
};
