// SPDX-License-Identifier: Apache-2.0
/**
 * What seals cost: one verification by each sort of proof, and a thousand keyless ones at once in a replica that serves.
 *
 * In: nothing. Out: rows `custody/…`. Keyless seals are of a Sigstore of our own (test/sigstore) made like the public one: root and
 * intermediate of P-384, leaves of P-256 with all that Fulcio writes of a GitHub workflow and an SCT, an entry in Rekor, and a
 * timestamp. A thousand are verified as a replica does it
 * when the trust policy changes: by its loader, in worker threads, while the delay of the event loop is watched.
 */
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { digestOf } from '../../policies/document/digest.ts';
import { rememberJudgements } from '../../policies/judge-memory.ts';
import { createJudge } from '../../policies/policy-object.ts';
import type { SealedObject } from '../../policies/policy-object.ts';
import { createEvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { proveAhead } from '../../policies/trust/evidence-task.ts';
import type { EvidenceTask, Proving } from '../../policies/trust/evidence-task.ts';
import type { EvidenceOutcome } from '../../policies/trust/evidence.ts';
import { verify } from '../../policies/trust/index.ts';
import { seal, sealStatement } from '../../policies/trust/seal.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { NOW, keyed, policyBytes, trustBytes, trustOf } from '../../policies/trust/test-trust.ts';
import { systemClock } from '../../process/clock.ts';
import { createSlices } from '../../process/slices.ts';
import { createWorkerPool, workersHere } from '../../process/worker-pool.ts';
import { createLoader } from '../../webhook/policyset/loader.ts';
import type { LoaderState } from '../../webhook/policyset/loader.ts';
import { p256, p384 } from '../sigstore/certificates.ts';
import { createSigstore } from '../sigstore/index.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
/** What Fulcio writes of a workflow: github.com/sigstore/fulcio, docs/oid-info.md. */
const oids = {
  2: 'push',
  3: COMMIT,
  4: 'Seal the policies',
  5: 'acme/policies',
  6: 'refs/heads/main',
  9: identity.subject,
  10: COMMIT,
  11: 'github-hosted',
  12: 'https://git.example.com/acme/policies',
  13: COMMIT,
  14: 'refs/heads/main',
  15: '1234567890',
  16: 'https://git.example.com/acme',
  17: '123456789',
  18: identity.subject,
  19: COMMIT,
  20: 'push',
  21: 'https://git.example.com/acme/policies/actions/runs/12345678901/attempts/1',
  22: 'public',
};
const SIGNED_AT = NOW - 86_400_000;
const MANY = 1000;

const sigstore = createSigstore(p384);
const keys = {
  'P-256': p256(),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  Ed25519: generateKeyPairSync('ed25519'),
  'RSA-4096': generateKeyPairSync('rsa', { modulusLength: 4096 }),
} as const;

const keyless = (bytes: Uint8Array, log: 1 | 2): string =>
  JSON.stringify(sigstore.seal({ content: { message: bytes }, identity: { ...identity, oids }, atMs: SIGNED_AT, log, timestamps: 1 }));

const proofs = (): Readonly<Record<string, string>> => {
  const byKey = Object.fromEntries(Object.entries(keys).map(([name, { privateKey }]) => [name, seal(policyBytes, privateKey)]));
  const statement = writeStatement('approval', [{ name: 'policies/pinned.yaml', digest: digestOf(policyBytes) }], {});
  return {
    ...byKey,
    statement: sealStatement(statement, keys['P-256'].privateKey),
    'keyless-rekor-v1': keyless(policyBytes, 1),
    'keyless-rekor-v2': keyless(policyBytes, 2),
  };
};

const verificationRows = (times: number): readonly BenchRow[] => {
  const trust = trustOf({
    principals: [{ name: 'ci', identity }, ...Object.entries(keys).map(([name, { publicKey }]) => keyed(name.toLowerCase(), publicKey))],
    trustedRoot: sigstore.trustedRoot(),
  });
  return Object.entries(proofs()).flatMap(([name, bundle]) => {
    const timesMs: number[] = [];
    for (let round = -20; round < times; round += 1) {
      const startedMs = performance.now();
      const outcome = verify(policyBytes, [bundle], trust, NOW);
      if (round >= 0) timesMs.push(performance.now() - startedMs);
      if (!outcome.ok) throw new Error(`${name}: ${outcome.problem.message}`);
    }
    const how = `${times} verifications of one policy in one thread, bundle and document parsed each time, nothing remembered`;
    return [0.5, 0.99].map((share) => ({
      name: `custody/verify/${name}/p${share * 100}`,
      unit: 'ms',
      value: rounded(quantile(timesMs, share)),
      how,
    }));
  });
};

const policyObject = (index: number): SealedObject => {
  const name = `policy-${index}`;
  const document = policyBytes.toString().replace('name: pinned', `name: ${name}`);
  return { metadata: { name }, signature: { document, bundles: [keyless(Buffer.from(document), 1)] } };
};

/** Each pins another root, and is sealed by the one key that may. */
const trustVersions = () => {
  const keeper = p256();
  const link = (version: number, trustedRoot: Buffer, more: { readonly revoked?: object } = {}) => {
    const principals = [{ name: 'ci', identity }, keyed('keeper', keeper.publicKey)];
    const bytes = trustBytes({ principals, trustedRoot, version, kinds: ['Policy', 'TrustPolicy'], ...more });
    return {
      document: bytes.toString(),
      bundles: [seal(bytes, keeper.privateKey)],
      trustedRoot: trustedRoot.toString(),
      digest: digestOf(bytes),
    };
  };
  const root = sigstore.trustedRoot();
  // One log less that nothing here needs: another file.
  const next = sigstore.trustedRoot((changed) => {
    const logs: unknown = changed['tlogs'];
    Object.assign(changed, { tlogs: Array.isArray(logs) ? logs.slice(0, 1) : [] });
  });
  const first = link(1, root);
  const second = link(2, next);
  const third = link(3, next, { revoked: { principals: ['nobody'] } });
  return { first, versions: [{ ...first }, { ...second, chain: [first] }, { ...third, chain: [first, second] }] };
};

type Look = { readonly durationMs: number; readonly lagMs: number; readonly busyMs: number };

/** The longest stretch of this thread's own processor time between two turns of its loop: the lag without that of the machine. */
const watchTurns = (): (() => number) => {
  const usedMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let longestMs = 0;
  let beforeMs = usedMs();
  let isOn = true;
  const turn = (): void => {
    const nowMs = usedMs();
    longestMs = Math.max(longestMs, nowMs - beforeMs);
    beforeMs = nowMs;
    if (isOn) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOn = false;
    return longestMs;
  };
};

const reverifications = async (): Promise<readonly Look[]> => {
  const clock = { ...systemClock, now: () => NOW };
  const policies = Array.from({ length: MANY }, (_, index) => policyObject(index));
  const { first, versions } = trustVersions();
  const pool = createWorkerPool<EvidenceTask, EvidenceOutcome | undefined>({
    file: new URL('../sigstore/evidence-worker.ts', import.meta.url),
    clock: systemClock,
    size: workersHere(),
  });
  const memory = createEvidenceMemory();
  const proving: Proving = {
    memory,
    ahead: (artifacts, trust) => proveAhead({ artifacts, trust, memory, run: pool.run, rest: createSlices(systemClock).rest }),
  };
  let signature = versions[0];
  let state: LoaderState | undefined;
  const loader = createLoader({
    clock,
    observe: () => ({
      trustPolicy: { metadata: { name: 'cluster' }, ...(signature === undefined ? {} : { signature }) },
      sealed: policies,
      inventories: [],
      unreadableInventories: [],
      marks: [],
    }),
    pinnedTrustDigest: first.digest,
    judgements: rememberJudgements(createJudge(memory)),
    proving,
    onState: (next) => {
      state = next;
    },
    onFlip: () => undefined,
    onBug: (error) => {
      throw error;
    },
  });
  const looks: Look[] = [];
  for (const version of versions) {
    signature = version;
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const busyMs = watchTurns();
    const startedMs = performance.now();
    loader.request();
    await loader.settled();
    const durationMs = performance.now() - startedMs;
    delay.disable();
    looks.push({ durationMs, lagMs: delay.max / 1e6, busyMs: busyMs() });
    const good = state?.documents.length ?? 0;
    if (good !== MANY || (state?.refused.size ?? 0) > 0 || loader.trust?.digest !== version.digest)
      throw new Error(`${good} of ${MANY} are good`);
  }
  loader.close();
  await pool.close();
  return looks;
};

const lookRows = (name: string, look: Look | undefined, what: string): readonly BenchRow[] => {
  if (look === undefined) return [];
  const how = `a replica verifies ${MANY} keyless policies anew, ${workersHere()} worker threads; ${what}`;
  return [
    { name: `custody/${name}/duration`, unit: 'ms', value: rounded(look.durationMs), how },
    {
      name: `custody/${name}/loop-lag-max`,
      unit: 'ms',
      value: rounded(look.lagMs),
      how: `${how}; the longest that anything else had to wait, for other processes of the machine too`,
    },
    {
      name: `custody/${name}/loop-busy-max`,
      unit: 'ms',
      value: rounded(look.busyMs),
      how: `${how}; the longest processor time of the serving thread between two turns of its loop`,
    },
  ];
};

export const measureCustody = async ({ times }: { readonly times: number }): Promise<readonly BenchRow[]> => {
  const verified = verificationRows(times);
  const [start, otherRoot, sameRoot] = await reverifications();
  return [
    ...verified,
    ...lookRows('start-1000', start, 'at its start, compilation included, by code that runs for the first time'),
    ...lookRows('reverify-1000', otherRoot, 'the trust policy pins another trusted root, so every proof is made anew'),
    ...lookRows('reverify-1000/same-root', sameRoot, 'the trust policy changes and its root does not, so proofs are remembered'),
  ];
};
