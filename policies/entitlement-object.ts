// SPDX-License-Identifier: Apache-2.0
/**
 * A TierCatalog, License or PriceBook object → what its bytes say, or a coded refusal: seal, schema, kind and name, the catalog's and the prices' own sense.
 *
 * In: an object of the cluster, a `Trust`, the time. Out: a `Judged` like that of a Policy, that orders no policies. Only
 * `signature` counts. Pure and total, and one for operator and replicas, for the reasons told in `policy-object.ts`.
 */
import { Buffer } from 'node:buffer';
import { finish } from './steps.ts';
import type { Steps } from './steps.ts';
import { fileOf } from './currency/removal.ts';
import { readCatalog } from './entitlement/catalog.ts';
import { endOf } from './policy-object.ts';
import type { JudgeInSteps, Judged, SealedObject, SignedPolicy } from './policy-object.ts';
import type { TierTable } from './entitlement/tier.ts';
import { readBook } from './pricing/index.ts';
import type { Problem } from './problem.ts';
import { verifyEver } from './trust/as-of.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';
import type { SignedDocument } from './trust/index.ts';

export type EntitlementKind = 'TierCatalog' | 'License' | 'PriceBook';

export const isEntitlementKind = (kind: string | undefined): kind is EntitlementKind =>
  kind === 'TierCatalog' || kind === 'License' || kind === 'PriceBook';

type Content =
  | { readonly ok: true; readonly table?: TierTable | undefined }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const contentOf = (document: SignedDocument): Content => {
  if (document.kind === 'TierCatalog') return readCatalog(document.object, document.parsed);
  // One that has ended prices nothing, and need not.
  if (document.kind === 'PriceBook' && document.object.spec.retired !== true) {
    const read = readBook(document.object, document.parsed);
    return read.ok ? { ok: true } : read;
  }
  return { ok: true };
};

/** `evidence`: what was proven before of the seals' log entries and timestamps. */
export const createEntitlementJudge = (kind: EntitlementKind, evidence?: EvidenceMemory): JudgeInSteps => {
  const judge: JudgeInSteps = function* ({ metadata: { name }, signature }, trust, atMs): Steps<Judged> {
    const title = `${kind} ${name}`;
    if (signature === undefined) {
      return { ok: false, problem: { code: 'POLICY_UNSIGNED', message: `${title} carries no signed document`, path: 'signature' } };
    }
    const { document: text, bundles = [] } = signature;
    const artifact = { bytes: Buffer.from(text), bundles, file: fileOf({ kind, name }), evidence };
    const { outcome, withdrawn } = yield* verifyEver(artifact, trust, atMs);
    const { untilMs } = outcome.turn;
    if (!outcome.ok) return { ok: false, problem: outcome.problem, untilMs };
    const { document } = outcome;
    if (document.kind !== kind || document.name !== name) {
      const message = `the object is ${title}, its document is ${document.kind} ${document.name}`;
      return { ok: false, problem: { code: 'POLICY_NAME_MISMATCH', message } };
    }
    const { object: entitlement, digest, version } = document;
    const read = contentOf(document);
    const signed: SignedPolicy = {
      kind,
      name,
      digest,
      version,
      ...endOf(outcome),
      retired: entitlement.spec.retired === true,
      policies: [],
      signers: outcome.signers.map((signer) => signer.name),
      entitlement,
      ...(read.ok && read.table !== undefined ? { table: read.table } : {}),
      ...(withdrawn === undefined ? {} : { withdrawn }),
    };
    if (!read.ok) {
      const [problem = { code: 'CATALOG_INVALID' as const, message: `${title} cannot be read` }] = read.problems;
      return { ok: false, problem, signed, untilMs };
    }
    // No more of the object than is judged, since the document keeps it.
    const object: SealedObject = { kind, metadata: { name }, signature };
    const again = (by: typeof trust, nowMs: number): Judged => finish(judge(object, by, nowMs));
    return { ok: true, document: { ...signed, compiled: [], again }, untilMs };
  };
  return judge;
};
