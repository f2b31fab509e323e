// SPDX-License-Identifier: Apache-2.0
/**
 * A Policy object → the policy that its bytes order, or a coded refusal: seal, schema, kind and name, compilation.
 *
 * In: an object of the cluster, a `Trust`, the time. Out: a `Judged`. Only `signature` counts; `spec` beside it is for
 * people, but for a trust policy that lets unsigned ones take part. Pure and total. There is one such function, because operator and replicas must come to the same answer, or the
 * API server would ask about less than replicas enforce. A document past its end (its own, or that of the seals without
 * which it would not be good) is judged as of its last moment: what it matches is closed, so it must still be known;
 * whether it has ended is the caller's to ask of `expiresMs`. So all processes change at one moment, however long they run.
 * One that a newer trust policy has taken the seals from (a key revoked, a principal gone) is `withdrawn`: known, and closed.
 */
import type { License, Policy, PriceBook, Ruleset, TierCatalog } from '../crds/generated/objects.ts';
import { API_VERSION } from '../crds/kinds.ts';
import type { SealedKind } from '../crds/kinds.ts';
import { atOnce, finish } from './steps.ts';
import type { Steps } from './steps.ts';
import { compileInSteps } from './compile/index.ts';
import type { CompileInput, CompiledPolicy } from './compile/index.ts';
import { fileOf } from './currency/removal.ts';
import { durationMs } from './document/duration.ts';
import type { TierTable } from './entitlement/tier.ts';
import type { Problem } from './problem.ts';
import { verifyAsOf, verifyEver } from './trust/as-of.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';
import { verifyArtifact } from './trust/index.ts';
import type { Artifact, SignedDocument, Trust, VerifyOutcome } from './trust/index.ts';
import type { TrustSignature } from './trust/load.ts';
import { readUnsignedInSteps, unsignedDigest } from './trust/unsigned.ts';

/** What is believed of an object: its name and the bytes under seal. */
export type SealedObject = {
  /** Of the object itself, where it is told; what the document says must agree. */
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  /** For people, and for policies without a seal. */
  readonly spec?: unknown;
  readonly signature?: {
    readonly document: string;
    readonly bundles?: readonly string[];
    /** Of a trust policy. */
    readonly trustedRoot?: string;
    readonly chain?: NonNullable<TrustSignature['chain']>;
    /** Of a ruleset. */
    readonly members?: readonly { readonly path: string; readonly document: string }[];
  };
};

/** A document whose seal counts. */
export type SignedPolicy = {
  readonly kind: SealedKind;
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
  /** Why the trust policy in force lets it count no more: what it matches is closed until a good version comes. */
  readonly withdrawn?: Problem;
  /** It has no seal, takes part with nothing but notes, and never in the place of one that has. */
  readonly unsigned?: true;
  /** What it asks for, of one without a seal, which gets less. */
  readonly original?: Policy;
  /** It suspends policies from then until its end. */
  readonly breakGlass?: { readonly fromMs: number; readonly policies: readonly string[]; readonly reason: string };
  /** Of a Ruleset: what the document says. */
  readonly ruleset?: Ruleset;
  /** Of a document that orders no policies: what it says. */
  readonly entitlement?: TierCatalog | License | PriceBook;
  /** Of a TierCatalog that is not retired: the same, ready to be asked. */
  readonly table?: TierTable;
};

/** One that can be enforced too. `compiled` has one for each of `policies`, in their order; none where it is retired. */
export type PolicyDocument = SignedPolicy & {
  readonly compiled: readonly CompiledPolicy[];
  /** Judges the same bytes and seals anew, for when the trust policy changes. */
  readonly again: (trust: Trust, atMs: number) => Judged;
};

/** From when on what it matches is closed; `undefined` = never. */
export const closesAtMs = ({ expiresMs, graceMs }: SignedPolicy): number | undefined =>
  expiresMs === undefined ? undefined : expiresMs + graceMs;

/** Of one that is retired, or breaks glass, there is nothing to close. */
export const isClosed = (document: SignedPolicy, atMs: number): boolean =>
  !document.retired &&
  document.breakGlass === undefined &&
  (document.withdrawn !== undefined || (closesAtMs(document) ?? Number.POSITIVE_INFINITY) <= atMs);

/** Whether it suspends policies now. */
export const holdsGlassBroken = <D extends SignedPolicy>(
  document: D,
  atMs: number,
): document is D & { readonly breakGlass: NonNullable<SignedPolicy['breakGlass']>; readonly expiresMs: number } => {
  const { breakGlass, expiresMs, withdrawn } = document;
  return breakGlass !== undefined && withdrawn === undefined && breakGlass.fromMs <= atMs && expiresMs !== undefined && atMs < expiresMs;
};

/** Past its end, and going on as it was for the time that it asks for itself. */
export const isInGrace = (document: SignedPolicy, atMs: number): boolean =>
  document.breakGlass === undefined && document.expiresMs !== undefined && document.expiresMs <= atMs && !isClosed(document, atMs);

/** `untilMs`: from when on it must be judged anew, since time alone may change it: its signers, its end, a refusal. */
export type Judged = { readonly untilMs?: number | undefined } & (
  | { readonly ok: true; readonly document: PolicyDocument }
  /** `signed`: the seal counts, and the expressions do not compile. */
  | { readonly ok: false; readonly problem: Problem; readonly signed?: SignedPolicy }
);

export type Judge = (object: SealedObject, trust: Trust, atMs: number) => Judged;

/** The same, where compiling may be put aside: its steps take some milliseconds at most. */
export type JudgeInSteps = (object: SealedObject, trust: Trust, atMs: number) => Steps<Judged>;

/** Why what the document matches is closed. */
export const closingProblem = (document: SignedPolicy): Problem => {
  const { withdrawn, version } = document;
  return withdrawn === undefined
    ? { code: 'POLICY_EXPIRED', message: describeEnd(document) }
    : { ...withdrawn, message: `version ${version} was good under an earlier trust policy: ${withdrawn.message}` };
};

/** For people: what a policy past its end ran into. */
export const describeEnd = ({ version, endsItself, expiresMs = 0, graceMs }: SignedPolicy): string => {
  const ended = `ended at ${new Date(expiresMs).toISOString()}`;
  const grace = graceMs === 0 ? '' : `, its grace period at ${new Date(expiresMs + graceMs).toISOString()}`;
  return endsItself ? `version ${version} ${ended}${grace}` : `the seals of version ${version} ${ended}`;
};

const breakGlassOf = ({ kind, object }: SignedDocument): SignedPolicy['breakGlass'] => {
  const said = kind === 'Policy' ? object.spec.breakGlass : undefined;
  return said === undefined ? undefined : { fromMs: Date.parse(said.from), policies: said.policies, reason: said.reason };
};

type Ends = Pick<Extract<VerifyOutcome, { ok: true }>, 'document' | 'endsMs' | 'sealsEndMs'>;

/** Grace is the document's word: it lets nothing go on without the seals. */
export const endOf = ({ document, endsMs, sealsEndMs }: Ends): Pick<SignedPolicy, 'expiresMs' | 'graceMs' | 'endsItself'> => {
  const { expires } = document;
  if (expires === undefined || endsMs === undefined || endsMs <= expires) {
    return { expiresMs: endsMs, graceMs: 0, endsItself: false };
  }
  const asked =
    document.kind === 'Tenant' || document.kind === 'TierCatalog' || document.kind === 'PriceBook'
      ? undefined
      : document.object.spec.gracePeriod;
  const graceMs = Math.max(0, Math.min(durationMs(asked ?? ''), (sealsEndMs ?? Number.POSITIVE_INFINITY) - expires));
  return { expiresMs: expires, graceMs, endsItself: true };
};

/** What of the object is verified; undefined where it has no signature. */
export const artifactOf = ({ kind = 'Policy', metadata: { name }, signature }: SealedObject): Artifact | undefined =>
  signature === undefined
    ? undefined
    : { bytes: Buffer.from(signature.document), bundles: signature.bundles ?? [], file: fileOf({ kind, name }) };

type Context = {
  readonly object: SealedObject;
  readonly trust: Trust;
  readonly atMs: number;
  readonly again: PolicyDocument['again'];
};

/** As `verifyArtifact`, but for a document past its end that goes on for a while by its own word: that is still what a commit may hold. */
export const verifyInGrace = (artifact: Artifact, trust: Trust, atMs: number): VerifyOutcome => {
  const outcome = verifyAsOf(artifact, trust, atMs);
  if (!outcome.ok) return outcome;
  const { expiresMs, graceMs } = endOf(outcome);
  const closesMs = (expiresMs ?? Number.POSITIVE_INFINITY) + graceMs;
  if (expiresMs === undefined || atMs < expiresMs) return outcome;
  // Break-glass that is over holds up no commit: it only does nothing any more.
  if (breakGlassOf(outcome.document) !== undefined) return outcome;
  if (closesMs <= atMs) return verifyArtifact(artifact, trust, atMs);
  return { ...outcome, turn: { ...outcome.turn, untilMs: Math.min(outcome.turn.untilMs ?? Number.POSITIVE_INFINITY, closesMs) } };
};

const refuse = (problem: Problem, more: { readonly untilMs?: number | undefined } = {}): Judged => ({ ok: false, problem, ...more });

type Ordered = { readonly signed: SignedPolicy; readonly positionOf: CompileInput['positionOf']; readonly untilMs?: number | undefined };

const compiled = function* ({ signed, positionOf, untilMs }: Ordered, { again }: Context): Steps<Judged> {
  const { name, policies, digest, unsigned } = signed;
  const [policy] = policies;
  if (policy === undefined) return refuse({ code: 'DOCUMENT_INVALID', message: `policy ${name} orders nothing` });
  const compiledUnder = unsigned === true ? unsignedDigest(digest) : digest;
  const { set, refused } = yield* compileInSteps([{ policy, digest: compiledUnder, ...(positionOf === undefined ? {} : { positionOf }) }]);
  if (refused.length > 0) {
    const problem: Problem = refused[0]?.problems[0] ?? { code: 'DOCUMENT_INVALID', message: `policy ${name} does not compile` };
    return { ok: false, problem, signed, untilMs };
  }
  const all = unsigned === true ? set.policies.map((one): CompiledPolicy => ({ ...one, unsigned })) : set.policies;
  return { ok: true, document: { ...signed, compiled: all, again }, untilMs };
};

const nameMismatch = (name: string, is: string): Judged =>
  refuse({ code: 'POLICY_NAME_MISMATCH', message: `the object is Policy ${name}, its document is ${is}` });

/** What an object without a signature says, in one form wherever it is read; empty where it is too deep to be written down. */
const writtenOut = ({ metadata: { name }, spec = {} }: SealedObject): string => {
  const inOrder = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  try {
    return JSON.stringify({ apiVersion: API_VERSION, kind: 'Policy', metadata: { name }, spec }, inOrder);
  } catch {
    return '';
  }
};

export const unsignedBytes = (object: SealedObject): Uint8Array => Buffer.from(object.signature?.document ?? writtenOut(object));

/** Undefined: it is refused as any document without a seal is. */
const judgeUnsigned = function* (context: Context): Steps<Judged | undefined> {
  const { object, trust, atMs } = context;
  const { name } = object.metadata;
  const read = yield* readUnsignedInSteps({ bytes: unsignedBytes(object), file: fileOf({ kind: 'Policy', name }) }, trust, atMs);
  if (read === undefined) return undefined;
  if (!read.ok) return refuse(read.problems[0]);
  const { policy, original, parsed, digest, version, expires } = read;
  if (policy.metadata.name !== name) return nameMismatch(name, `Policy ${policy.metadata.name}`);
  const signed: SignedPolicy = {
    kind: 'Policy',
    name,
    digest,
    version,
    expiresMs: expires === undefined ? undefined : expires + 1,
    graceMs: 0,
    endsItself: true,
    retired: policy.spec.retired === true,
    policies: [policy],
    original,
    signers: [],
    unsigned: true,
  };
  return yield* compiled({ signed, positionOf: (path) => parsed.positionOf(path) }, context);
};

const judgeSealed = function* (artifact: Artifact, context: Context): Steps<Judged> {
  const { object, trust, atMs } = context;
  const { name } = object.metadata;
  const { outcome, withdrawn } = yield* verifyEver(artifact, trust, atMs);
  const { untilMs } = outcome.turn;
  if (!outcome.ok) return refuse(outcome.problem, { untilMs });
  const { document } = outcome;
  if (document.kind !== 'Policy' || document.name !== name) return nameMismatch(name, `${document.kind} ${document.name}`);
  const { object: policy, digest, version, parsed } = document;
  const glass = breakGlassOf(document);
  const signed: SignedPolicy = {
    kind: 'Policy',
    name,
    digest,
    version,
    ...endOf(outcome),
    retired: policy.spec.retired === true,
    policies: [policy],
    ...(glass === undefined ? {} : { breakGlass: glass }),
    signers: outcome.signers.map((signer) => signer.name),
    ...(withdrawn === undefined ? {} : { withdrawn }),
  };
  yield;
  return yield* compiled({ signed, positionOf: (path) => parsed.positionOf(path), untilMs }, context);
};

/** `evidence`: what was proven before of the seals' log entries and timestamps. */
export const createJudge = (evidence?: EvidenceMemory): JudgeInSteps => {
  const judge: JudgeInSteps = function* ({ metadata: { name }, signature, spec }, trust, atMs) {
    // No more of the object than is judged, since the document keeps it.
    const object = { metadata: { name }, ...(signature === undefined ? { spec } : { signature }) };
    const context = { object, trust, atMs, again: (by: Trust, nowMs: number) => finish(judge(object, by, nowMs)) };
    const artifact = artifactOf(object);
    const unsigned = artifact === undefined || artifact.bundles.length === 0 ? yield* judgeUnsigned(context) : undefined;
    if (unsigned !== undefined) return unsigned;
    if (artifact !== undefined) return yield* judgeSealed({ ...artifact, evidence }, context);
    return refuse({ code: 'POLICY_UNSIGNED', message: `policy ${name} carries no signed document`, path: 'signature' });
  };
  return judge;
};

export const judgePolicyObject: Judge = atOnce(createJudge());
