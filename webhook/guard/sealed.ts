// SPDX-License-Identifier: Apache-2.0
// Policies, Rulesets and Tenants that come or change: the bytes must be sealed, speak of this very object, say what its spec
// says, and be no older than what was enforced. Who asks does not matter.
import { isRecord } from '../../crds/wire.ts';
import { checkMark, documentKey } from '../../policies/currency/index.ts';
import { judgePolicyObject, describeEnd } from '../../policies/policy-object.ts';
import type { SealedObject } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import { verifyArtifact } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { specProblem } from './spec.ts';
import type { GuardView, HeldDocument } from './view.ts';

export type SealedKind = 'Policy' | 'Ruleset' | 'Tenant';

type Json = Readonly<Record<string, unknown>>;
export type SealedChange = { readonly kind: SealedKind; readonly name: string; readonly after: Json };

type Verified =
  | {
      readonly ok: true;
      readonly document: HeldDocument;
      readonly spec: unknown;
      /** Past its end since before it came. */ readonly ended: Problem | undefined;
    }
  | { readonly ok: false; readonly problem: Problem };

const no = (problem: Problem): Verified => ({ ok: false, problem });

const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === 'string');

/** What the object carries under `signature`, as far as it is of the shape that the schema allows. */
export const sealedObjectOf = (name: string, object: Json | undefined): SealedObject => {
  const signature: unknown = object?.['signature'];
  const document: unknown = isRecord(signature) ? signature['document'] : undefined;
  if (!isRecord(signature) || typeof document !== 'string') return { metadata: { name } };
  const { bundles, trustedRoot } = signature;
  return {
    metadata: { name },
    signature: {
      document,
      ...(isTexts(bundles) ? { bundles } : {}),
      ...(typeof trustedRoot === 'string' ? { trustedRoot } : {}),
    },
  };
};

const verifyPolicy = (object: SealedObject, trust: Trust, atMs: number): Verified => {
  const judged = judgePolicyObject(object, trust, atMs);
  if (!judged.ok) return no(judged.problem);
  const { document } = judged;
  const { name, version, digest, retired, expiresMs, policies } = document;
  const message = `${describeEnd(document)}, before it came`;
  const ended: Problem | undefined =
    expiresMs !== undefined && expiresMs <= atMs ? { code: 'POLICY_EXPIRED', message, path: 'spec.expires' } : undefined;
  return { ok: true, document: { kind: 'Policy', name, version, digest, retired }, spec: policies[0]?.spec, ended };
};

const FILES: Readonly<Record<SealedKind, (name: string) => string>> = {
  Policy: (name) => `policies/${name}.yaml`,
  Ruleset: (name) => `rulesets/${name}/ruleset.yaml`,
  Tenant: (name) => `tenants/${name}.yaml`,
};

type Judging = { readonly trust: Trust; readonly atMs: number };

const verifyOther = (kind: SealedKind, { metadata: { name }, signature }: SealedObject, { trust, atMs }: Judging): Verified => {
  if (signature === undefined) {
    return no({ code: 'POLICY_UNSIGNED', message: `${kind.toLowerCase()} ${name} carries no signed document`, path: 'signature' });
  }
  const { document: text, bundles = [] } = signature;
  const outcome = verifyArtifact({ bytes: Buffer.from(text), bundles, file: FILES[kind](name) }, trust, atMs);
  if (!outcome.ok) return no(outcome.problem);
  const { document } = outcome;
  if (document.kind !== kind || document.name !== name) {
    return no({
      code: 'POLICY_NAME_MISMATCH',
      message: `the object is ${kind} ${name}, its document is ${document.kind} ${document.name}`,
    });
  }
  const { version, digest } = document;
  return { ok: true, document: { kind, name, version, digest, retired: false }, spec: document.object.spec, ended: undefined };
};

export type SealedBytes = { readonly kind: SealedKind; readonly name: string; readonly object: Json | undefined };

export const verifySealed = ({ kind, name, object }: SealedBytes, trust: Trust, atMs: number): Verified => {
  const sealed = sealedObjectOf(name, object);
  return kind === 'Policy' ? verifyPolicy(sealed, trust, atMs) : verifyOther(kind, sealed, { trust, atMs });
};

/** Whose meaning only a seal may change. A Tenant is sealed where a rule speaks of Tenants; else RBAC decides who writes it. */
export const isSealedKind = (kind: SealedKind, trust: Trust): boolean =>
  kind !== 'Tenant' || trust.rules.some((rule) => rule.kinds.has('Tenant'));

export const ruleSealed = ({ kind, name, after }: SealedChange, view: GuardView): Ruling => {
  const { trust, marks, atMs } = view;
  if (trust === undefined) {
    return refuse({ code: 'TRUST_MISSING', message: `without a trust policy ${kind.toLowerCase()} ${name} cannot be judged` }, 'trust');
  }
  if (!isSealedKind(kind, trust)) return pass;
  const verified = verifySealed({ kind, name, object: after }, trust, atMs);
  // Without a signature no trust policy could help.
  if (!verified.ok) return refuse(verified.problem, verified.problem.code === 'POLICY_UNSIGNED' ? undefined : 'trust');
  const { document, spec, ended } = verified;
  const differs = specProblem(kind, spec, after['spec']);
  if (differs !== undefined) return refuse(differs);
  if (kind === 'Tenant') return pass;
  const mark = marks.get(documentKey(document));
  const stale = checkMark(mark, document);
  if (stale !== undefined) return refuse(stale);
  // What is enforced, ended as it is, may be put back: it keeps closed what it matches.
  return ended === undefined || mark?.digest === document.digest ? pass : refuse(ended);
};
