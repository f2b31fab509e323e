// SPDX-License-Identifier: Apache-2.0
// Sealed documents and Tenants that come or change: the bytes must be sealed, speak of this very object, say what its spec
// says, and be no older than what was enforced. Who asks does not matter. Where the trust policy lets a Policy without any seal
// take part, one comes, changes and goes freely, but never in the place of one that has a seal.
import type { SealedKind } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import { checkMark, documentKey } from '../../policies/currency/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { closingProblem, describeEnd } from '../../policies/policy-object.ts';
import type { SealedObject } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import { atOnce } from '../../policies/steps.ts';
import { createSealedJudge } from '../../policies/sealed-object.ts';
import type { EvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { signatureOf } from '../../policies/sealed-shape.ts';
import { judgeTenant, sealsTenants } from '../../policies/tenant-object.ts';
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

type Verified =
  | {
      readonly ok: true;
      readonly document: HeldDocument;
      readonly spec: unknown;
      /** Past its end since before it came. */ readonly ended: Problem | undefined;
    }
  | { readonly ok: false; readonly problem: Problem };

const no = (problem: Problem): Verified => ({ ok: false, problem });

/** The object as far as it is of the shape that the schema allows. */
export const sealedObjectOf = (name: string, object: Json | undefined): SealedObject => {
  const signature = signatureOf(object?.['signature']);
  return { metadata: { name }, spec: object?.['spec'], ...(signature === undefined ? {} : { signature }) };
};

export type Judging = { readonly trust: Trust; readonly atMs: number; readonly evidence?: EvidenceMemory | undefined };

/** What the bytes say; without any, spec is all that is said. */
const saidBy = ({ metadata: { name }, spec, signature }: SealedObject): unknown => {
  if (signature === undefined) return spec;
  const parsed = parseDocument(Buffer.from(signature.document), `policies/${name}.yaml`);
  return parsed.ok && isRecord(parsed.document.value) ? parsed.document.value['spec'] : undefined;
};

/** All but a Tenant; a Ruleset with its members. */
const verifyDocument = (object: SealedObject, { trust, atMs, evidence }: Judging): Verified => {
  const judged = atOnce(createSealedJudge(evidence))(object, trust, atMs);
  if (!judged.ok) return no(judged.problem);
  const { document } = judged;
  const { kind, name, version, digest, retired, expiresMs, policies, withdrawn, unsigned, ruleset, entitlement } = document;
  // It may stay where it is, closed; it may not come.
  if (withdrawn !== undefined) return no(closingProblem(document));
  const ended: Problem | undefined =
    expiresMs !== undefined && expiresMs <= atMs
      ? { code: 'POLICY_EXPIRED', message: `${describeEnd(document)}, before it came`, path: 'spec.expires' }
      : undefined;
  const held: HeldDocument = { kind, name, version, digest, retired };
  return unsigned === true
    ? { ok: true, document: { ...held, unsigned }, spec: saidBy(object), ended }
    : { ok: true, document: held, spec: (ruleset ?? entitlement ?? policies[0])?.spec, ended };
};

const verifyTenant = (object: SealedObject, judging: Judging): Verified => {
  const judged = judgeTenant(object, judging);
  if (!judged.ok) return no(judged.problem);
  const { spec, ...document } = judged.document;
  return { ok: true, document, spec, ended: undefined };
};

export type SealedBytes = { readonly kind: DocumentKind; readonly name: string; readonly object: Json | undefined };

export const verifySealed = ({ kind, name, object }: SealedBytes, judging: Judging): Verified => {
  const sealed = sealedObjectOf(name, object);
  return kind === 'Tenant' ? verifyTenant(sealed, judging) : verifyDocument({ ...sealed, kind }, judging);
};

/** Whose meaning only a seal may change. A Tenant is sealed where a rule speaks of Tenants; else RBAC decides who writes it. */
export const needsSeal = (kind: DocumentKind, trust: Trust): boolean => kind !== 'Tenant' || sealsTenants(trust);

/** Also before it was ever enforced: its commit may only be on its way. */
const isSealedNow = (bytes: SealedBytes, judging: Judging): boolean => {
  if (bytes.object === undefined) return false;
  const verified = verifySealed(bytes, judging);
  return verified.ok && verified.document.unsigned !== true;
};

/** What stands as a sealed Tenant, by its bytes, also where their seals count no more: its mark may not be written yet. */
const standingTenant = (name: string, before: Json | undefined): HeldDocument | undefined => {
  const object = sealedObjectOf(name, before);
  const said = object.signature === undefined ? undefined : saidBy(object);
  const version: unknown = isRecord(said) ? said['version'] : undefined;
  if (object.signature === undefined || typeof version !== 'number' || !Number.isSafeInteger(version)) return undefined;
  return { kind: 'Tenant', name, version, digest: digestOf(Buffer.from(object.signature.document)), retired: false };
};

export const ruleSealed = ({ kind, name, before, after }: SealedChange, view: GuardView): Ruling => {
  const { trust, marks, atMs, evidence } = view;
  if (trust === undefined) {
    return refuse({ code: 'TRUST_MISSING', message: `without a trust policy ${kind.toLowerCase()} ${name} cannot be judged` }, 'trust');
  }
  if (!needsSeal(kind, trust)) return pass;
  const judging = { trust, atMs, evidence };
  const verified = verifySealed({ kind, name, object: after }, judging);
  // Without a signature no trust policy could help.
  if (!verified.ok) return refuse(verified.problem, verified.problem.code === 'POLICY_UNSIGNED' ? undefined : 'trust');
  const { document, spec, ended } = verified;
  const differs = specProblem(kind, spec, after['spec']);
  if (differs !== undefined) return refuse(differs);
  if (kind === 'Tenant') {
    const { standing, departed } = view.tenant(name);
    const known = [standingTenant(name, before), ...(before === undefined ? [standing, departed] : []), marks.get(documentKey(document))];
    const older = known.map((one) => checkMark(one, document)).find((problem) => problem !== undefined);
    return older === undefined ? pass : refuse(older);
  }
  const mark = marks.get(documentKey(document));
  const stale = checkMark(mark, document);
  if (stale !== undefined) return refuse(stale);
  if (document.unsigned === true && isSealedNow({ kind, name, object: before }, judging)) {
    const message = `policy ${name} is sealed as it is, so one without a seal does not take its place`;
    return refuse({ code: 'POLICY_UNSIGNED', message, path: 'signature' });
  }
  // What is enforced, ended as it is, may be put back: it keeps closed what it matches.
  return ended === undefined || mark?.digest === document.digest ? pass : refuse(ended);
};
