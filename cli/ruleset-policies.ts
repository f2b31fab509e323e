// SPDX-License-Identifier: Apache-2.0
// A ruleset among the documents that a person gives: its members as it means them, what is wrong with them, and what the
// rulesets that are given together lack of each other.
import type { Ruleset } from '../crds/generated/objects.ts';
import type { ParsedDocument } from '../policies/document/index.ts';
import { formatPath } from '../policies/document/json.ts';
import type { Problem } from '../policies/problem.ts';
import { compileMembers, memberFile, sealProblems } from '../policies/ruleset/index.ts';
import type { CompiledMember, RulesetDocument } from '../policies/ruleset/index.ts';
import { unmetRequirements } from '../policies/ruleset/requires.ts';
import { membersBeside } from './ruleset-files.ts';

export type LoadedRuleset = {
  readonly ruleset: Ruleset;
  readonly parsed: ParsedDocument;
  /** Of its members. */
  readonly files: readonly string[];
  /** Also of those that it does not seal as they are: who writes them wants to know what else is wrong. */
  readonly members: readonly CompiledMember[];
  readonly problems: readonly Problem[];
};

export const loadRuleset = (document: RulesetDocument): LoadedRuleset => {
  const { ruleset, parsed } = document;
  const beside = membersBeside(parsed.file, ruleset);
  const { members, problems } = compileMembers(document, beside);
  const files = beside.map(({ path }) => memberFile(parsed.file, path));
  return { ruleset, parsed, files, members, problems: [...sealProblems(document, beside), ...problems] };
};

const nameTwice = (rulesets: readonly LoadedRuleset[]): readonly Problem[] => {
  const first = new Map<string, string>();
  return rulesets.flatMap(({ ruleset: { metadata }, parsed }): readonly Problem[] => {
    const other = first.get(metadata.name);
    if (other === undefined) {
      first.set(metadata.name, parsed.file);
      return [];
    }
    const path = ['metadata', 'name'];
    const message = `Ruleset ${metadata.name} is also in ${other}`;
    return [{ code: 'MANIFEST_DUPLICATE', message, at: parsed.positionOf(path), path: formatPath(path) }];
  });
};

/** One that is not among these documents may be in the cluster, so that is a warning. */
export const requirementFindings = (
  rulesets: readonly LoadedRuleset[],
): { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] } => {
  const unmet = unmetRequirements(
    rulesets.map(({ ruleset: { metadata, spec } }) => ({
      name: metadata.name,
      release: spec.release,
      retired: spec.retired === true,
      requires: spec.requires ?? [],
    })),
  );
  const found = rulesets.flatMap(({ ruleset, parsed }) =>
    (unmet.get(ruleset.metadata.name) ?? []).map((problem) => ({ ...problem, at: parsed.positionOf(['spec', 'requires']) })),
  );
  return {
    problems: [...nameTwice(rulesets), ...found.filter(({ code }) => code !== 'RULESET_REQUIRES_MISSING')],
    warnings: found.filter(({ code }) => code === 'RULESET_REQUIRES_MISSING'),
  };
};
