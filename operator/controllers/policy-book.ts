// SPDX-License-Identifier: Apache-2.0
/**
 * Every sealed document of the cluster, judged: whose seal it carries, whether it compiles, what it needs the API server
 * to ask about. The operator judges for status and for the webhook's scope only; each replica judges for itself again. A
 * policy past its date is still in the book: replicas close what it matches, so the API server must go on asking.
 */
import type { Inventory } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { Informer } from '../../kube/informer.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { documentKey } from '../../policies/currency/index.ts';
import type { Marks } from '../../policies/currency/index.ts';
import { rememberJudgements } from '../../policies/judge-memory.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import { createSealedJudge } from '../../policies/sealed-object.ts';
import type { Proving } from '../../policies/trust/evidence-task.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveRuleset, LiveSealed } from './live.ts';
import type { StandingRelease } from './requirements.ts';
import type { TrustHolder } from './trust-policy.ts';

/**
 * What may be enforced whatever the objects say now: what replicas tell, what commits order them to keep, and, since anybody may
 * have written those, what the marks know.
 */
export type Enforced = {
  readonly replicas: readonly ReplicaReport[];
  readonly inventories: readonly Inventory[];
  readonly marks: Marks;
};

export type PolicyBook = {
  judge(object: LiveSealed): Judged;
  /** Has proven in other threads what judging these objects asks for, all of them where none are named. */
  prepare(objects?: readonly LiveSealed[]): Promise<void>;
  /** The rulesets that verify, with what they require. */
  releases(): readonly StandingRelease[];
  /** All that verify and compile, those past their date too. */
  compiled(): readonly CompiledPolicy[];
  /** Whether `compiled` holds all that any replica may still enforce: only then may less be asked than before. */
  coversAll(enforced: Enforced): boolean;
};

type BookDeps = {
  /** All of them; each says its kind, but Policies. */
  readonly sealed: { list(): readonly LiveSealed[] };
  readonly rulesets: Pick<Informer<LiveRuleset>, 'list'>;
  readonly trust: Pick<TrustHolder, 'current'>;
  readonly clock: Clock;
  readonly proving: Proving;
};

/** What the API server is to be asked about comes from these. */
const ORDERS: ReadonlySet<string> = new Set<PolicyDocument['kind']>(['Policy', 'Ruleset']);

const releaseOf = (judged: Judged): readonly StandingRelease[] => {
  if (!judged.ok || judged.document.ruleset === undefined) return [];
  const { name, digest, retired, ruleset } = judged.document;
  const { release, requires = [], publisher } = ruleset.spec;
  return [{ name, digest, retired, release, requires, publisherTier: publisher?.tier }];
};

export const createPolicyBook = ({ sealed, rulesets, trust, clock, proving }: BookDeps): PolicyBook => {
  const judgements = rememberJudgements(createSealedJudge(proving.memory));
  const judge = (object: LiveSealed): Judged => {
    const state = trust.current();
    return state.ok ? judgements.judge(object, state.trust, clock.now()) : state;
  };
  const judgeAll = (): ReadonlyMap<string, Judged> => {
    const judged = new Map(
      sealed.list().map((object) => [documentKey({ kind: object.kind ?? 'Policy', name: object.metadata.name }), judge(object)] as const),
    );
    judgements.forgetUnseen();
    return judged;
  };
  return {
    judge,
    prepare: async (objects = sealed.list()) => {
      const state = trust.current();
      if (state.ok) await proving.ahead(judgements.toVerify(objects, state.trust, clock.now()), state.trust);
    },
    releases: () => rulesets.list().flatMap((object) => releaseOf(judge(object))),
    compiled: () => [...judgeAll().values()].flatMap((judged) => (judged.ok ? judged.document.compiled : [])),
    coversAll: ({ replicas, inventories, marks }) => {
      const judged = judgeAll();
      const holds = (kind: string, name: string, digest: string): boolean => {
        const found = judged.get(documentKey({ kind, name }));
        return found?.ok === true && found.document.digest === digest;
      };
      const holdsAll = (kind: string, held: Readonly<Record<string, string>>): boolean =>
        Object.entries(held).every(([name, digest]) => holds(kind, name, digest));
      const reaches = (mark: Mark): boolean => {
        const found = judged.get(documentKey(mark));
        return found?.ok === true && found.document.version >= mark.version;
      };
      return (
        [...judged].every(([key, { ok }]) => ok || !ORDERS.has(key.slice(0, key.indexOf('/')))) &&
        [...marks.values()].every((mark) => !ORDERS.has(mark.kind) || mark.gone === true || reaches(mark)) &&
        replicas.every((report) => holdsAll('Policy', report.policies) && holdsAll('Ruleset', report.rulesets ?? {})) &&
        inventories.every(({ documents }) => documents.every(({ kind, name, digest }) => !ORDERS.has(kind) || holds(kind, name, digest)))
      );
    },
  };
};
