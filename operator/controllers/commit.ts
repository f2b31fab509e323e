// SPDX-License-Identifier: Apache-2.0
// One commit of a source → the objects that it asks for, or everything that is wrong with it. Reads bytes, applies nothing.
import { MANAGED_BY, MANAGED_BY_LABEL, SOURCE_LABEL, apiVersionOf, sourceLabel, writKinds } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { Mark } from '../../crds/marks.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import type { Marked } from '../../policies/currency/index.ts';
import { kindOfFile } from '../../policies/currency/removal.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { Problem } from '../../policies/problem.ts';
import { verifySet } from '../../policies/trust/check-set.ts';
import { markedKinds } from '../../policies/trust/set-reader.ts';
import type { Proving } from '../../policies/trust/evidence-task.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { DesiredObject } from '../apply/plan.ts';
import { readManifest, wantedPaths } from '../manifest/index.ts';
import type { Manifest } from '../manifest/index.ts';
import type { Memo } from '../../policies/memo.ts';
import { readManifestTrust } from '../manifest/trust.ts';
import { verifyManifest } from '../manifest/verify.ts';
import type { VerifiedObject } from '../manifest/verify.ts';
import type { Snapshot } from '../source/snapshot.ts';
import type { BroughtRelease } from './requirements.ts';
import { foreignFiles, foreignObjects } from './tenant-source.ts';
import type { TrustState } from './trust-policy.ts';

export type CommitObjects = {
  readonly desired: readonly DesiredObject[];
  readonly policies: readonly CompiledPolicy[];
  /** The set seal for this source that came with the commit. */
  readonly set: CommitSet | undefined;
  /** Why a seal of the repository is no proof that something may end. */
  readonly setProblem: Problem | undefined;
  /** Each document that has a version, for its mark. */
  readonly sealed: readonly Marked[];
  /** The rulesets among them. */
  readonly releases: readonly BroughtRelease[];
  /** Epoch ms at which time alone may change what a document or a seal is worth; from then on the commit must be judged again. */
  readonly expiresMs: number | undefined;
};

export type CommitSet = { readonly proof: SetProof; readonly bundles: readonly string[] };

const releaseOf = (verified: VerifiedObject): readonly BroughtRelease[] => {
  if (verified.kind !== 'Ruleset') return [];
  const { name, digest, object, parsed } = verified;
  const { release, retired = false, requires = [] } = object.spec;
  return [{ name, digest, release, retired, requires, positionOf: (path) => parsed.positionOf(path) }];
};

export type CommitReading =
  | { readonly ok: true; readonly objects: CommitObjects }
  | { readonly ok: false; readonly stage: 'Verified' | 'Fetched'; readonly problems: readonly Problem[] };

export type ReadCommitInput = {
  /** `NAMESPACE/NAME` of the GitSource. */
  readonly source: string;
  readonly snapshot: Snapshot;
  /** That the source is confined to. */
  readonly tenant?: string | undefined;
  readonly trust: TrustState;
  /** Of what was enforced. */
  readonly marks: Iterable<Mark>;
  readonly pinnedDigest: string;
  readonly nowMs: number;
  /** Of this source: what was verified in its commits before. */
  readonly memo: Memo<VerifiedObject>;
  readonly proving: Proving;
  readonly signal: AbortSignal;
};

const resourceOf = (kind: VerifiedObject['kind']): Resource => {
  const resource = writKinds.find((one) => one.kind === kind);
  if (resource === undefined) throw new Error(`unreachable: ${kind} is one of our kinds`);
  return resource;
};

export const readCommit = async (input: ReadCommitInput): Promise<CommitReading> => {
  const paths = wantedPaths(input.snapshot.files().map((file) => file.path));
  const read = await input.snapshot.read(paths, input.signal);
  if (!read.ok) return { ok: false, stage: 'Fetched', problems: [read.problem] };
  const manifest = readManifest(read.files);
  return judge(manifest, input);
};

/** Under the trust policy that the commit brings, or the one in force where it brings none that may follow. */
const judge = async (manifest: Manifest, input: ReadCommitInput): Promise<CommitReading> => {
  const { trust: state, pinnedDigest, nowMs: at, proving, memo } = input;
  const evidence = proving.memory;
  const refused = (problems: readonly Problem[]): CommitReading => ({ ok: false, stage: 'Verified', problems });
  const held = state.ok ? state.trust : undefined;
  const { tenant } = input;
  const foreign = tenant === undefined ? [] : foreignFiles(manifest, tenant);
  if (foreign.length > 0) return refused(foreign);
  const mark = state.ok ? undefined : state.mark;
  const brought = readManifestTrust({ manifest, held, mark, pinnedDigest, at, evidence });
  const trust = brought.ok ? brought.trust : held;
  if (trust === undefined) return refused(brought.ok ? (state.ok ? [] : [state.problem]) : brought.problems);
  const rest = brought.ok ? manifest : { ...manifest, documents: manifest.documents.filter(({ kindHint }) => kindHint !== 'trust') };
  await proving.ahead(
    rest.documents.map(({ path: file, bytes, bundles }) => ({ file, bytes, bundles })),
    trust,
  );
  const verified = verifyManifest(rest, { trust, at, memo, evidence });
  const beyond = tenant === undefined || !verified.ok ? [] : foreignObjects(verified.objects, tenant);
  const problems = [...(brought.ok ? [] : brought.problems), ...(verified.ok ? [] : verified.problems), ...beyond];
  return verified.ok && problems.length === 0
    ? compiled(verified.objects, input.source, readSet(manifest, trust, input))
    : refused(problems);
};

type SetReading = Pick<CommitObjects, 'set' | 'setProblem'> & { readonly untilMs?: number | undefined };

const readSet = ({ sets, documents }: Manifest, trust: Trust, { source, nowMs, marks }: ReadCommitInput): SetReading => {
  if (sets.length === 0) return { set: undefined, setProblem: undefined };
  const ordered = [...documents.flatMap(({ path }) => kindOfFile(path) ?? []), ...(markedKinds(marks).get(source) ?? [])];
  const outcome = verifySet(sets, { trust, at: nowMs, ordered });
  const { untilMs } = outcome;
  if (!outcome.ok) return { set: undefined, setProblem: outcome.problem, untilMs };
  const { set: proof } = outcome;
  if (proof.source === source) return { set: { proof, bundles: sets }, setProblem: undefined, untilMs };
  const message = proof.source === undefined ? 'the set seal names no source' : `the set seal is for ${proof.source}`;
  return { set: undefined, setProblem: { code: 'SEAL_STATEMENT', message }, untilMs };
};

const compiled = (objects: readonly VerifiedObject[], source: string, { untilMs: setUntilMs, ...ofSet }: SetReading): CommitReading => {
  const inputs = objects.flatMap((verified) =>
    verified.kind === 'Policy'
      ? [
          {
            policy: verified.object,
            digest: verified.digest,
            file: verified.path,
            positionOf: (path: readonly (string | number)[]) => verified.parsed.positionOf(path),
          },
        ]
      : [],
  );
  const { set, refused } = compilePolicies(inputs);
  if (refused.length > 0) return { ok: false, stage: 'Verified', problems: refused.flatMap(({ problems }) => problems) };
  const ends = [setUntilMs, ...objects.map(({ untilMs }) => untilMs)].flatMap((untilMs) => untilMs ?? []);
  return {
    ok: true,
    objects: {
      desired: objects.map((verified) => desiredObject(verified, source)),
      policies: [...set.policies, ...objects.flatMap((verified) => (verified.kind === 'Ruleset' ? verified.compiled : []))],
      ...ofSet,
      sealed: objects.flatMap((verified) => markedOf(verified, source)),
      releases: objects.flatMap(releaseOf),
      expiresMs: ends.length === 0 ? undefined : Math.min(...ends),
    },
  };
};

const markedOf = (verified: VerifiedObject, source: string): readonly Marked[] => {
  const { kind, name, digest } = verified;
  // Where no seal was asked for RBAC decides, and its version bounds nothing.
  if (kind === 'Tenant') return verified.signers.length === 0 ? [] : [{ kind, name, digest, version: verified.version }];
  if (kind === 'TrustPolicy') return [{ kind, name, digest, version: verified.object.spec.version, source }];
  const retired = verified.object.spec.retired === true;
  const unsigned = kind === 'Policy' && verified.unsigned ? { unsigned: true as const } : {};
  return [{ kind, name, version: verified.version, digest, source, retired, ...unsigned }];
};

const signatureOf = (verified: VerifiedObject): object => ({
  document: verified.document,
  bundles: verified.bundles,
  ...(verified.kind === 'Ruleset' ? { members: verified.members } : {}),
  ...(verified.kind === 'TrustPolicy' && verified.trustedRoot !== undefined ? { trustedRoot: verified.trustedRoot } : {}),
  ...(verified.kind === 'TrustPolicy' && verified.chain.length > 0 ? { chain: verified.chain } : {}),
});

const desiredObject = (verified: VerifiedObject, source: string): DesiredObject => {
  const resource = resourceOf(verified.kind);
  const { metadata, spec } = verified.object;
  return {
    resource,
    group: resource.group,
    kind: resource.kind,
    name: verified.name,
    digest: verified.digest,
    path: verified.path,
    positionOf: (path) => verified.parsed.positionOf(path),
    object: {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: {
        name: verified.name,
        labels: { ...metadata.labels, [SOURCE_LABEL]: sourceLabel(source), [MANAGED_BY_LABEL]: MANAGED_BY },
        ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      },
      spec,
      // A Tenant is sealed where a rule of the trust policy speaks of Tenants.
      ...(verified.kind === 'Tenant' && verified.signers.length === 0 ? {} : { signature: signatureOf(verified) }),
    },
  };
};
