// SPDX-License-Identifier: Apache-2.0
/**
 * Every Policy object of the cluster, judged: whose seal it carries, whether it compiles, what it needs the API server to
 * ask about. The operator judges for status and for the webhook's scope only; each replica judges for itself again. A
 * policy past its date is still in the book: replicas close what it matches, so the API server must go on asking.
 */
import type { Inventory } from '../../crds/inventory.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { Informer } from '../../kube/informer.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { createJudge, rememberJudgements } from '../../policies/policy-object.ts';
import type { Judged } from '../../policies/policy-object.ts';
import type { Proving } from '../../policies/trust/evidence-task.ts';
import type { Clock } from '../../process/clock.ts';
import type { LivePolicy } from './live.ts';
import type { TrustHolder } from './trust-policy.ts';

/** What may be enforced whatever the objects say now: what replicas tell, and what commits order them to keep. */
export type Enforced = { readonly replicas: readonly ReplicaReport[]; readonly inventories: readonly Inventory[] };

export type PolicyBook = {
  judge(object: LivePolicy): Judged;
  /** Has proven in other threads what judging these objects asks for, all of them where none are named. */
  prepare(objects?: readonly LivePolicy[]): Promise<void>;
  /** All that verify and compile, those past their date too. */
  compiled(): readonly CompiledPolicy[];
  /** Whether `compiled` holds all that any replica may still enforce: only then may less be asked than before. */
  coversAll(enforced: Enforced): boolean;
};

type BookDeps = {
  readonly policies: Pick<Informer<LivePolicy>, 'list'>;
  readonly trust: Pick<TrustHolder, 'current'>;
  readonly clock: Clock;
  readonly proving: Proving;
};

export const createPolicyBook = ({ policies, trust, clock, proving }: BookDeps): PolicyBook => {
  const judgements = rememberJudgements(createJudge(proving.memory));
  const judge = (object: LivePolicy): Judged => {
    const state = trust.current();
    return state.ok ? judgements.judge(object, state.trust, clock.now()) : state;
  };
  const judgeAll = (): ReadonlyMap<string, Judged> => {
    const judged = new Map(policies.list().map((object) => [object.metadata.name, judge(object)]));
    judgements.forgetUnseen();
    return judged;
  };
  return {
    judge,
    prepare: async (objects = policies.list()) => {
      const state = trust.current();
      if (state.ok) await proving.ahead(judgements.toVerify(objects, state.trust, clock.now()), state.trust);
    },
    compiled: () => [...judgeAll().values()].flatMap((judged) => (judged.ok ? judged.document.compiled : [])),
    coversAll: ({ replicas, inventories }) => {
      const judged = judgeAll();
      const holds = (name: string, digest: string): boolean => {
        const found = judged.get(name);
        return found?.ok === true && found.document.digest === digest;
      };
      return (
        [...judged.values()].every(({ ok }) => ok) &&
        replicas.every((report) => Object.entries(report.policies).every(([name, digest]) => holds(name, digest))) &&
        inventories.every(({ documents }) => documents.every(({ kind, name, digest }) => kind !== 'Policy' || holds(name, digest)))
      );
    },
  };
};
