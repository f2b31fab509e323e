// SPDX-License-Identifier: Apache-2.0
/**
 * A TierCatalog or License object → what its bytes say, or a coded refusal: seal, schema, kind and name, the catalog's own sense.
 *
 * In: an object of the cluster, a `Trust`, the time. Out: a `Judged` like that of a Policy, that orders no policies. Only
 * `signature` counts. Pure and total, and one for operator and replicas, for the reasons told in `policy-object.ts`.
 */
import { Buffer } from 'node:buffer';
import { fileOf } from './currency/removal.ts';
import { readCatalog } from './entitlement/catalog.ts';
import { endOf } from './policy-object.ts';
import type { Judge, Judged, SealedObject, SignedPolicy } from './policy-object.ts';
import { verifyEver } from './trust/as-of.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';

export type EntitlementKind = 'TierCatalog' | 'License';

export const isEntitlementKind = (kind: string | undefined): kind is EntitlementKind => kind === 'TierCatalog' || kind === 'License';

/** `evidence`: what was proven before of the seals' log entries and timestamps. */
export const createEntitlementJudge = (kind: EntitlementKind, evidence?: EvidenceMemory): Judge => {
  const judge: Judge = ({ metadata: { name }, signature }, trust, atMs) => {
    const title = `${kind} ${name}`;
    if (signature === undefined) {
      return { ok: false, problem: { code: 'POLICY_UNSIGNED', message: `${title} carries no signed document`, path: 'signature' } };
    }
    const { document: text, bundles = [] } = signature;
    const { outcome, withdrawn } = verifyEver({ bytes: Buffer.from(text), bundles, file: fileOf({ kind, name }), evidence }, trust, atMs);
    const { untilMs } = outcome.turn;
    if (!outcome.ok) return { ok: false, problem: outcome.problem, untilMs };
    const { document } = outcome;
    if (document.kind !== kind || document.name !== name) {
      const message = `the object is ${title}, its document is ${document.kind} ${document.name}`;
      return { ok: false, problem: { code: 'POLICY_NAME_MISMATCH', message } };
    }
    const { object: entitlement, digest, version } = document;
    const read = document.kind === 'TierCatalog' ? readCatalog(document.object, document.parsed) : { ok: true as const, table: undefined };
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
    const again = (by: typeof trust, nowMs: number): Judged => judge(object, by, nowMs);
    return { ok: true, document: { ...signed, compiled: [], again }, untilMs };
  };
  return judge;
};
