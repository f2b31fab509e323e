// SPDX-License-Identifier: Apache-2.0
/**
 * Every Policy object of the cluster, judged: whose seal it carries, whether it compiles, what it needs the API server to
 * ask about. The operator judges for status and for the webhook's scope only; each replica judges for itself again.
 */
import { createHash } from 'node:crypto';
import type { Policy } from '../../crds/generated/types.ts';
import type { Informer } from '../../kube/informer.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { Problem } from '../../policies/problem.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { verifyArtifact } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { Clock } from '../../process/clock.ts';
import type { LivePolicy } from './live.ts';
import type { TrustHolder } from './trust-policy.ts';

export type Judgement =
  | {
      readonly ok: true;
      readonly policy: Policy;
      readonly digest: string;
      readonly version: number;
      readonly signers: readonly string[];
      /** Why its expressions do not compile, if so. */
      readonly compileProblem: Problem | undefined;
    }
  | { readonly ok: false; readonly problem: Problem };

export type PolicyBook = {
  judge(object: LivePolicy): Judgement;
  /** All that verify and compile now. */
  compiled(): readonly CompiledPolicy[];
};

type BookDeps = { readonly policies: Informer<LivePolicy>; readonly trust: TrustHolder; readonly clock: Clock };

export const createPolicyBook = ({ policies, trust, clock }: BookDeps): PolicyBook => {
  const cache = new Map<string, { readonly key: string; readonly judgement: Judgement }>();
  const judge = (object: LivePolicy): Judgement => {
    const state = trust.current();
    if (!state.ok) return { ok: false, problem: state.problem };
    if (object.signature === undefined) {
      return {
        ok: false,
        problem: { code: 'POLICY_UNSIGNED', message: `policy ${object.metadata.name} carries no signed document`, path: 'signature' },
      };
    }
    const { document, bundles = [] } = object.signature;
    const key = createHash('sha256')
      .update(JSON.stringify([document, bundles, state.trust.digest]))
      .digest('base64');
    const known = cache.get(object.metadata.name);
    // Expiry moves a verdict with time, not with bytes: what is past its date is looked at again.
    if (known?.key === key && !isPast(known.judgement, clock.now())) return known.judgement;
    const judgement = judgeBytes(object, state.trust, clock.now());
    cache.set(object.metadata.name, { key, judgement });
    return judgement;
  };
  return {
    judge,
    compiled: () => {
      const good = policies.list().flatMap((object) => {
        const judgement = judge(object);
        return judgement.ok && judgement.compileProblem === undefined ? [{ policy: judgement.policy, digest: judgement.digest }] : [];
      });
      return compilePolicies(good).set.policies;
    },
  };
};

const isPast = (judgement: Judgement, nowMs: number): boolean =>
  judgement.ok && judgement.policy.spec.expires !== undefined && Date.parse(judgement.policy.spec.expires) <= nowMs;

const judgeBytes = ({ metadata, signature }: LivePolicy, trust: Trust, nowMs: number): Judgement => {
  const { document = '', bundles = [] } = signature ?? {};
  const verified = verifyArtifact({ bytes: Buffer.from(document), bundles, file: `Policy/${metadata.name}` }, trust, nowMs);
  if (!verified.ok) return { ok: false, problem: verified.problem };
  const signed = verified.document;
  if (signed.kind !== 'Policy' || signed.name !== metadata.name) {
    const message = `the document is ${signed.kind}/${signed.name}, the object Policy/${metadata.name}`;
    return { ok: false, problem: { code: 'POLICY_NAME_MISMATCH', message } };
  }
  const input = {
    policy: signed.object,
    digest: signed.digest,
    positionOf: (path: readonly (string | number)[]) => signed.parsed.positionOf(path),
  };
  return {
    ok: true,
    policy: signed.object,
    digest: signed.digest,
    version: signed.version,
    signers: verified.signers.map((signer) => signer.name),
    compileProblem: compilePolicies([input]).refused[0]?.problems[0],
  };
};
