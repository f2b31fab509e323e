// SPDX-License-Identifier: Apache-2.0
// Proof made ahead in other threads: the same answers as without, whatever becomes of the threads.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isRecord } from '../../crds/wire.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { verifyArtifact } from '../../policies/trust/index.ts';
import type { Artifact, Trust } from '../../policies/trust/index.ts';
import { createEvidenceMemory, evidenceKey } from '../../policies/trust/evidence-memory.ts';
import { createProver, evidenceTasks, proveAhead } from '../../policies/trust/evidence-task.ts';
import type { EvidenceTask } from '../../policies/trust/evidence-task.ts';
import type { EvidenceOutcome } from '../../policies/trust/evidence.ts';
import { NOW, keyed, policyBytes, trustOf } from '../../policies/trust/test-trust.ts';
import { systemClock } from '../../process/clock.ts';
import { createWorkerPool } from '../../process/worker-pool.ts';
import { p256 } from './certificates.ts';
import { createSigstore } from './index.ts';
import type { SealOptions } from './index.ts';

const SIGNED_AT = NOW - 86_400_000;
const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
const sigstore = createSigstore();
const key = p256();
const trustedRoot = sigstore.trustedRoot();
const principals = [{ name: 'ci', identity }, keyed('held', key.publicKey)];
const trust = trustOf({ principals, trustedRoot });
const text = (options: Partial<SealOptions>): string =>
  JSON.stringify(sigstore.seal({ content: { message: policyBytes }, atMs: SIGNED_AT, ...options }));
const artifactOf = (...bundles: readonly string[]): Artifact => ({ bytes: policyBytes, bundles, file: 'policies/pinned.yaml' });

const bundles: Readonly<Record<string, string>> = {
  'keyless, Rekor v1': text({ identity }),
  'keyless, Rekor v2': text({ identity, log: 2 }),
  'a key with a log entry': text({ key }),
  'a key with a timestamp': text({ key, log: 'none', timestamps: 1 }),
  'a stranger': text({ identity: { ...identity, subject: 'https://evil.example.com' } }),
  'another authority': JSON.stringify(createSigstore().seal({ content: { message: policyBytes }, atMs: SIGNED_AT, identity })),
};

const pool = createWorkerPool<EvidenceTask, EvidenceOutcome | undefined>({
  file: new URL('evidence-worker.ts', import.meta.url),
  clock: systemClock,
  size: 2,
});
after(() => pool.close());

const gist = (artifact: Artifact, by: Trust): string => {
  const outcome = verifyArtifact(artifact, by, NOW);
  return outcome.ok ? JSON.stringify(outcome.seals) : JSON.stringify(outcome.problems);
};

const signatureIn = (bundle: object): object => {
  const { messageSignature }: { messageSignature: { signature: string } } = JSON.parse(JSON.stringify(bundle));
  return { signature: messageSignature.signature };
};

describe('evidence proven in another thread', () => {
  for (const [what, bundle] of Object.entries(bundles)) {
    it(`of ${what} gives the answer that is given without`, async () => {
      const memory = createEvidenceMemory();
      const artifact = artifactOf(bundle);
      let ran = 0;
      const run = (task: EvidenceTask) => ((ran += 1), pool.run(task));
      await proveAhead({ artifacts: [artifact], trust, memory, run, rest: () => false });
      assert.equal(ran, 1);
      // All of it is there: nothing is left to be proven here.
      assert.deepEqual(evidenceTasks(artifact, trust, memory), []);
      assert.equal(gist({ ...artifact, evidence: memory }, trust), gist(artifact, trust));
    });
  }

  it('is nothing for a plain key, another document or what is no bundle', () => {
    const tasks = (artifact: Artifact) => evidenceTasks(artifact, trust, createEvidenceMemory()).length;
    assert.equal(tasks(artifactOf(text({ key, log: 'none' }), '{', text({ key: p256() }))), 0);
    assert.equal(tasks({ ...artifactOf(text({ identity })), bytes: Buffer.from('other') }), 0);
  });

  it('is nothing where the signature is that of another document', () => {
    const of = (options: Partial<SealOptions>): object => sigstore.seal({ content: { message: policyBytes }, atMs: SIGNED_AT, ...options });
    const other = Buffer.from('other');
    for (const by of [{ identity }, { key }]) {
      const [own, taken] = [of(by), of({ ...by, content: { message: other } })];
      assert.ok('messageSignature' in own && isRecord(own.messageSignature));
      const forged = JSON.stringify({ ...own, messageSignature: { ...own.messageSignature, ...signatureIn(taken) } });
      assert.equal(evidenceTasks(artifactOf(JSON.stringify(own)), trust, createEvidenceMemory()).length, 1);
      assert.equal(evidenceTasks(artifactOf(forged), trust, createEvidenceMemory()).length, 0);
      assert.match(gist(artifactOf(forged), trust), /SEAL_SIGNATURE/);
    }
  });

  it('is asked for once, and again under another root', async () => {
    const memory = createEvidenceMemory();
    const artifact = artifactOf(text({ identity }));
    await proveAhead({ artifacts: [artifact], trust, memory, run: (task) => pool.run(task), rest: () => false });
    const stricter = trustOf({ principals, trustedRoot, revoked: { principals: ['held'] } });
    assert.equal(evidenceTasks(artifact, stricter, memory).length, 0);
    const other = trustOf({ principals, trustedRoot: createSigstore().trustedRoot() });
    assert.equal(evidenceTasks(artifact, other, memory).length, 1);
  });

  it('of one document is none of another', () => {
    const memory = createEvidenceMemory();
    const bundle = text({ identity });
    assert.ok(trust.root.ok);
    memory.keep(evidenceKey(bundle, { digest: digestOf(Buffer.from('other')), rootDigest: trust.root.root.digest }), {
      ok: true,
      timesMs: [0],
    });
    const outcome = verifyArtifact({ ...artifactOf(bundle), evidence: memory }, trust, NOW);
    assert.equal(outcome.ok && outcome.seals[0]?.signedAtMs, SIGNED_AT + 1000);
  });

  it('that cannot be had is proven by the check itself', async () => {
    const memory = createEvidenceMemory();
    const artifact = artifactOf(text({ identity }));
    await proveAhead({ artifacts: [artifact], trust, memory, run: () => Promise.reject(new Error('died')), rest: () => false });
    assert.ok(verifyArtifact({ ...artifact, evidence: memory }, trust, NOW).ok);
  });

  it('keeps so much in hand and no more', async () => {
    let most = 0;
    let now = 0;
    const prover = createProver();
    const artifacts = Array.from({ length: 200 }, (_, index) => {
      const bytes = Buffer.from(`${index}`);
      return { bytes, bundles: [JSON.stringify(sigstore.seal({ content: { message: bytes }, atMs: SIGNED_AT, identity }))], file: 'f' };
    });
    const memory = createEvidenceMemory();
    const run = async (task: EvidenceTask) => {
      most = Math.max(most, (now += 1));
      await Promise.resolve();
      now -= 1;
      return prover({ ...task, bundle: '' });
    };
    await proveAhead({ artifacts, trust, memory, run, rest: () => false });
    assert.ok(most <= 64, `${most}`);
  });
});

it('a memory holds what was asked for last', () => {
  const memory = createEvidenceMemory(2);
  const outcome: EvidenceOutcome = { ok: true, timesMs: [] };
  memory.keep('a', outcome);
  memory.keep('b', outcome);
  memory.recall('a');
  memory.keep('c', outcome);
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => memory.recall(name) !== undefined),
    [true, false, true],
  );
});
