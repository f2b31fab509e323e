// SPDX-License-Identifier: Apache-2.0
// The guard proves keyless seals in other threads before it rules, and rules the same whatever becomes of those.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDocument } from '../../policies/document/index.ts';
import { createEvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { createProver, proveAhead } from '../../policies/trust/evidence-task.ts';
import type { EvidenceTask, Proving } from '../../policies/trust/evidence-task.ts';
import type { EvidenceOutcome } from '../../policies/trust/evidence.ts';
import { NOW, policyBytes } from '../../policies/trust/test-trust.ts';
import { createVerifyAhead } from '../../webhook/guard/ahead.ts';
import { handleGuard } from '../../webhook/guard/index.ts';
import { answerOf, reviewOf } from '../../webhook/guard/test-guard.ts';
import { viewOf } from '../../webhook/guard/test-view.ts';
import { fakeClock } from '../fake-clock.ts';
import { key, keyless, sigstore, text, trust } from './keyless-world.ts';

const sealedBy = (bundle: string) => {
  const parsed = parseDocument(policyBytes, 'policies/pinned.yaml');
  assert.ok(parsed.ok);
  const signature = { document: policyBytes.toString(), bundles: [bundle] };
  return { metadata: { name: 'pinned' }, spec: parsed.document.value['spec'], signature };
};

/** A guard whose threads do `run`; what it says of a new policy with this seal. */
const guardBy = (run: (task: EvidenceTask) => Promise<EvidenceOutcome | undefined>) => {
  const memory = createEvidenceMemory();
  const proving: Proving = {
    memory,
    ahead: (artifacts, by) => proveAhead({ artifacts, trust: by, memory, run, rest: () => false }),
  };
  const deps = {
    view: () => viewOf(trust, { atMs: NOW, evidence: memory }),
    waiting: { settle: <T>(judge: () => T) => judge(), wake: () => undefined },
    systemNamespace: 'writ-system',
    ahead: createVerifyAhead(fakeClock(NOW), proving),
  };
  return async (bundle: string): Promise<string> => {
    const { allowed, code } = answerOf(await handleGuard(reviewOf({ after: sealedBy(bundle) }), deps));
    return allowed ? 'pass' : code;
  };
};

describe('a keyless seal at admission', () => {
  it('is proven in another thread, once', async () => {
    const prove = createProver();
    let ran = 0;
    const said = guardBy(async (task) => ((ran += 1), prove(task)));
    const bundle = text(keyless());
    assert.deepEqual([await said(bundle), await said(bundle), ran], ['pass', 'pass', 1]);
  });

  it('counts as that thread found it', async () => {
    const said = guardBy(async () => ({ ok: false, problem: { code: 'SEAL_LOG', message: 'told so' } }));
    assert.equal(await said(text(keyless())), 'SEAL_LOG');
  });

  it('is proven here where that thread ends or knows nothing', async () => {
    for (const run of [async () => Promise.reject(new Error('it ended')), async () => undefined]) {
      assert.equal(await guardBy(run)(text(keyless())), 'pass');
    }
  });

  it('is no work for a thread where it is a signature by a key alone', async () => {
    let ran = 0;
    const said = guardBy(async () => ((ran += 1), undefined));
    assert.equal(await said(text(sigstore.seal({ content: { message: policyBytes }, key, atMs: NOW, log: 'none' }))), 'pass');
    assert.equal(ran, 0);
  });
});
