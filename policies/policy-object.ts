// SPDX-License-Identifier: Apache-2.0
/**
 * A Policy object → the policy that its bytes order, or a coded refusal: seal, schema, kind and name, compilation.
 *
 * In: an object of the cluster, a `Trust`, the time. Out: a `Judged`. Only `signature` counts; `spec` beside it is for
 * people. Pure and total. There is one such function, because operator and replicas must come to the same answer, or the
 * API server would ask about less than replicas enforce. A document past its end (its own, or that of the seals without
 * which it would not be good) is judged as of its last moment: what it matches is closed, so it must still be known;
 * whether it has ended is the caller's to ask of `expiresMs`. So all processes change at one moment, however long they run.
 */
import { hash } from 'node:crypto';
import type { Policy, Ruleset } from '../crds/generated/types.ts';
import { compilePolicies } from './compile/index.ts';
import type { CompiledPolicy } from './compile/index.ts';
import { durationMs } from './document/duration.ts';
import { createMemo } from './memo.ts';
import type { Problem } from './problem.ts';
import { verifyArtifact } from './trust/index.ts';
import type { Artifact, Trust, VerifyOutcome } from './trust/index.ts';

/** What is believed of an object: its name and the bytes under seal. */
export type SealedObject = {
  /** Of the object itself, where it is told; what the document says must agree. */
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly signature?: {
    readonly document: string;
    readonly bundles?: readonly string[];
    /** Of a trust policy. */
    readonly trustedRoot?: string;
    /** Of a ruleset. */
    readonly members?: readonly { readonly path: string; readonly document: string }[];
  };
};

/** A document whose seal counts. */
export type SignedPolicy = {
  readonly kind: 'Policy' | 'Ruleset';
  readonly name: string;
  /** `sha256:…` of the signed bytes. */
  readonly digest: string;
  readonly version: number;
  /** When it ends: by its own word, or because too few of its seals still count. Milliseconds since the epoch. */
  readonly expiresMs: number | undefined;
  /** How long it goes on as it was after that, by its own word, before what it matches is closed. */
  readonly graceMs: number;
  /** Whether its own word ends it, not its seals. */
  readonly endsItself: boolean;
  /** It ends the versions before it, and matches nothing. */
  readonly retired: boolean;
  /** What it orders: a Policy itself, a Ruleset its members. */
  readonly policies: readonly Policy[];
  readonly signers: readonly string[];
  /** Of a Ruleset: what the document says. */
  readonly ruleset?: Ruleset;
};

/** One that can be enforced too. `compiled` has one for each of `policies`, in their order; none where it is retired. */
export type PolicyDocument = SignedPolicy & { readonly compiled: readonly CompiledPolicy[] };

/** From when on what it matches is closed; `undefined` = never. */
export const closesAtMs = ({ expiresMs, graceMs }: SignedPolicy): number | undefined =>
  expiresMs === undefined ? undefined : expiresMs + graceMs;

/** Of a retired one there is nothing to close. */
export const isClosed = (document: SignedPolicy, atMs: number): boolean =>
  !document.retired && (closesAtMs(document) ?? Number.POSITIVE_INFINITY) <= atMs;

/** Past its end, and going on as it was for the time that it asks for itself. */
export const isInGrace = (document: SignedPolicy, atMs: number): boolean =>
  document.expiresMs !== undefined && document.expiresMs <= atMs && !isClosed(document, atMs);

/** `untilMs`: from when on it must be judged anew, since time alone may change it: its signers, its end, a refusal. */
export type Judged = { readonly untilMs?: number | undefined } & (
  | { readonly ok: true; readonly document: PolicyDocument }
  /** `signed`: the seal counts, and the expressions do not compile. */
  | { readonly ok: false; readonly problem: Problem; readonly signed?: SignedPolicy }
);

export type Judge = (object: SealedObject, trust: Trust, atMs: number) => Judged;

/** For people: what a policy past its end ran into. */
export const describeEnd = ({ version, endsItself, expiresMs = 0, graceMs }: SignedPolicy): string => {
  const ended = `ended at ${new Date(expiresMs).toISOString()}`;
  const grace = graceMs === 0 ? '' : `, its grace period at ${new Date(expiresMs + graceMs).toISOString()}`;
  return endsItself ? `version ${version} ${ended}${grace}` : `the seals of version ${version} ${ended}`;
};

type Ends = Pick<Extract<VerifyOutcome, { ok: true }>, 'document' | 'endsMs' | 'sealsEndMs'>;

/** Grace is the document's word: it lets nothing go on without the seals. */
export const endOf = ({ document, endsMs, sealsEndMs }: Ends): Pick<SignedPolicy, 'expiresMs' | 'graceMs' | 'endsItself'> => {
  const { expires } = document;
  if (expires === undefined || endsMs === undefined || endsMs <= expires) {
    return { expiresMs: endsMs, graceMs: 0, endsItself: false };
  }
  const asked = document.kind === 'Tenant' ? 0 : durationMs(document.object.spec.gracePeriod ?? '');
  const graceMs = Math.max(0, Math.min(asked, (sealsEndMs ?? Number.POSITIVE_INFINITY) - expires));
  return { expiresMs: expires, graceMs, endsItself: true };
};

/** As of now or, where time alone has ended it, as of the last moment at which it was good: nothing is read that had no good seal then. */
export const verifyAsOf = (artifact: Artifact, trust: Trust, atMs: number): VerifyOutcome => {
  const now = verifyArtifact(artifact, trust, atMs);
  let then = now;
  // Each turn is earlier than the one before, and a document with eight seals has nine at most.
  while (!then.ok && then.turn.lapsedMs !== undefined) then = verifyArtifact(artifact, trust, then.turn.lapsedMs);
  return then.ok ? { ...then, turn: now.turn } : now;
};

/** As `verifyArtifact`, but for a document past its end that goes on for a while by its own word: that is still what a commit may hold. */
export const verifyInGrace = (artifact: Artifact, trust: Trust, atMs: number): VerifyOutcome => {
  const outcome = verifyAsOf(artifact, trust, atMs);
  if (!outcome.ok) return outcome;
  const { expiresMs, graceMs } = endOf(outcome);
  const closesMs = (expiresMs ?? Number.POSITIVE_INFINITY) + graceMs;
  if (expiresMs === undefined || atMs < expiresMs) return outcome;
  if (closesMs <= atMs) return verifyArtifact(artifact, trust, atMs);
  return { ...outcome, turn: { ...outcome.turn, untilMs: Math.min(outcome.turn.untilMs ?? Number.POSITIVE_INFINITY, closesMs) } };
};

export const judgePolicyObject: Judge = ({ metadata: { name }, signature }, trust, atMs) => {
  const refuse = (problem: Problem): Judged => ({ ok: false, problem });
  if (signature === undefined) {
    return refuse({ code: 'POLICY_UNSIGNED', message: `policy ${name} carries no signed document`, path: 'signature' });
  }
  const { document: text, bundles = [] } = signature;
  const outcome = verifyAsOf({ bytes: Buffer.from(text), bundles, file: `policies/${name}.yaml` }, trust, atMs);
  const { untilMs } = outcome.turn;
  if (!outcome.ok) return { ok: false, problem: outcome.problem, untilMs };
  const { document } = outcome;
  if (document.kind !== 'Policy' || document.name !== name) {
    const message = `the object is Policy ${name}, its document is ${document.kind} ${document.name}`;
    return refuse({ code: 'POLICY_NAME_MISMATCH', message });
  }
  const { object: policy, digest, version, parsed } = document;
  const signed: SignedPolicy = {
    kind: 'Policy',
    name,
    digest,
    version,
    ...endOf(outcome),
    retired: policy.spec.retired === true,
    policies: [policy],
    signers: outcome.signers.map((signer) => signer.name),
  };
  const { set, refused } = compilePolicies([{ policy, digest, positionOf: (path) => parsed.positionOf(path) }]);
  if (refused.length === 0) return { ok: true, document: { ...signed, compiled: set.policies }, untilMs };
  const problem: Problem = refused[0]?.problems[0] ?? { code: 'DOCUMENT_INVALID', message: `policy ${name} does not compile` };
  return { ok: false, problem, signed, untilMs };
};

/** A refusal may depend on more than is known here (a trusted root that comes later), so it is looked at again. */
export const REFUSAL_LASTS_MS = 60_000;

export type JudgeMemory = {
  /** Known bytes under the same trust cost nothing. */
  readonly judge: Judge;
  /** Forgets what was not asked for since the last call: after a look at all objects, what no object holds any more. */
  forgetUnseen(): void;
};

type Remembered = { readonly judged: Judged; readonly atMs: number };

/** A clock that was put back makes no judgement of the future current. */
const isCurrent = ({ judged, atMs: judgedMs }: Remembered, atMs: number): boolean =>
  judgedMs <= atMs && (judged.untilMs === undefined || atMs < judged.untilMs) && (judged.ok || atMs - judgedMs < REFUSAL_LASTS_MS);

export const rememberJudgements = (judge: Judge = judgePolicyObject): JudgeMemory => {
  const memo = createMemo<Remembered>();
  // The same object in the cache of an informer has the same bytes.
  const keys = new WeakMap<SealedObject, string>();
  const keyOf = (object: SealedObject): string => {
    const known = keys.get(object);
    if (known !== undefined) return known;
    const { document = '', bundles = [], members = [] } = object.signature ?? {};
    const signed = object.signature === undefined ? 'unsigned' : hash('sha256', document, 'base64url');
    const others = hash('sha256', JSON.stringify([bundles, members]), 'base64url');
    const key = `${object.kind ?? 'Policy'} ${object.metadata.name} ${signed} ${others}`;
    keys.set(object, key);
    return key;
  };
  return {
    judge: (object, trust, atMs) => {
      // The root may come after the trust policy that pins it.
      const key = `${trust.digest} ${trust.root.ok} ${keyOf(object)}`;
      const known = memo.recall(key);
      if (known !== undefined && isCurrent(known, atMs)) return known.judged;
      const judged = judge(object, trust, atMs);
      memo.keep(key, { judged, atMs });
      return judged;
    },
    forgetUnseen: () => memo.sweep(),
  };
};
