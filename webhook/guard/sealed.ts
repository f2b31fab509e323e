// SPDX-License-Identifier: Apache-2.0
// Sealed documents and Tenants that come or change: the bytes must be sealed, speak of this very object, say what its spec
// says, and be no older than what was enforced. Who asks does not matter. Where the trust policy lets a Policy without any seal
// take part, one comes, changes and goes freely, but never in the place of one that has a seal.
import type { SealedKind } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import { checkMark, documentKey } from '../../policies/currency/index.ts';
import { fileOf } from '../../policies/currency/removal.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { parseDocumentInSteps } from '../../policies/document/index.ts';
import { closingProblem, describeEnd } from '../../policies/policy-object.ts';
import type { JudgeInSteps, SealedObject } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import { atOnce } from '../../policies/steps.ts';
import type { Steps } from '../../policies/steps.ts';
import { createSealedJudge } from '../../policies/sealed-object.ts';
import type { EvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { signatureOf } from '../../policies/sealed-shape.ts';
import { TENANT_KIND, judgeTenantInSteps, sealsTenants } from '../../policies/tenant-object.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { specProblem } from './spec.ts';
import type { GuardView, HeldDocument } from './view.ts';

/** A Tenant is one where a rule of the trust policy says so. */
export type DocumentKind = SealedKind | 'Tenant';

type Json = Readonly<Record<string, unknown>>;
export type SealedChange = {
  readonly kind: DocumentKind;
  readonly name: string;
  readonly before: Json | undefined;
  readonly after: Json;
};

/** `untilMs`: from when on time alone may change it. */
export type Verified = { readonly untilMs?: number | undefined } & (
  | {
      readonly ok: true;
      readonly document: HeldDocument;
      /** What the bytes say. */
      readonly spec: unknown;
      /** Past its end since before it came. */
      readonly ended: Problem | undefined;
    }
  | { readonly ok: false; readonly problem: Problem }
);

/** What came of the objects of a change. */
export type SealedVerifications = {
  readonly after: Verified;
  /** What it takes the place of, where that counts. */
  readonly before: Verified | undefined;
  /** Of a Tenant: what stands. */
  readonly standing: HeldDocument | undefined;
};

const no = (problem: Problem, untilMs?: number): Verified => ({ ok: false, problem, untilMs });

/** The object as far as it is of the shape that the schema allows. */
export const sealedObjectOf = (name: string, object: Json | undefined): SealedObject => {
  const signature = signatureOf(object?.['signature']);
  return { metadata: { name }, spec: object?.['spec'], ...(signature === undefined ? {} : { signature }) };
};

/** What a verification goes by. */
export type Judging = {
  readonly trust: Trust;
  readonly atMs: number;
  readonly evidence: EvidenceMemory | undefined;
  readonly judge: JudgeInSteps;
};

export const judgingBy = (trust: Trust, { atMs, evidence, judge = createSealedJudge(evidence) }: GuardView): Judging => ({
  trust,
  atMs,
  evidence,
  judge,
});

/** All but a Tenant; a Ruleset with its members. */
const verifyDocument = function* (object: SealedObject, { trust, atMs, judge }: Judging): Steps<Verified> {
  const judged = yield* judge(object, trust, atMs);
  const { untilMs } = judged;
  if (!judged.ok) return no(judged.problem, untilMs);
  const { document } = judged;
  const { kind, name, version, digest, retired, expiresMs, policies, withdrawn, unsigned, original, ruleset, entitlement } = document;
  // It may stay where it is, closed; it may not come.
  if (withdrawn !== undefined) return no(closingProblem(document), untilMs);
  const ended: Problem | undefined =
    expiresMs !== undefined && expiresMs <= atMs
      ? { code: 'POLICY_EXPIRED', message: `${describeEnd(document)}, before it came`, path: 'spec.expires' }
      : undefined;
  const held: HeldDocument = { kind, name, version, digest, retired, ...(unsigned === undefined ? {} : { unsigned }) };
  return { ok: true, document: held, spec: (original ?? ruleset ?? entitlement ?? policies[0])?.spec, ended, untilMs };
};

const verifyTenant = function* (object: SealedObject, judging: Judging): Steps<Verified> {
  const { judged, untilMs } = yield* judgeTenantInSteps(object, judging);
  if (!judged.ok) return no(judged.problem, untilMs);
  const { spec, ...document } = judged.document;
  return { ok: true, document, spec, ended: undefined, untilMs };
};

export type SealedBytes = { readonly kind: DocumentKind; readonly name: string; readonly object: Json | undefined };

/** In steps of some milliseconds each, however long it is. */
export const verifySealedInSteps = function* ({ kind, name, object }: SealedBytes, judging: Judging): Steps<Verified> {
  const sealed = sealedObjectOf(name, object);
  return kind === 'Tenant' ? yield* verifyTenant(sealed, judging) : yield* verifyDocument({ ...sealed, kind }, judging);
};

const verifySealed = atOnce(verifySealedInSteps);

export const isUnsigned = (verified: Verified): boolean => verified.ok && verified.document.unsigned === true;

/** Whose meaning only a seal may change. A Tenant is sealed where a rule speaks of Tenants; else RBAC decides who writes it. */
export const needsSeal = (kind: DocumentKind, trust: Trust): boolean => kind !== 'Tenant' || sealsTenants(trust);

/** What stands as a sealed Tenant, by its bytes, also where their seals count no more: its mark may not be written yet. */
export const standingTenantInSteps = function* (name: string, before: Json | undefined): Steps<HeldDocument | undefined> {
  const { signature } = sealedObjectOf(name, before);
  if (signature === undefined) return undefined;
  const bytes = Buffer.from(signature.document);
  const parsed = yield* parseDocumentInSteps(bytes, fileOf({ kind: TENANT_KIND, name }));
  const said: unknown = parsed.ok ? parsed.document.value['spec'] : undefined;
  const version: unknown = isRecord(said) ? said['version'] : undefined;
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) return undefined;
  return { kind: 'Tenant', name, version, digest: digestOf(bytes), retired: false };
};

const standingTenant = atOnce(standingTenantInSteps);

/** `ahead`: what was verified of these very objects before, where that holds still. */
export const ruleSealed = ({ kind, name, before, after }: SealedChange, view: GuardView, ahead?: SealedVerifications): Ruling => {
  const { trust, marks } = view;
  if (trust === undefined) {
    return refuse({ code: 'TRUST_MISSING', message: `without a trust policy ${kind.toLowerCase()} ${name} cannot be judged` }, 'trust');
  }
  if (!needsSeal(kind, trust)) return pass;
  const judging = judgingBy(trust, view);
  const verified = ahead?.after ?? verifySealed({ kind, name, object: after }, judging);
  // Without a signature no trust policy could help.
  if (!verified.ok) return refuse(verified.problem, verified.problem.code === 'POLICY_UNSIGNED' ? undefined : 'trust');
  const { document, spec, ended } = verified;
  const differs = specProblem(kind, spec, after['spec']);
  if (differs !== undefined) return refuse(differs);
  if (kind === 'Tenant') {
    const { standing, departed } = view.tenant(name);
    const written = ahead === undefined ? standingTenant(name, before) : ahead.standing;
    const known = [written, ...(before === undefined ? [standing, departed] : []), marks.get(documentKey(document))];
    const older = known.map((one) => checkMark(one, document)).find((problem) => problem !== undefined);
    return older === undefined ? pass : refuse(older);
  }
  const mark = marks.get(documentKey(document));
  const stale = checkMark(mark, document);
  if (stale !== undefined) return refuse(stale);
  const replaced =
    document.unsigned === true && before !== undefined
      ? (ahead?.before ?? verifySealed({ kind, name, object: before }, judging))
      : undefined;
  // Also before it was ever enforced: its commit may only be on its way.
  if (replaced?.ok === true && !isUnsigned(replaced)) {
    const message = `policy ${name} is sealed as it is, so one without a seal does not take its place`;
    return refuse({ code: 'POLICY_UNSIGNED', message, path: 'signature' });
  }
  // What is enforced, ended as it is, may be put back: it keeps closed what it matches.
  return ended === undefined || mark?.digest === document.digest ? pass : refuse(ended);
};
