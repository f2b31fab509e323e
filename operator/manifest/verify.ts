// SPDX-License-Identifier: Apache-2.0
// From documents to objects that may be applied, or everything that is wrong with the commit at once: whoever mends it
// should not have to push once for each mistake.
//
// Decided here: metadata.name must be the name of the file, so that a listing of the repository is a listing of what is
// enforced, and a seal can be found from the name of a policy. A Tenant needs a seal only where a rule of the trust policy
// names its kind; otherwise RBAC and the write access to the repository decide. trust.yaml is the trust policy that all the
// rest is judged by, byte for byte: whether it may be is decided before (trust.ts). A ruleset comes with its members or not
// at all.
import type { License, Policy, PriceBook, Ruleset, Tenant, TierCatalog, TrustPolicy } from '../../crds/generated/objects.ts';
import { parseDocument } from '../../policies/document/index.ts';
import type { ParsedDocument } from '../../policies/document/index.ts';
import { validateDocument } from '../../policies/document/validate.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { readCatalog } from '../../policies/entitlement/catalog.ts';
import { readBook } from '../../policies/pricing/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { verifyInGrace } from '../../policies/policy-object.ts';
import { readRelease, sizeProblem } from '../../policies/ruleset/index.ts';
import { sealsTenants } from '../../policies/tenant-object.ts';
import { TRUSTED_ROOT_FILE } from '../../policies/trust/index.ts';
import { isPast } from '../../policies/trust/trust.ts';
import { readUnsigned } from '../../policies/trust/unsigned.ts';
import type { EvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import type { Principal, Trust, VerifyOutcome } from '../../policies/trust/index.ts';
import { atFile } from './index.ts';
import { KINDS } from './layout.ts';
import type { Manifest, ManifestDocument } from './index.ts';
import { memoKeys } from './memo.ts';
import { chainOf } from './trust.ts';
import type { TrustChainLink } from './trust.ts';
import type { Memo } from '../../policies/memo.ts';

type Verified = {
  readonly path: string;
  readonly name: string;
  /** `sha256:hex` of the bytes. */
  readonly digest: string;
  /** The exact bytes as text, for `signature.document`. */
  readonly document: string;
  readonly bundles: readonly string[];
  /** Empty where no seal was asked for. */
  readonly signers: readonly Principal[];
  /** From when on it must be verified anew, since time alone may change the outcome, epoch ms; undefined = never. */
  readonly untilMs: number | undefined;
  /** For the position of what later steps find. */
  readonly parsed: ParsedDocument;
};

export type VerifiedObject =
  /** `unsigned`: it has no seal, and takes part with nothing but notes. `object` is as the file has it. */
  | (Verified & { readonly kind: 'Policy'; readonly object: Policy; readonly version: number; readonly unsigned: boolean })
  | (Verified & { readonly kind: 'Tenant'; readonly object: Tenant; /** 0 for one without. */ readonly version: number })
  | (Verified & { readonly kind: 'TierCatalog'; readonly object: TierCatalog; readonly version: number })
  | (Verified & { readonly kind: 'License'; readonly object: License; readonly version: number })
  | (Verified & { readonly kind: 'PriceBook'; readonly object: PriceBook; readonly version: number })
  | (Verified & {
      readonly kind: 'Ruleset';
      readonly object: Ruleset;
      readonly version: number;
      /** The text of each member, for `signature.members`, in the order of the paths. */
      readonly members: readonly { readonly path: string; readonly document: string }[];
      readonly compiled: readonly CompiledPolicy[];
    })
  /** `trustedRoot`: the text of the file that it pins, if it pins one; `chain`: the versions before it, for `signature.chain`. */
  | (Verified & {
      readonly kind: 'TrustPolicy';
      readonly object: TrustPolicy;
      readonly trustedRoot: string | undefined;
      readonly chain: readonly TrustChainLink[];
    });

export type VerifiedManifest =
  | { readonly ok: true; readonly objects: readonly VerifiedObject[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export type VerifyOptions = {
  readonly trust: Trust;
  /** Epoch ms. */
  readonly at: number;
  /** What was verified before; one memo for each source. */
  readonly memo?: Memo<VerifiedObject>;
  /** What was proven before of log entries and timestamps. */
  readonly evidence?: EvidenceMemory | undefined;
};

type Inputs = VerifyOptions & { readonly trustedRoot: Uint8Array | undefined; readonly chain: readonly TrustChainLink[] };

type Outcome = { readonly ok: true; readonly object: VerifiedObject } | { readonly ok: false; readonly problems: readonly Problem[] };

const refused = (...problems: readonly Problem[]): Outcome => ({ ok: false, problems });

const wrongKind = (document: ManifestDocument, parsed: ParsedDocument, kind: string): Outcome =>
  refused({
    code: 'MANIFEST_KIND',
    message: `this folder holds documents of kind ${KINDS[document.kindHint]}, and this is a ${kind}`,
    at: parsed.positionOf(['kind']),
    path: 'kind',
  });

const describe = (document: ManifestDocument, parsed: ParsedDocument, name: string): Verified => ({
  path: document.path,
  name,
  digest: parsed.digest,
  // Only bytes that parsed get here, and those are UTF-8.
  document: Buffer.from(document.bytes).toString('utf8'),
  bundles: document.bundles,
  signers: [],
  untilMs: undefined,
  parsed,
});

const verifySigned = (document: ManifestDocument, options: VerifyOptions): Outcome => {
  const { path: file, bytes, bundles } = document;
  const outcome = verifyInGrace({ bytes, bundles, file, evidence: options.evidence }, options.trust, options.at);
  if (!outcome.ok) {
    return outcome.problem.code === 'SEAL_MISSING'
      ? refused(atFile('SEAL_MISSING', document.path, `there is no ${document.path}.sigstore.json`))
      : { ok: false, problems: outcome.problems };
  }
  return accepted(document, outcome);
};

const accepted = (document: ManifestDocument, { document: signed, signers, turn }: Extract<VerifyOutcome, { ok: true }>): Outcome => {
  if (signed.kind !== KINDS[document.kindHint]) return wrongKind(document, signed.parsed, signed.kind);
  const verified = { ...describe(document, signed.parsed, signed.name), signers, untilMs: turn.untilMs };
  switch (signed.kind) {
    case 'Policy':
      return { ok: true, object: { ...verified, kind: 'Policy', object: signed.object, version: signed.version, unsigned: false } };
    case 'Tenant':
      return { ok: true, object: { ...verified, kind: 'Tenant', object: signed.object, version: signed.version } };
    case 'Ruleset':
      return withMembers(document, { ...verified, kind: 'Ruleset', object: signed.object, version: signed.version });
    case 'License':
      return { ok: true, object: { ...verified, kind: 'License', object: signed.object, version: signed.version } };
    case 'PriceBook': {
      const prices = signed.object.spec.retired === true ? undefined : readBook(signed.object, signed.parsed);
      if (prices?.ok === false) return { ok: false, problems: prices.problems };
      return { ok: true, object: { ...verified, kind: 'PriceBook', object: signed.object, version: signed.version } };
    }
    case 'TierCatalog': {
      const catalog = readCatalog(signed.object, signed.parsed);
      if (!catalog.ok) return { ok: false, problems: catalog.problems };
      return { ok: true, object: { ...verified, kind: 'TierCatalog', object: signed.object, version: signed.version } };
    }
  }
};

type SealedRuleset = Omit<Extract<VerifiedObject, { kind: 'Ruleset' }>, 'members' | 'compiled'>;

const withMembers = (document: ManifestDocument, sealed: SealedRuleset): Outcome => {
  const release = readRelease({ ruleset: sealed.object, parsed: sealed.parsed }, document.members);
  if (!release.ok) return { ok: false, problems: release.problems };
  const members = document.members.map(({ path, bytes }) => ({ path, document: Buffer.from(bytes).toString('utf8') }));
  const problem = sizeProblem({ document: sealed.document, bundles: sealed.bundles, members });
  if (problem !== undefined) return refused({ ...problem, at: sealed.parsed.positionOf(['spec']) });
  return { ok: true, object: { ...sealed, members, compiled: release.members.map(({ compiled }) => compiled) } };
};

/** Nobody has sealed this file: a seal of the repository that does not name it is none of it. */
const isUnsealed = ({ ownSeals }: ManifestDocument, outcome: Outcome): boolean =>
  !outcome.ok && ownSeals === 0 && outcome.problems.every(({ code }) => code === 'SEAL_MISSING' || code === 'SEAL_DIGEST_MISMATCH');

const verifyPolicy = (document: ManifestDocument, options: Inputs): Outcome => {
  const outcome = verifySigned(document, options);
  if (!isUnsealed(document, outcome)) return outcome;
  const read = readUnsigned({ bytes: document.bytes, file: document.path }, options.trust, options.at);
  if (read === undefined) return outcome;
  if (!read.ok) return { ok: false, problems: read.problems };
  const { parsed, original: object, version, expires } = read;
  if (isPast(expires, options.at)) {
    const at = parsed.positionOf(['spec', 'expires']);
    return refused({ code: 'SEAL_EXPIRED', message: 'it has expired', at, path: 'spec.expires' });
  }
  const verified = describe({ ...document, bundles: [] }, parsed, object.metadata.name);
  const untilMs = expires === undefined ? undefined : expires + 1;
  return { ok: true, object: { ...verified, untilMs, kind: 'Policy', object, version, unsigned: true } };
};

const readUnsealed = (document: ManifestDocument): Outcome => {
  const parsed = parseDocument(document.bytes, document.path);
  if (!parsed.ok) return { ok: false, problems: parsed.problems };
  const valid = validateDocument(parsed.document);
  if (!valid.ok) return { ok: false, problems: valid.problems };
  if (valid.kind !== KINDS[document.kindHint]) return wrongKind(document, parsed.document, valid.kind);
  const verified = describe(document, parsed.document, valid.object.metadata.name);
  if (valid.kind === 'Tenant')
    return { ok: true, object: { ...verified, kind: 'Tenant', object: valid.object, version: valid.object.spec.version ?? 0 } };
  if (valid.kind === 'TrustPolicy')
    return { ok: true, object: { ...verified, kind: 'TrustPolicy', object: valid.object, trustedRoot: undefined, chain: [] } };
  return wrongKind(document, parsed.document, valid.kind);
};

/** What the trust policy pins must come with it, since whoever applies it takes both from here. */
const withRoot = (outcome: Outcome, root: Uint8Array | undefined): Outcome => {
  if (!outcome.ok || outcome.object.kind !== 'TrustPolicy') return outcome;
  const pinned = outcome.object.object.spec.trustedRootSha256;
  if (pinned === undefined) return outcome;
  if (root === undefined)
    return refused(atFile('TRUST_ROOT_MISSING', TRUSTED_ROOT_FILE, 'the trust policy pins it, and the commit does not have it'));
  const digest = digestOf(root);
  if (digest !== `sha256:${pinned}`)
    return refused(atFile('TRUST_ROOT_MISMATCH', TRUSTED_ROOT_FILE, `its digest is ${digest}, pinned is sha256:${pinned}`));
  return { ok: true, object: { ...outcome.object, trustedRoot: Buffer.from(root).toString('utf8') } };
};

const withChain = (outcome: Outcome, chain: readonly TrustChainLink[]): Outcome =>
  outcome.ok && outcome.object.kind === 'TrustPolicy' ? { ok: true, object: { ...outcome.object, chain } } : outcome;

const verifyTrust = (document: ManifestDocument, { trust, trustedRoot, chain }: Inputs): Outcome => {
  const digest = digestOf(document.bytes);
  if (digest === trust.digest) return withChain(withRoot(readUnsealed(document), trustedRoot), chain);
  return refused(atFile('TRUST_NOT_PINNED', document.path, `its digest is ${digest}, and the trust policy in force is ${trust.digest}`));
};

const verifyDocument = (document: ManifestDocument, options: Inputs): Outcome => {
  switch (document.kindHint) {
    case 'trust':
      return verifyTrust(document, options);
    case 'policy':
      return verifyPolicy(document, options);
    case 'ruleset':
    case 'tiers':
    case 'license':
    case 'prices':
      return verifySigned(document, options);
    case 'tenant':
      return sealsTenants(options.trust) ? verifySigned(document, options) : readUnsealed(document);
  }
};

const rememberedVerify = (options: Inputs): ((document: ManifestDocument) => Outcome) => {
  const { memo, at } = options;
  if (memo === undefined) return (document) => verifyDocument(document, options);
  const keyOf = memoKeys(options.trust);
  return (document) => {
    // It comes with files beside it, which no key here speaks of.
    if (document.kindHint === 'trust') return verifyDocument(document, options);
    const key = keyOf(document);
    const known = memo.recall(key);
    if (known !== undefined && (known.untilMs === undefined || at < known.untilMs)) return { ok: true, object: known };
    const outcome = verifyDocument(document, options);
    if (outcome.ok) memo.keep(key, outcome.object);
    return outcome;
  };
};

// Two files with one object are found even where one of them is already refused for its name.
const duplicates = (objects: readonly VerifiedObject[]): readonly Problem[] => {
  const first = new Map<string, string>();
  return objects.flatMap((object) => {
    const key = `${object.kind}/${object.name}`;
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, object.path);
      return [];
    }
    const at = object.parsed.positionOf(['metadata', 'name']);
    return [
      { code: 'MANIFEST_DUPLICATE', message: `${object.kind} ${object.name} is also in ${earlier}`, at, path: 'metadata.name' } as const,
    ];
  });
};

const misnamed = (object: VerifiedObject, fileName: string): readonly Problem[] =>
  object.name === fileName
    ? []
    : [
        {
          code: 'MANIFEST_NAME',
          message: `the object is named ${object.name}, its ${object.kind === 'Ruleset' ? 'folder' : 'file'} ${fileName}`,
          at: object.parsed.positionOf(['metadata', 'name']),
          path: 'metadata.name',
        },
      ];

/** Everything that the commit may apply, or all that is wrong with it. Total: hostile bytes give problems. */
export const verifyManifest = (manifest: Manifest, options: VerifyOptions): VerifiedManifest => {
  const verify = rememberedVerify({ ...options, trustedRoot: manifest.trustedRoot, chain: chainOf(manifest, options.trust) });
  const outcomes = manifest.documents.map((document) => ({ document, outcome: verify(document) }));
  options.memo?.sweep();
  const objects = outcomes.flatMap(({ outcome }) => (outcome.ok ? [outcome.object] : []));
  const problems = [
    ...manifest.problems,
    ...outcomes.flatMap(({ document, outcome }) => (outcome.ok ? misnamed(outcome.object, document.name) : outcome.problems)),
    ...duplicates(objects),
  ];
  return problems.length === 0 ? { ok: true, objects } : { ok: false, problems };
};
