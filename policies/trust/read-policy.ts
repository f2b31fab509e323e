// SPDX-License-Identifier: Apache-2.0
// The bytes of one TrustPolicy → `Trust`. Whether they may be believed is load.ts's to say: here they are only read.
import { documentKey } from '../currency/index.ts';
import type {
  TrustPolicy,
  TrustPolicyCertificate,
  TrustPolicyIdentity,
  TrustPolicyPrincipal,
  TrustPolicyPublicKey,
} from '../../crds/generated/objects.ts';
import { digestOf } from '../document/digest.ts';
import { parseDocumentInSteps } from '../document/index.ts';
import type { JsonPath, ParsedDocument } from '../document/index.ts';
import { formatPath } from '../document/json.ts';
import { validateDocument } from '../document/validate.ts';
import { startOf } from '../problem.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { createRecent } from '../recent.ts';
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { readPublicKey } from './key.ts';
import { readTrustedRootInSteps } from './trusted-root.ts';
import type { Principal, RevokedIdentity, RootState, Trust, TrustedIdentity, TrustedKey } from './trust.ts';

export type LoadOutcome =
  | { readonly ok: true; readonly trust: Trust; /** What its bytes say. */ readonly spec: TrustPolicy['spec'] }
  | { readonly ok: false; readonly problem: Problem; /** All of them; `problem` is the first. */ readonly problems: readonly Problem[] };
type Refused = Extract<LoadOutcome, { ok: false }>;

/** The name of the file that `spec.trustedRootSha256` pins, beside the trust policy. */
export const TRUSTED_ROOT_FILE = 'trusted_root.json';

export type ReadOptions = {
  /** Names the document in problems. */
  readonly file: string;
  /** The bytes of `trusted_root.json`. Without them no keyless seal counts; others than the pinned ones are refused. */
  readonly trustedRoot?: Uint8Array | undefined;
  /** Roots that came with other versions, by `sha256:hex`, for one that came without its own. */
  readonly otherRoots?: ReadonlyMap<string, Uint8Array>;
};

const refuse = (problem: Problem, others: readonly Problem[] = []): Refused => ({ ok: false, problem, problems: [problem, ...others] });

const timeOf = (text: string | undefined, missing: number): number => (text === undefined ? missing : Date.parse(text));

type KeyPlace = { readonly document: ParsedDocument; readonly path: JsonPath };

const problemAt = (place: KeyPlace, code: ProblemCode, message: string): Problem => ({
  code,
  message,
  at: place.document.positionOf(place.path),
  path: formatPath(place.path),
});

type KeyOwner = { readonly principal: Principal; readonly minRsaBits: number };

const readKey = (
  entry: TrustPolicyPublicKey,
  { principal, minRsaBits }: KeyOwner,
  place: KeyPlace,
): { key: TrustedKey } | { problem: Problem } => {
  const read = readPublicKey(entry.pem);
  if (read === undefined) {
    const path = [...place.path, 'pem'];
    return { problem: problemAt({ ...place, path }, 'TRUST_KEY_INVALID', `a key of ${principal.name} is not a public key in PEM`) };
  }
  const bits = read.publicKey.asymmetricKeyDetails?.modulusLength ?? Number.POSITIVE_INFINITY;
  const weak: Problem = { code: 'SEAL_KEY_WEAK', message: `RSA of ${bits} bits, minRsaBits is ${minRsaBits}` };
  const refusal = read.refusal ?? (bits < minRsaBits ? weak : undefined);
  const validFromMs = timeOf(entry.validFor?.start, Number.NEGATIVE_INFINITY);
  const validUntilMs = timeOf(entry.validFor?.end, Number.POSITIVE_INFINITY);
  if (!(validFromMs <= validUntilMs)) {
    const path = [...place.path, 'validFor'];
    return { problem: problemAt({ ...place, path }, 'TRUST_INVALID', 'the key is never valid: start is not before end') };
  }
  return { key: { ...read, refusal, principal, validFromMs, validUntilMs } };
};

type Readings = {
  readonly principals: Map<string, Principal>;
  readonly keys: Map<string, TrustedKey>;
  readonly identities: TrustedIdentity[];
  readonly problems: Problem[];
};

const OID = /^[0-2](?:\.(?:0|[1-9][0-9]{0,9})){1,31}$/;

const readIdentity = (
  identity: TrustPolicyIdentity,
  principal: Principal,
  place: KeyPlace,
): { identity: TrustedIdentity } | { problem: Problem } => {
  const oids = new Map(Object.entries(identity.oids ?? {}));
  const wrong = [...oids.keys()].find((oid) => !OID.test(oid));
  if (wrong !== undefined) {
    const path = [...place.path, 'oids', wrong];
    return { problem: problemAt({ ...place, path }, 'TRUST_INVALID', 'it is not an object identifier, such as 1.3.6.1.4.1.57264.1.12') };
  }
  return { identity: { principal, issuer: identity.issuer, subject: identity.subject, oids } };
};

/** Whether one certificate could be both. */
const overlap = (one: TrustedIdentity, other: TrustedIdentity): boolean =>
  one.issuer === other.issuer &&
  one.subject === other.subject &&
  [...one.oids].every(([oid, text]) => (other.oids.get(oid) ?? text) === text);

const addKeys = (entry: TrustPolicyPrincipal, principal: Principal, place: KeyPlace, into: Readings): void => {
  for (const [index, key] of (entry.publicKeys ?? []).entries()) {
    const at = { ...place, path: [...place.path, 'publicKeys', index] };
    const read = readKey(key, { principal, minRsaBits: entry.minRsaBits ?? 0 }, at);
    if ('problem' in read) {
      into.problems.push(read.problem);
      continue;
    }
    // One key under two names would let one person fill a threshold of two.
    const other = into.keys.get(read.key.hint);
    if (other !== undefined)
      into.problems.push(problemAt(at, 'TRUST_KEY_SHARED', `this key is already listed under ${other.principal.name}`));
    into.keys.set(read.key.hint, read.key);
  }
};

const addIdentity = (entry: TrustPolicyIdentity, principal: Principal, place: KeyPlace, into: Readings): void => {
  const read = readIdentity(entry, principal, place);
  if ('problem' in read) return void into.problems.push(read.problem);
  const other = into.identities.find((known) => overlap(known, read.identity));
  if (other !== undefined)
    into.problems.push(problemAt(place, 'TRUST_IDENTITY_SHARED', `one certificate could be this principal and ${other.principal.name}`));
  into.identities.push(read.identity);
};

const readPrincipals = function* (policy: TrustPolicy, document: ParsedDocument): Steps<Readings> {
  const into: Readings = { principals: new Map(), keys: new Map(), identities: [], problems: [] };
  for (const [index, entry] of policy.spec.principals.entries()) {
    const { name, identity } = entry;
    const principal = { name };
    const place = { document, path: ['spec', 'principals', index] };
    if (into.principals.has(name)) into.problems.push(problemAt(place, 'TRUST_INVALID', `the principal ${name} is listed twice`));
    into.principals.set(name, principal);
    addKeys(entry, principal, place, into);
    if (identity !== undefined) addIdentity(identity, principal, { document, path: [...place.path, 'identity'] }, into);
    yield;
  }
  return into;
};

type RootOptions = Pick<ReadOptions, 'trustedRoot' | 'otherRoots'>;

/** A root that is given must be the pinned one; one that is not given is missed only by the seals that need it. */
const readRoot = function* (pinned: string | undefined, { trustedRoot, otherRoots }: RootOptions): Generator<undefined, RootState> {
  const refuse = (code: ProblemCode, message: string): RootState => ({ ok: false, problem: { code, message } });
  if (pinned === undefined) return refuse('TRUST_ROOT_MISSING', 'the trust policy pins no trusted root (spec.trustedRootSha256)');
  const bytes = trustedRoot ?? otherRoots?.get(`sha256:${pinned}`);
  if (bytes === undefined) return refuse('TRUST_ROOT_MISSING', `the file ${TRUSTED_ROOT_FILE} is not there`);
  const digest = digestOf(bytes);
  if (digest !== `sha256:${pinned}`) return refuse('TRUST_ROOT_MISMATCH', `its digest is ${digest}, pinned is sha256:${pinned}`);
  const read = yield* readTrustedRootInSteps(bytes);
  return read.ok ? read : refuse('TRUST_ROOT_INVALID', read.why);
};

const readRevokedIdentities = (
  entries: readonly TrustPolicyCertificate[],
  document: ParsedDocument,
): { readonly identities: readonly RevokedIdentity[]; readonly problems: readonly Problem[] } => {
  const identities = entries.map(({ issuer, subject, from, until }) => ({
    issuer,
    subject,
    fromMs: timeOf(from, Number.NEGATIVE_INFINITY),
    untilMs: timeOf(until, Number.POSITIVE_INFINITY),
  }));
  const problems = identities.flatMap(({ fromMs, untilMs }, index) => {
    const path = ['spec', 'revoked', 'certificates', index];
    return fromMs <= untilMs ? [] : [problemAt({ document, path }, 'TRUST_INVALID', 'it revokes nothing: from is not before until')];
  });
  return { identities, problems };
};

/** All of a trust policy but its root, which lies beside it. */
type Rootless =
  | {
      readonly ok: true;
      readonly trust: Omit<Trust, 'root'>;
      readonly spec: TrustPolicy['spec'];
      readonly problems: readonly Problem[];
    }
  | Refused;

/** The highest of each. */
const leastOf = (minimums: NonNullable<TrustPolicy['spec']['minimums']>): ReadonlyMap<string, number> => {
  const least = new Map<string, number>();
  for (const minimum of minimums) {
    const key = documentKey(minimum);
    least.set(key, Math.max(least.get(key) ?? 0, minimum.version));
  }
  return least;
};

const build = function* (policy: TrustPolicy, document: ParsedDocument): Steps<Rootless> {
  const { spec } = policy;
  const { principals, keys, identities, problems } = yield* readPrincipals(policy, document);
  const expires = spec.expires === undefined ? undefined : Date.parse(spec.expires);
  if (Number.isNaN(expires)) problems.push(problemAt({ document, path: ['spec', 'expires'] }, 'TRUST_INVALID', 'expires is not a time'));
  const revoked = readRevokedIdentities(spec.revoked?.certificates ?? [], document);
  problems.push(...revoked.problems);
  return {
    ok: true,
    spec,
    problems,
    trust: {
      digest: document.digest,
      version: spec.version,
      expires,
      principals,
      keys,
      identities,
      rules: spec.rules.map((rule) => ({
        kinds: new Set<string>(rule.kinds),
        publisherTiers: new Set<string>(rule.publisherTiers),
        tenants: new Set<string>(rule.tenants),
        allOf: rule.allOf.map((group) => ({ threshold: group.threshold, principals: new Set(group.principals) })),
      })),
      revoked: {
        principals: new Set(spec.revoked?.principals),
        keys: new Set(spec.revoked?.keys),
        documents: new Set(spec.revoked?.documents),
        identities: revoked.identities,
      },
      minimums: leastOf(spec.minimums ?? []),
      unsigned: spec.unsigned ?? 'Deny',
      predecessors: [],
      sealedMs: undefined,
    },
  };
};

const readingDocument = function* (bytes: Uint8Array, file: string): Generator<undefined, Rootless> {
  const parsed = yield* parseDocumentInSteps(bytes, file);
  yield;
  const outcome = parsed.ok ? validateDocument(parsed.document) : parsed;
  yield;
  if (!outcome.ok || !parsed.ok) {
    const [first, ...others] = outcome.ok ? [] : outcome.problems;
    return refuse(first ?? { code: 'TRUST_INVALID', message: 'it cannot be read', at: startOf(file) }, others);
  }
  if (outcome.kind !== 'TrustPolicy') {
    const message = `a ${outcome.kind} is no TrustPolicy`;
    return refuse({ code: 'TRUST_INVALID', message, at: parsed.document.positionOf(['kind']), path: 'kind' });
  }
  return yield* build(outcome.object, parsed.document);
};

/** A chain has as many, and all of them are read again when one is added. */
const lately = createRecent<Rootless>(64);

/** `readTrustPolicy` step by step: to read one takes milliseconds, the first of a process tens, and other work may go on between two. */
export const readingTrustPolicy = function* (bytes: Uint8Array, { file, ...roots }: ReadOptions): Steps<LoadOutcome> {
  const key = `${digestOf(bytes)} ${file}`;
  const read = lately.recall(key) ?? (yield* readingDocument(bytes, file));
  lately.keep(key, read);
  if (!read.ok) return read;
  yield;
  const root = yield* readRoot(read.spec.trustedRootSha256, roots);
  const isRootGood = root.ok || root.problem.code === 'TRUST_ROOT_MISSING';
  const rootProblems = isRootGood ? [] : [{ ...root.problem, at: { file: TRUSTED_ROOT_FILE, line: 1, column: 1 } }];
  const [first, ...others] = [...read.problems, ...rootProblems];
  return first === undefined ? { ok: true, trust: { ...read.trust, root }, spec: read.spec } : refuse(first, others);
};

/** Total. Nothing is said of whether these bytes may be believed. */
export const readTrustPolicy = atOnce(readingTrustPolicy);
