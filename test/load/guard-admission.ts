// SPDX-License-Identifier: Apache-2.0
/**
 * What the guard costs whoever writes a sealed Policy: the same writes by a real API server with it and without it.
 *
 * In: how much. Out: rows `custody/admission/…`, by key and keyless: p50 and p99 of the write with the guard and without it, and
 * what it adds. An installation of its own, whose trust policy pins the root of a Sigstore of our own. Each policy is written
 * as a dry run, one after the other on one connection, and none that is measured was ever seen by the guard: all of its seals are proven
 * while the write waits. With and without take turns, so that a busy machine strikes both.
 */
import { createHash } from 'node:crypto';
import { validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { seal } from '../../policies/trust/seal.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { until } from '../scenario/until.ts';
import { createSigstore } from '../sigstore/index.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { openConnection, postBytes } from './keep-alive-connection.ts';
import type { Connection, PostTarget } from './keep-alive-connection.ts';

const GUARD = { name: 'writ-guard' };
const PROOFS = ['key', 'keyless'] as const;
type Proof = (typeof PROOFS)[number];
const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
const sigstore = createSigstore();
const SIGNED_AT_MS = Date.UTC(2026, 0, 15, 12);

const specOf = (index: number): object => ({
  version: 1,
  title: `Policy ${index} of those that are measured`,
  matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }] },
  validations: [{ expression: `object.metadata.name != 'refused-${index}'`, message: 'this name is taken' }],
});

/** The JSON of an object that nobody has seen. */
const objectOf = (proof: Proof, index: number, { signer }: Installation): string => {
  const head = { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: `${proof}-${index}` }, spec: specOf(index) };
  const document = `${JSON.stringify(head)}\n`;
  const bytes = Buffer.from(document);
  const bundle =
    proof === 'key'
      ? seal(bytes, signer.privateKey)
      : JSON.stringify(sigstore.seal({ content: { message: bytes }, identity, atMs: SIGNED_AT_MS, log: 1 }));
  return JSON.stringify({ ...head, signature: { document, bundles: [bundle] } });
};

const install = (say: (step: string) => void): Promise<Installation> => {
  const trustedRoot = sigstore.trustedRoot();
  return installWrit({
    documents: { 'trusted_root.json': trustedRoot.toString() },
    controlPlane: { controllerManager: false },
    interval: '30m',
    onStep: say,
    trust: ({ name, publicPem }) =>
      `${JSON.stringify({
        apiVersion: 'writ.dev/v1alpha1',
        kind: 'TrustPolicy',
        metadata: { name: 'cluster' },
        spec: {
          version: 1,
          principals: [
            { name, publicKeys: [{ pem: publicPem }] },
            { name: 'ci', identity },
          ],
          rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: [name, 'ci'] }] }],
          trustedRootSha256: createHash('sha256').update(trustedRoot).digest('hex'),
        },
      })}\n`,
  });
};

type Bench = { readonly writ: Installation; readonly target: PostTarget; readonly connection: Connection };

const write = async ({ target, connection }: Bench, body: string): Promise<number> =>
  (await connection.exchange(postBytes(target, body))).status;

/** Asked or not: an object without a seal tells. */
const settle = (bench: Bench, isAsked: boolean): Promise<unknown> => {
  const bare = JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: 'bare' }, spec: specOf(0) });
  return until(async () => ((await write(bench, bare)) === 201) !== isAsked, {
    what: `the guard to be ${isAsked ? 'asked' : 'left out'}`,
    withinMs: 30_000,
  });
};

const timed = async (bench: Bench, bodies: readonly string[]): Promise<readonly number[]> => {
  const timesMs: number[] = [];
  for (const body of bodies) {
    const request = postBytes(bench.target, body);
    const startedMs = performance.now();
    const answer = await bench.connection.exchange(request);
    timesMs.push(performance.now() - startedMs);
    if (answer.status !== 201) throw new Error(`a sealed policy was refused: ${answer.text()}`);
  }
  return timesMs;
};

export type GuardAdmissionOptions = { readonly rounds: number; readonly writes: number; readonly say: (step: string) => void };

export const measureGuardAdmission = async ({ rounds, writes, say }: GuardAdmissionOptions): Promise<readonly BenchRow[]> => {
  await using writ = await install(say);
  await until(async () => (await writ.client.get<KubeObject>(validatingWebhookConfigurations, GUARD)) !== undefined, { what: 'the guard' });
  const configuration = await writ.client.get<KubeObject>(validatingWebhookConfigurations, GUARD);
  if (configuration === undefined) throw new Error('the guard is gone');
  // Else it would put the configuration back in the middle of a round without it.
  await writ.operator.stop('SIGTERM', 5000);
  const { url, caData, token } = writ.plane;
  const target = { url: `${url}/apis/writ.dev/v1alpha1/policies?dryRun=All`, ca: Buffer.from(caData, 'base64').toString(), token };
  const bench: Bench = { writ, target, connection: await openConnection(target) };
  const times: Record<Proof, { with: number[]; without: number[] }> = {
    key: { with: [], without: [] },
    keyless: { with: [], without: [] },
  };
  try {
    for (let round = -1; round < rounds; round += 1) {
      say(round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`);
      const bodies = (proof: Proof): readonly string[] =>
        Array.from({ length: writes }, (_, index) => objectOf(proof, (round + 1) * writes + index, writ));
      const both = PROOFS.map((proof) => ({ proof, all: bodies(proof) }));
      await settle(bench, true);
      for (const { proof, all } of both) {
        const measured = await timed(bench, all);
        if (round >= 0) times[proof].with.push(...measured);
      }
      await writ.client.delete(validatingWebhookConfigurations, GUARD);
      await settle(bench, false);
      for (const { proof, all } of both) {
        const measured = await timed(bench, all);
        if (round >= 0) times[proof].without.push(...measured);
      }
      const { resourceVersion: _, uid: _uid, managedFields: _fields, ...metadata } = configuration.metadata;
      await writ.client.create(validatingWebhookConfigurations, { ...configuration, metadata });
    }
  } finally {
    bench.connection.close();
  }
  return PROOFS.flatMap((proof) =>
    [0.5, 0.99].flatMap((share) => {
      const [withGuard, without] = [quantile(times[proof].with, share), quantile(times[proof].without, share)];
      const name = `custody/admission/${proof}/p${share * 100}`;
      const how = `${times[proof].with.length} dry-run creates of a Policy sealed ${proof === 'key' ? 'by key' : 'keyless'}, one after the other; none was seen by the guard before`;
      return [
        { name, unit: 'ms', value: rounded(withGuard), how: `${how}; the API server asks the guard` },
        { name: `${name}/without`, unit: 'ms', value: rounded(without), how: `${how}; nobody is asked` },
        { name: `${name}/added`, unit: 'ms', value: rounded(withGuard - without), how: `${how}; the difference of the two` },
      ];
    }),
  );
};
