// SPDX-License-Identifier: Apache-2.0
/**
 * A Ruleset document and the files of its members → the policies that the release orders, or everything that is wrong.
 *
 * In: the parsed document of a Ruleset and its members' bytes; whether the document's seal counts is the caller's to know.
 * Out: compiled policies named `RULESET/POLICY`, under the digest and version of the Ruleset, since it is that document
 * which seals their bytes, strength and settings. No member is parsed before all of them are exactly those that the
 * document names: no member of another release, none changed, missing or added. A member needs no seal of its own. Pure
 * and total. Operator, webhook and command line import it.
 */
import { Buffer } from 'node:buffer';
import type { Policy, Ruleset } from '../../crds/generated/objects.ts';
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { compilePolicyInSteps } from '../compile/policy.ts';
import type { CompiledPolicy } from '../compile/policy-set.ts';
import { digestOf } from '../document/digest.ts';
import { parseDocumentInSteps } from '../document/index.ts';
import type { JsonPath, ParsedDocument } from '../document/index.ts';
import { formatPath } from '../document/json.ts';
import { validateDocument } from '../document/validate.ts';
import { startOf } from '../problem.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { settingsProblem, withMemberSettings } from './settings.ts';

export type MemberFile = {
  /** Relative to the folder of the ruleset, as the document names it. */
  readonly path: string;
  readonly bytes: Uint8Array;
};

export type RulesetDocument = {
  readonly ruleset: Ruleset;
  readonly parsed: ParsedDocument;
  /** Sees the document of each member before its places are told. */
  readonly watch?: (member: ParsedDocument) => ParsedDocument;
};

export type CompiledMember = {
  readonly path: string;
  /** With the strength and the settings that the release gives it. */
  readonly policy: Policy;
  readonly parsed: ParsedDocument;
  readonly compiled: CompiledPolicy;
};

export type ReleaseOutcome =
  | { readonly ok: true; readonly members: readonly CompiledMember[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Of what the custom resource carries under seal, as JSON; with a copy of spec beside it that fits into etcd's 1.5 MiB. */
export const MAX_RELEASE_BYTES = 1024 * 1024;

/** What goes under `signature` of the object. */
export type CarriedRelease = {
  readonly document: string;
  readonly bundles?: readonly string[];
  readonly members?: readonly { readonly path: string; readonly document: string }[];
};

const sizeOf = ({ document, bundles = [], members = [] }: CarriedRelease): number =>
  Buffer.byteLength(JSON.stringify([document, bundles, members]));

export const sizeProblem = (carried: CarriedRelease): Problem | undefined => {
  const size = sizeOf(carried);
  if (size <= MAX_RELEASE_BYTES) return undefined;
  return { code: 'RULESET_TOO_LARGE', message: `document, bundles and members have ${size} bytes as JSON, more than ${MAX_RELEASE_BYTES}` };
};

type Member = NonNullable<Ruleset['spec']['policies']>[number];

const problemIn = (parsed: ParsedDocument, code: ProblemCode, message: string, path: JsonPath): Problem => ({
  code,
  message,
  at: parsed.positionOf(path),
  path: formatPath(path),
});

/** How a file of the release is named in problems: in the folder of the ruleset's own. */
export const memberFile = (rulesetFile: string, path: string): string => `${rulesetFile.slice(0, rulesetFile.lastIndexOf('/') + 1)}${path}`;

/** Whether the files are exactly those that the document seals. Nothing is read as policy here. */
export const sealProblems = ({ ruleset, parsed }: RulesetDocument, files: readonly MemberFile[]): readonly Problem[] => {
  const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > MAX_RELEASE_BYTES) {
    const message = `the members have ${total} bytes together, more than ${MAX_RELEASE_BYTES}`;
    return [problemIn(parsed, 'RULESET_TOO_LARGE', message, ['spec', 'policies'])];
  }
  const named = new Set((ruleset.spec.policies ?? []).map(({ path }) => path));
  const given = new Map<string, MemberFile>();
  const problems: Problem[] = [];
  for (const file of files) {
    const at = startOf(memberFile(parsed.file, file.path));
    if (!named.has(file.path))
      problems.push({ code: 'RULESET_MEMBER_EXTRA', message: `ruleset ${ruleset.metadata.name} does not name this file`, at });
    else if (given.has(file.path)) problems.push({ code: 'RULESET_MEMBER_DUPLICATE', message: 'this file is given twice', at });
    given.set(file.path, file);
  }
  for (const [index, { path, sha256 }] of (ruleset.spec.policies ?? []).entries()) {
    const file = given.get(path);
    const refuse = (code: ProblemCode, message: string, field: string): void => {
      problems.push(problemIn(parsed, code, message, ['spec', 'policies', index, field]));
    };
    if (file === undefined) {
      refuse('RULESET_MEMBER_MISSING', `there is no ${memberFile(parsed.file, path)}`, 'path');
      continue;
    }
    const digest = digestOf(file.bytes);
    if (digest !== `sha256:${sha256}`)
      refuse('RULESET_MEMBER_DIGEST', `the digest of ${path} is ${digest}, sealed is sha256:${sha256}`, 'sha256');
  }
  return problems;
};

type ReadMember = { readonly policy: Policy; readonly parsed: ParsedDocument };

/** What is the release's to say, not the member's: one end, one version for all. */
const RELEASE_FIELDS = ['expires', 'gracePeriod', 'retired'] as const;

const readMember = function* (
  file: string,
  bytes: Uint8Array,
  { watch = (member) => member }: RulesetDocument,
): Steps<ReadMember | readonly Problem[]> {
  const outcome = yield* parseDocumentInSteps(bytes, file);
  if (!outcome.ok) return outcome.problems;
  const parsed = watch(outcome.document);
  const valid = validateDocument(parsed);
  if (!valid.ok) return valid.problems;
  if (valid.kind !== 'Policy')
    return [problemIn(parsed, 'RULESET_MEMBER_KIND', `a member is a Policy, and this is a ${valid.kind}`, ['kind'])];
  const policy = valid.object;
  const set = new Set(Object.keys(policy.spec));
  const foreign = RELEASE_FIELDS.filter((field) => set.has(field));
  if (foreign.length === 0) return { policy, parsed };
  return foreign.map((field) => problemIn(parsed, 'RULESET_MEMBER_FIELD', `${field} is the ruleset's to say`, ['spec', field]));
};

type Place = { readonly member: Member; readonly index: number; readonly document: RulesetDocument };

const compileMember = function* (read: ReadMember, { member, index, document }: Place): Steps<CompiledMember | readonly Problem[]> {
  const { ruleset, parsed } = document;
  const { spec, metadata } = ruleset;
  const name = `${metadata.name}/${read.policy.metadata.name}`;
  const path = ['spec', 'policies', index, 'params'];
  const strange = settingsProblem(read.policy, member);
  if (strange !== undefined) return [problemIn(parsed, 'RULESET_MEMBER_PARAMS', strange.message, [...path, ...strange.path])];
  const policy = withMemberSettings(read.policy, member);
  const outcome = yield* compilePolicyInSteps({ policy, digest: parsed.digest, positionOf: (place) => read.parsed.positionOf(place) });
  if (outcome.ok) {
    const { release, scope = 'Cluster', version } = spec;
    const compiled = { ...outcome.policy, name, version, ruleset: { name: metadata.name, release, scope } };
    return { path: member.path, policy, parsed: read.parsed, compiled };
  }
  return outcome.problems.map((problem) =>
    problem.code === 'POLICY_PARAMS' && member.params !== undefined
      ? problemIn(parsed, 'RULESET_MEMBER_PARAMS', problem.message, path)
      : problem,
  );
};

const nameProblems = ({ policy, parsed }: ReadMember, path: string, other: string | undefined): readonly Problem[] => {
  const { name } = policy.metadata;
  const fileName = path.slice(path.lastIndexOf('/') + 1);
  const refuse = (code: ProblemCode, message: string): Problem => problemIn(parsed, code, message, ['metadata', 'name']);
  return [
    ...(fileName === `${name}.yaml` ? [] : [refuse('MANIFEST_NAME', `the object is named ${name}, its file ${fileName}`)]),
    ...(other === undefined ? [] : [refuse('RULESET_MEMBER_DUPLICATE', `the policy ${name} is in ${other} too`)]),
  ];
};

export type CompiledMembers = { readonly members: readonly CompiledMember[]; readonly problems: readonly Problem[] };

/** The members that are there, whether or not the document seals them: for people who write a release. */
const compileMembersInSteps = function* (document: RulesetDocument, files: readonly MemberFile[]): Steps<CompiledMembers> {
  const bytes = new Map(files.map((file) => [file.path, file.bytes]));
  const paths = new Map<string, string>();
  const members: CompiledMember[] = [];
  const problems: Problem[] = [];
  for (const [index, member] of (document.ruleset.spec.policies ?? []).entries()) {
    const found = bytes.get(member.path);
    if (found === undefined) continue;
    const read = yield* readMember(memberFile(document.parsed.file, member.path), found, document);
    if (!('policy' in read)) {
      problems.push(...read);
      continue;
    }
    const { name } = read.policy.metadata;
    problems.push(...nameProblems(read, member.path, paths.get(name)));
    paths.set(name, member.path);
    yield;
    const outcome = yield* compileMember(read, { member, index, document });
    if ('compiled' in outcome) members.push(outcome);
    else problems.push(...outcome);
  }
  return { members: members.toSorted((a, b) => (a.compiled.name < b.compiled.name ? -1 : 1)), problems };
};

export const compileMembers = atOnce(compileMembersInSteps);

/** The release, if the files are what the document seals and all of them are good. */
export const readReleaseInSteps = function* (document: RulesetDocument, files: readonly MemberFile[]): Steps<ReleaseOutcome> {
  const sealed = sealProblems(document, files);
  if (sealed.length > 0) return { ok: false, problems: sealed };
  yield;
  const { members, problems } = yield* compileMembersInSteps(document, files);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, members };
};

export const readRelease = atOnce(readReleaseInSteps);
