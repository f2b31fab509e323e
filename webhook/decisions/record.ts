// SPDX-License-Identifier: Apache-2.0
/**
 * What is kept of a decision: enough to say afterwards what was asked, under which set, and which policy said what.
 *
 * In: the request, the outcome, the time it took. Out: one flat JSON object, written as a line. Documents' digests and
 * signers stand in the `policy set` line that every flip writes, under the same set digest: a decision under 100
 * policies stays small. Dry runs are decided and recorded, never metered.
 */
import { hash } from 'node:crypto';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import type { Decision, Verdict } from '../../policies/decide/index.ts';
import type { ProblemCode } from '../../policies/problem.ts';

export type DecisionRecord = {
  readonly msg: 'decision';
  readonly id: string;
  /** RFC 3339. */
  readonly time: string;
  readonly uid: string;
  readonly tenant: string;
  readonly namespace: string;
  /** `group/version, Kind`, as the API server names it in the same place. */
  readonly kind: string;
  readonly subResource?: string;
  readonly name: string;
  readonly operation: string;
  readonly user: string;
  readonly dryRun: boolean;
  readonly metered: boolean;
  readonly verdict: Verdict;
  /** Why nothing could be decided; no policy ran. */
  readonly closed?: ProblemCode;
  /** A sealed policy ended in an error or ran out of steps, forgiven or not: it did not decide. */
  readonly unevaluated?: true;
  readonly setDigest: string;
  readonly trustDigest: string;
  readonly revisions: Readonly<Record<string, string>>;
  /** Policies that ran and had nothing to say. */
  readonly allowed: readonly string[];
  readonly spoke: readonly {
    readonly policy: string;
    readonly digest: string;
    readonly verdict: Verdict;
    readonly signers: readonly string[];
    /** Nobody has sealed it, so it only notes. */
    readonly unsigned?: true;
  }[];
  readonly violations: readonly {
    readonly policy: string;
    readonly version: number;
    readonly rule: number;
    readonly reason: string;
    readonly cause: string;
    readonly message: string;
    readonly expression?: string;
  }[];
  /** `sha256:…` of the object's JSON text as the API server sent it. */
  readonly objectDigest?: string;
  readonly durationUs: number;
};

/** Which documents a set digest stands for; written at every flip, before the first decision under it. */
export type SetRecord = {
  readonly msg: 'policy set';
  readonly time: string;
  readonly setDigest: string;
  readonly trustDigest: string;
  readonly revisions: Readonly<Record<string, string>>;
  readonly closed?: ProblemCode;
  readonly policies: readonly {
    readonly policy: string;
    readonly version: number;
    readonly digest: string;
    readonly signers: readonly string[];
    readonly unsigned?: true;
    /** Why what it matches is closed, where a newer trust policy has taken its seals away. */
    readonly withdrawn?: ProblemCode;
  }[];
};

/** A batch of receipts that is on disk: by this line elsewhere a spool can be held to how far it once reached. */
export type ReceiptsRecord = {
  readonly msg: 'receipts';
  readonly time: string;
  readonly replica: string;
  readonly batch: number;
  readonly size: number;
  readonly lost: number;
  readonly digest: string;
};

export type RecordInput = {
  readonly id: string;
  readonly request: AdmissionRequest;
  readonly tenant: string;
  readonly objectDigest: string | undefined;
  readonly enforced: {
    readonly trustDigest: string;
    readonly revisions: Readonly<Record<string, string>>;
    readonly signers: ReadonlyMap<string, readonly string[]>;
  };
  readonly decision: Decision | undefined;
  readonly closed: ProblemCode | undefined;
  readonly timeMs: number;
  readonly durationMs: number;
};

/** Made from what was asked and the set that answered: the same bytes under the same set have the same id. */
export const decisionId = (uid: string, setDigest: string, objectDigest: string | undefined): string =>
  `d-${hash('sha256', `${uid}\n${setDigest}\n${objectDigest ?? ''}`, 'hex').slice(0, 20)}`;

const NOBODY: readonly string[] = [];
const UNSIGNED = { unsigned: true } as const;

export const recordOf = (input: RecordInput): DecisionRecord => {
  const { id, request, tenant, objectDigest, enforced, decision, closed, timeMs, durationMs } = input;
  const allowed: string[] = [];
  const spoke: DecisionRecord['spoke'][number][] = [];
  for (const { policy, digest, verdict } of decision?.evaluated ?? []) {
    if (verdict === 'Allow') allowed.push(policy);
    else {
      const signers = enforced.signers.get(policy);
      spoke.push({ policy, digest, verdict, signers: signers ?? NOBODY, ...(signers?.length === 0 ? UNSIGNED : {}) });
    }
  }
  const { group, version, kind } = request.kind;
  return {
    msg: 'decision',
    id,
    time: new Date(timeMs).toISOString(),
    uid: request.uid,
    tenant,
    namespace: request.namespace,
    kind: `${group === '' ? version : `${group}/${version}`}, ${kind}`,
    ...(request.subResource === '' ? {} : { subResource: request.subResource }),
    name: request.name,
    operation: request.operation,
    user: request.userInfo.username,
    dryRun: request.dryRun,
    metered: !request.dryRun,
    verdict: decision?.verdict ?? 'Deny',
    ...(closed === undefined ? {} : { closed }),
    ...(decision?.unevaluated === true ? { unevaluated: true } : {}),
    setDigest: decision?.setDigest ?? '',
    trustDigest: enforced.trustDigest,
    revisions: enforced.revisions,
    allowed,
    spoke,
    violations: (decision?.violations ?? []).map(({ policy, version, rule, reason, cause, message, expression }) => ({
      policy,
      version,
      rule,
      reason,
      cause,
      message,
      ...(expression === undefined ? {} : { expression }),
    })),
    ...(objectDigest === undefined ? {} : { objectDigest }),
    durationUs: Math.round(durationMs * 1000),
  };
};
