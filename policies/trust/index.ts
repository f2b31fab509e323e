// SPDX-License-Identifier: Apache-2.0
/**
 * Exact bytes, Sigstore bundles and a trust policy → the signed document, or a coded refusal.
 *
 * In: the bytes of one file, the bundles that claim to seal it, a `Trust` (load.ts) and the time. Out: the object parsed
 * from those very bytes, who signed it, by which rule. Bytes before meaning: nothing is read as policy before enough
 * signatures hold. The steps stand in the order of their cost and of what they may believe: sizes, encoding, then for
 * each bundle (check-seal.ts) format, digest, key or certificate, signature, log entries and timestamps, principal,
 * validity, revocation; then thresholds, strict parse, schema, binding, expiry. Total: no data makes it throw. A bundle
 * that does not count never spoils those that do. Whether a version rises, and whether name and place are those asked for,
 * is the caller's to compare: the document says what it is. Anyone may import it.
 */
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { digestOf } from '../document/digest.ts';
import { parseDocumentInSteps } from '../document/index.ts';
import { decodeText } from '../document/text.ts';
import { startOf } from '../problem.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { bind } from './binding.ts';
import { MAX_BUNDLES } from './bundle.ts';
import { checkBundles } from './check-bundles.ts';
import type { Artifact } from './check-bundles.ts';
import type { CountedSeal } from './check-seal.ts';
import { applyRules, describeMissing, satisfyAny } from './rules.ts';
import { NO_TURN, endOfTerms, turnAt } from './term.ts';
import type { Turn } from './term.ts';
import { isPast } from './trust.ts';
import type { Principal, Trust } from './trust.ts';
import type { SignedDocument } from './signed-document.ts';

export { loadTrust, loadTrustObject } from './load.ts';
export { TRUSTED_ROOT_FILE } from './read-policy.ts';
export type { Artifact } from './check-bundles.ts';
export type { CountedSeal } from './check-seal.ts';
export type { SignedDocument } from './signed-document.ts';
export type { Principal, Trust } from './trust.ts';

export type VerifyOutcome =
  | {
      readonly ok: true;
      readonly document: SignedDocument;
      /** In the order of their names. */
      readonly signers: readonly Principal[];
      /** Every seal that counts, in the order given. */
      readonly seals: readonly CountedSeal[];
      /** Index into `spec.rules` of the rule that granted it. */
      readonly rule: number;
      /** Bundles that did not count, and why. */
      readonly ignored: readonly Problem[];
      readonly turn: Turn;
      /** The first moment at which it is granted no more, epoch milliseconds: document and seals, not the trust policy; undefined = never. */
      readonly endsMs: number | undefined;
      /** The same of its seals alone. */
      readonly sealsEndMs: number | undefined;
    }
  | {
      readonly ok: false;
      readonly problem: Problem;
      /** All that is known; `problem` is the first. */ readonly problems: readonly Problem[];
      readonly turn: Turn;
    };

const refuse = (problem: Problem, others: readonly Problem[] = [], turn: Turn = NO_TURN): VerifyOutcome => ({
  ok: false,
  problem,
  problems: [problem, ...others],
  turn,
});

const check = function* (artifact: Artifact, trust: Trust, at: number): Steps<VerifyOutcome> {
  const place = startOf(artifact.file);
  const plain = (code: ProblemCode, message: string): Problem => ({ code, message, at: place });
  if (isPast(trust.expires, at)) return refuse(plain('TRUST_EXPIRED', `the trust policy ${trust.digest} has expired`));
  const decoded = decodeText(artifact.bytes, artifact.file);
  if (!decoded.ok) return refuse(decoded.problem);
  if (artifact.bundles.length === 0) {
    const lax = trust.unsigned === 'Audit' ? '; the trust policy lets a Policy without a seal note what it would refuse, and no more' : '';
    return refuse(plain('SEAL_MISSING', `no bundle is given${lax}`));
  }
  if (artifact.bundles.length > MAX_BUNDLES)
    return refuse(plain('SEAL_TOO_LARGE', `${artifact.bundles.length} bundles, at most ${MAX_BUNDLES}`));

  const digest = digestOf(artifact.bytes);
  const { counted, ignored, terms } = yield* checkBundles(artifact, { trust, at, digest });
  const turn = turnAt(at, terms);
  const signers = new Map(counted.map(({ principal }) => [principal.name, principal]));
  const [firstIgnored, ...otherIgnored] = ignored;
  if (signers.size === 0) return refuse(firstIgnored ?? plain('SEAL_MISSING', 'no bundle counts'), otherIgnored, turn);
  if (trust.revoked.documents.has(digest)) return refuse(plain('SEAL_REVOKED', `the document ${digest} is revoked`));

  const names = new Set(signers.keys());
  const signedBy = `signed by ${[...names].toSorted().join(', ')}`;
  if (trust.rules.length === 0) return refuse(plain('SEAL_NO_RULE', 'the trust policy has no rule'), ignored);
  if (!satisfyAny(trust, names)) {
    const needed = describeMissing(trust.rules, names).join('; or ');
    return refuse(plain('SEAL_THRESHOLD', `${signedBy}; needed: ${needed}`), ignored, turn);
  }

  yield;
  const parsed = yield* parseDocumentInSteps(artifact.bytes, artifact.file);
  yield;
  const bound = parsed.ok ? bind(parsed.document) : parsed;
  if (!bound.ok) {
    const [first, ...others] = bound.problems;
    return refuse(first ?? plain('DOCUMENT_SYNTAX', 'it cannot be read'), others);
  }
  const { document, tier } = bound;
  const tenants = document.kind === 'Policy' ? document.object.spec.tenants : undefined;
  const fit = { kind: bound.ruleKind, tier, confined: tenants === undefined ? undefined : { name: document.name, tenants } };
  const outcome = applyRules(trust, fit, names);
  const subject = tier === undefined ? bound.ruleKind : `${bound.ruleKind} of a ${tier} publisher`;
  if (outcome.kind === 'no-rule') return refuse(plain('SEAL_NO_RULE', `no rule speaks of a ${subject}`), ignored);
  if (outcome.kind === 'too-few') {
    return refuse(plain('SEAL_THRESHOLD', `${signedBy}; a ${subject} needs ${outcome.missing.join('; or ')}`), ignored, turn);
  }
  const lastMoments = document.expires === undefined ? [] : [document.expires];
  const turnWithDocument = turnAt(at, terms, lastMoments);
  if (isPast(document.expires, at)) {
    const path = ['spec', 'expires'];
    const problem: Problem = {
      code: 'SEAL_EXPIRED',
      message: 'it has expired',
      at: document.parsed.positionOf(path),
      path: 'spec.expires',
    };
    return refuse(problem, [], turnWithDocument);
  }
  const ordered = [...signers.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const sealsEndMs = endOfTerms(at, terms, (left) => applyRules(trust, fit, left).kind === 'granted');
  const ends = [...lastMoments.map((last) => last + 1), ...(sealsEndMs === undefined ? [] : [sealsEndMs])];
  const endsMs = ends.length === 0 ? undefined : Math.min(...ends);
  return { ok: true, document, signers: ordered, seals: counted, rule: outcome.rule, ignored, turn: turnWithDocument, endsMs, sealsEndMs };
};

/** Verifies one file; `at` is the time in epoch milliseconds. In steps of some milliseconds, however long it is. */
export const verifyInSteps = function* (artifact: Artifact, trust: Trust, at: number): Steps<VerifyOutcome> {
  try {
    return yield* check(artifact, trust, at);
  } catch {
    // Nothing is known to come here; if a library throws after all, the answer is no.
    return refuse({ code: 'SEAL_MALFORMED', message: 'the seal cannot be checked', at: startOf(artifact.file) });
  }
};

export const verifyArtifact = atOnce(verifyInSteps);

/** `verifyArtifact` for bytes that have no file, such as those of a custom resource. */
export const verify = (bytes: Uint8Array, bundles: readonly string[], trust: Trust, at: number): VerifyOutcome =>
  verifyArtifact({ bytes, bundles, file: 'document' }, trust, at);
