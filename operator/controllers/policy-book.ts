// SPDX-License-Identifier: Apache-2.0
/**
 * Every Policy object of the cluster, judged: whose seal it carries, whether it compiles, what it needs the API server to
 * ask about. The operator judges for status and for the webhook's scope only; each replica judges for itself again. A
 * policy past its date is still in the book: replicas close what it matches, so the API server must go on asking.
 */
import { createHash } from 'node:crypto';
import type { Policy } from '../../crds/generated/types.ts';
import type { Inventory } from '../../crds/inventory.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { Informer } from '../../kube/informer.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { Problem } from '../../policies/problem.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { verifyPolicyObject } from '../../policies/trust/policy-object.ts';
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
      /** Epoch ms; at and after it the policy closes what it matches. */
      readonly expiresMs: number | undefined;
      readonly signers: readonly string[];
      /** Undefined where its expressions do not compile. */
      readonly compiled: CompiledPolicy | undefined;
      readonly compileProblem: Problem | undefined;
    }
  | { readonly ok: false; readonly problem: Problem };

/** What may be enforced whatever the objects say now: what replicas tell, and what commits order them to keep. */
export type Enforced = { readonly replicas: readonly ReplicaReport[]; readonly inventories: readonly Inventory[] };

export type PolicyBook = {
  judge(object: LivePolicy): Judgement;
  /** All that verify and compile, those past their date too. */
  compiled(): readonly CompiledPolicy[];
  /** Whether `compiled` holds all that any replica may still enforce: only then may less be asked than before. */
  coversAll(enforced: Enforced): boolean;
};

type BookDeps = { readonly policies: Pick<Informer<LivePolicy>, 'list'>; readonly trust: TrustHolder; readonly clock: Clock };

/** A refusal may depend on the time (a key that is not valid yet), so it is looked at again, as often as replicas do. */
export const REFUSAL_LASTS_MS = 60_000;

type Remembered = { readonly key: string; readonly judgement: Judgement; readonly atMs: number };

export const createPolicyBook = ({ policies, trust, clock }: BookDeps): PolicyBook => {
  const cache = new Map<string, Remembered>();
  const judge = (object: LivePolicy): Judgement => {
    const state = trust.current();
    if (!state.ok) return { ok: false, problem: state.problem };
    const { document, bundles = [] } = object.signature ?? {};
    const key = createHash('sha256')
      .update(JSON.stringify([document, bundles, state.trust.digest]))
      .digest('base64');
    const known = cache.get(object.metadata.name);
    const atMs = clock.now();
    if (known?.key === key && (known.judgement.ok || atMs - known.atMs < REFUSAL_LASTS_MS)) return known.judgement;
    const judgement = judgeBytes(object, state.trust, atMs);
    cache.set(object.metadata.name, { key, judgement, atMs });
    return judgement;
  };
  const judgeAll = (): ReadonlyMap<string, Judgement> => {
    const judged = new Map(policies.list().map((object) => [object.metadata.name, judge(object)]));
    for (const name of cache.keys()) if (!judged.has(name)) cache.delete(name);
    return judged;
  };
  return {
    judge,
    compiled: () => [...judgeAll().values()].flatMap((judgement) => (judgement.ok && judgement.compiled ? [judgement.compiled] : [])),
    coversAll: ({ replicas, inventories }) => {
      const judged = judgeAll();
      const holds = (name: string, digest: string): boolean => {
        const judgement = judged.get(name);
        return judgement?.ok === true && judgement.digest === digest;
      };
      return (
        [...judged.values()].every((judgement) => judgement.ok && judgement.compiled !== undefined) &&
        replicas.every((report) => Object.entries(report.policies).every(([name, digest]) => holds(name, digest))) &&
        inventories.every(({ documents }) => documents.every(({ kind, name, digest }) => kind !== 'Policy' || holds(name, digest)))
      );
    },
  };
};

const judgeBytes = (object: LivePolicy, trust: Trust, nowMs: number): Judgement => {
  const outcome = verifyPolicyObject(object, trust, nowMs);
  if (!outcome.ok) return outcome;
  const { object: policy, digest, version, expires: expiresMs, parsed } = outcome.document;
  const { set, refused } = compilePolicies([{ policy, digest, positionOf: (path) => parsed.positionOf(path) }]);
  const [compiled] = set.policies;
  const compileProblem = refused[0]?.problems[0];
  return { ok: true, policy, digest, version, expiresMs, signers: outcome.signers, compiled, compileProblem };
};
