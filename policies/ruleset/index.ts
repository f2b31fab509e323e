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
import type { Policy, Ruleset } from '../../crds/generated/types.ts';
import { compilePolicy } from '../compile/policy.ts';
import type { CompiledPolicy } from '../compile/policy-set.ts';
import { digestOf } from '../document/digest.ts';
import { parseDocument } from '../document/index.ts';
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

export type RulesetDocument = { readonly ruleset: Ruleset; readonly parsed: ParsedDocument };

export type ReleaseOutcome =
  | { readonly ok: true; readonly compiled: readonly CompiledPolicy[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** All members together; the custom resource that carries them must fit into etcd with its seals and a copy of spec. */
export const MAX_MEMBERS_BYTES = 1024 * 1024;

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
const sealProblems = ({ ruleset, parsed }: RulesetDocument, files: readonly MemberFile[]): readonly Problem[] => {
  const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > MAX_MEMBERS_BYTES) {
    const message = `the members have ${total} bytes together, more than ${MAX_MEMBERS_BYTES}`;
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

const readMember = (file: string, bytes: Uint8Array): ReadMember | readonly Problem[] => {
  const outcome = parseDocument(bytes, file);
  if (!outcome.ok) return outcome.problems;
  const { document: parsed } = outcome;
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

const compileMember = (member: Member, index: number, read: ReadMember, document: RulesetDocument): CompiledPolicy | readonly Problem[] => {
  const { ruleset, parsed } = document;
  const { spec, metadata } = ruleset;
  const policy = withMemberSettings(read.policy, member);
  const name = `${metadata.name}/${read.policy.metadata.name}`;
  const unknown = settingsProblem(read.policy, member);
  if (unknown !== undefined)
    return [problemIn(parsed, 'RULESET_MEMBER_PARAMS', unknown.message, ['spec', 'policies', index, 'params', ...unknown.path])];
  const outcome = compilePolicy({ policy, digest: parsed.digest, positionOf: (path) => read.parsed.positionOf(path) });
  if (outcome.ok) {
    const { release, scope = 'Cluster' } = spec;
    return { ...outcome.policy, name, version: spec.version, ruleset: { name: metadata.name, release, scope } };
  }
  return outcome.problems.map((problem) =>
    problem.code === 'POLICY_PARAMS' && member.params !== undefined
      ? problemIn(parsed, 'RULESET_MEMBER_PARAMS', problem.message, ['spec', 'policies', index, 'params'])
      : problem,
  );
};

const nameTwice = (parsed: ParsedDocument, name: string, other: string): Problem =>
  problemIn(parsed, 'RULESET_MEMBER_DUPLICATE', `the policy ${name} is in ${other} too`, ['metadata', 'name']);

export const readRelease = (document: RulesetDocument, files: readonly MemberFile[]): ReleaseOutcome => {
  const sealed = sealProblems(document, files);
  if (sealed.length > 0) return { ok: false, problems: sealed };
  const bytes = new Map(files.map((file) => [file.path, file.bytes]));
  const paths = new Map<string, string>();
  const compiled: CompiledPolicy[] = [];
  const problems: Problem[] = [];
  for (const [index, member] of (document.ruleset.spec.policies ?? []).entries()) {
    const read = readMember(memberFile(document.parsed.file, member.path), bytes.get(member.path) ?? new Uint8Array());
    if (!('policy' in read)) {
      problems.push(...read);
      continue;
    }
    const { name } = read.policy.metadata;
    const other = paths.get(name);
    if (other !== undefined) problems.push(nameTwice(read.parsed, name, other));
    paths.set(name, member.path);
    const outcome = compileMember(member, index, read, document);
    if ('digest' in outcome) compiled.push(outcome);
    else problems.push(...outcome);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, compiled: compiled.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
};
