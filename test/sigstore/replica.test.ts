// SPDX-License-Identifier: Apache-2.0
// A keyless seal at a webhook replica: the trusted root comes with the trust policy, may come late, and once it is there
// neither its loss nor another one in its place opens or closes anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../policies/document/digest.ts';
import { rememberJudgements } from '../../policies/judge-memory.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { NOW, policyBytes, trustBytes } from '../../policies/trust/test-trust.ts';
import { createLoader } from '../../webhook/policyset/loader.ts';
import type { LoaderState, Observed } from '../../webhook/policyset/loader.ts';
import { fakeClock } from '../fake-clock.ts';
import { createSigstore } from './index.ts';

test('a replica believes a keyless policy as soon as the pinned root is there, and keeps it', async () => {
  const sigstore = createSigstore();
  const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
  const root = sigstore.trustedRoot();
  const document = trustBytes({ principals: [{ name: 'ci', identity }], trustedRoot: root });
  const bundle = JSON.stringify(sigstore.seal({ content: { message: policyBytes }, identity, atMs: NOW - 86_400_000 }));
  const trustPolicy = (trustedRoot?: string): Observed['trustPolicy'] => ({
    metadata: { name: 'cluster' },
    signature: { document: document.toString(), ...(trustedRoot === undefined ? {} : { trustedRoot }) },
  });
  const policy = { metadata: { name: 'pinned' }, signature: { document: policyBytes.toString(), bundles: [bundle] } };
  let observed: Observed = {
    trustPolicy: trustPolicy(),
    sealed: [policy],
    inventories: [],
    unreadableInventories: [],
    marks: [],
  };
  const states: LoaderState[] = [];
  const loader = createLoader({
    clock: fakeClock(),
    observe: () => observed,
    pinnedTrustDigest: digestOf(document),
    judgements: rememberJudgements(),
    proving: provingHere(),
    onState: (state) => states.push(state),
    onFlip: () => undefined,
    onBug: (error) => assert.fail(String(error)),
  });
  const show = async (
    trustedRoot?: string,
  ): Promise<readonly [enforced: readonly string[], refused: string | undefined, trust: string | undefined]> => {
    observed = { ...observed, trustPolicy: trustPolicy(trustedRoot) };
    loader.request();
    await loader.settled();
    const state = states.at(-1);
    return [loader.current.set.policies.map(({ name }) => name), state?.refused.get('Policy/pinned')?.code, state?.trustProblem?.code];
  };
  assert.deepEqual(await show(), [[], 'TRUST_ROOT_MISSING', undefined]);
  assert.deepEqual(await show(root.toString()), [['pinned'], undefined, undefined]);
  assert.deepEqual(await show(), [['pinned'], undefined, undefined]);
  assert.deepEqual(await show('{}'), [['pinned'], undefined, 'TRUST_ROOT_MISMATCH']);
  loader.close();
});
