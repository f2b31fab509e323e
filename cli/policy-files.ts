// SPDX-License-Identifier: Apache-2.0
/**
 * Paths → policies, compiled, and what stands beside them, with every problem at its exact place. Seals are not asked for.
 *
 * In: files and folders. Out: one set of Policies and of ValidatingAdmissionPolicies with their bindings and params, and the
 * Tenants, Namespaces and described kinds. A ruleset brings its members with it, with the strength and the settings that it
 * gives them; they are then no policies of their own. Documents of writ.dev are read strictly, one a file or several; all
 * others as kubectl reads them.
 */
import { normalize } from 'node:path';
import type { License, PolicySpec, Tenant } from '../crds/generated/objects.ts';
import { compilePolicies } from '../policies/compile/index.ts';
import type { CompileInput, PolicySet } from '../policies/compile/index.ts';
import { createSet } from '../policies/compile/set-index.ts';
import type { DescribedKind } from '../policies/compile/params.ts';
import { admissionPolicies, isAdmissionBinding, isAdmissionPolicy } from '../policies/compile/validating-admission-policy.ts';
import { digestOf } from '../policies/document/digest.ts';
import { parseDocument } from '../policies/document/index.ts';
import type { ParsedDocument } from '../policies/document/index.ts';
import { own, valueAt } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { validateDocument } from '../policies/document/validate.ts';
import { readCatalog } from '../policies/entitlement/catalog.ts';
import type { TierTable } from '../policies/entitlement/tier.ts';
import { readBook } from '../policies/pricing/index.ts';
import { formatProblem } from '../policies/problem.ts';
import type { Problem } from '../policies/problem.ts';
import { exactPlaces } from './exact-places.ts';
import type { ExactPlaces } from './exact-places.ts';
import { readBytes } from './files.ts';
import { findFiles, isCasesFile, isManifest } from './find-files.ts';
import type { FoundFile } from './find-files.ts';
import { isDefinition, kindOf, readManifests } from './manifest.ts';
import { UserError } from './output.ts';
import { loadRuleset, requirementFindings } from './ruleset-policies.ts';
import type { LoadedRuleset } from './ruleset-policies.ts';

export type LoadedPolicy = {
  readonly name: string;
  /** As it is compiled under: of a member, that of its ruleset. */
  readonly digest: string;
  readonly spec: PolicySpec;
  readonly document: ParsedDocument;
  /** The documents of its bindings, for a ValidatingAdmissionPolicy. */
  readonly bindings: readonly ParsedDocument[] | undefined;
};

export type PolicyFiles = {
  /** Files in which something was read. */
  readonly files: readonly string[];
  /** Files of a folder in which nothing is ours, nor may be meant as a param. */
  readonly leftAlone: readonly string[];
  readonly documents: number;
  readonly policies: readonly LoadedPolicy[];
  readonly set: PolicySet;
  readonly tenants: readonly Tenant[];
  /** Those that are not retired. */
  readonly catalogs: readonly TierTable[];
  readonly licenses: readonly License[];
  readonly namespaces: readonly JsonObject[];
  readonly kinds: readonly DescribedKind[];
  /** CustomResourceDefinitions. */
  readonly definitions: readonly JsonObject[];
  /** In the order of files and lines. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
};

type OurInput = { readonly input: CompileInput; readonly document: ParsedDocument };

type Loaded = {
  readonly places: ExactPlaces;
  readonly inputs: OurInput[];
  readonly rulesets: LoadedRuleset[];
  readonly tenants: Tenant[];
  readonly catalogs: TierTable[];
  readonly licenses: License[];
  readonly namespaces: JsonObject[];
  readonly kinds: DescribedKind[];
  readonly definitions: JsonObject[];
  readonly problems: Problem[];
  readonly admission: { readonly policies: ParsedDocument[]; readonly bindings: ParsedDocument[] };
  /** Params, or nothing to us; which of the two is known when all policies are. */
  readonly strangers: { readonly document: ParsedDocument; readonly named: boolean }[];
  readonly files: Set<string>;
  count: number;
};

const describedKind = (value: JsonObject): DescribedKind | undefined => {
  const [group, kind, plural] = [
    valueAt(value, ['spec', 'group']),
    valueAt(value, ['spec', 'names', 'kind']),
    valueAt(value, ['spec', 'names', 'plural']),
  ];
  if (typeof group !== 'string' || typeof kind !== 'string' || typeof plural !== 'string') return undefined;
  return { group, kind, plural, namespaced: valueAt(value, ['spec', 'scope']) === 'Namespaced' };
};

const takeOurs = (given: ParsedDocument, loaded: Loaded): void => {
  const document = loaded.places.watch(given);
  const outcome = validateDocument(document);
  if (!outcome.ok) loaded.problems.push(...outcome.problems);
  else if (outcome.kind === 'Tenant') loaded.tenants.push(outcome.object);
  else if (outcome.kind === 'Policy') {
    const { object: policy } = outcome;
    const { digest, file } = document;
    loaded.inputs.push({ input: { policy, digest, file, positionOf: (path) => document.positionOf(path) }, document });
  } else if (outcome.kind === 'Ruleset') {
    loaded.rulesets.push(loadRuleset({ ruleset: outcome.object, parsed: document, watch: loaded.places.watch }));
  } else if (outcome.kind === 'TierCatalog') {
    const catalog = readCatalog(outcome.object, document);
    if (!catalog.ok) loaded.problems.push(...catalog.problems);
    else if (catalog.table !== undefined) loaded.catalogs.push(catalog.table);
  } else if (outcome.kind === 'License') {
    loaded.licenses.push(outcome.object);
  } else if (outcome.kind === 'PriceBook' && outcome.object.spec.retired !== true) {
    const prices = readBook(outcome.object, document);
    if (!prices.ok) loaded.problems.push(...prices.problems);
  }
};

/** False: nothing that is known to us as it is. */
const takeCluster = (document: ParsedDocument, loaded: Loaded): boolean => {
  const { group, kind } = kindOf(document.value);
  if (isAdmissionPolicy(document)) loaded.admission.policies.push(loaded.places.watch(document));
  else if (isAdmissionBinding(document)) loaded.admission.bindings.push(loaded.places.watch(document));
  else if (group === '' && kind === 'Namespace') loaded.namespaces.push(document.value);
  else if (isDefinition(document.value)) {
    loaded.definitions.push(document.value);
    const described = describedKind(document.value);
    if (described !== undefined) loaded.kinds.push(described);
  } else return false;
  return true;
};

const isOurs = (value: JsonObject): boolean => kindOf(value).group === 'writ.dev';

/** One of several documents of a file, read strictly at its own lines. */
const strictly = (lenient: ParsedDocument, text: string): ReturnType<typeof parseDocument> => {
  const { line } = lenient.positionOf([]);
  const lines = text.split('\n');
  let first = line - 1;
  while (first > 0 && !/^---(?:\s|$)/.test(lines[first] ?? '')) first -= 1;
  let last = line;
  while (last < lines.length && !/^(?:---|\.\.\.)(?:\s|$)/.test(lines[last] ?? '')) last += 1;
  const own = lines.slice(first, last).join('\n');
  const parsed = parseDocument(Buffer.from(`${'\n'.repeat(first)}${own}\n`), lenient.file);
  return parsed.ok ? { ok: true, document: { ...parsed.document, digest: digestOf(Buffer.from(own)) } } : parsed;
};

/** The usual file of ours, told by its look, so that it is parsed once. */
const looksOurs = (text: string): boolean => /^apiVersion:[ \t]*["']?writ\.dev\//m.test(text) && !/\n---(?:\s|$)/.test(text);

const takeStrictly = (file: string, bytes: Uint8Array, loaded: Loaded): void => {
  loaded.files.add(file);
  loaded.count += 1;
  const parsed = parseDocument(bytes, file);
  if (parsed.ok) takeOurs(parsed.document, loaded);
  else loaded.problems.push(...parsed.problems);
};

const loadFile = ({ path: file, named }: FoundFile, loaded: Loaded): void => {
  const bytes = readBytes(file);
  const text = new TextDecoder().decode(bytes);
  // A folder holds much that is not ours; params are told by their policies later, so objects are kept all the same.
  const mentionsUs = text.includes('writ.dev/v') || text.includes('admissionregistration.k8s.io/v1');
  if (looksOurs(text)) return takeStrictly(file, bytes, loaded);
  const { documents, problems } = readManifests(text, file);
  if (!mentionsUs && !named && problems.length > 0) return;
  if (named || mentionsUs) loaded.files.add(file);
  if (documents.length <= 1 && documents.every(({ value }) => isOurs(value) || own(value, 'apiVersion') === undefined)) {
    if (mentionsUs || named) takeStrictly(file, bytes, loaded);
    return;
  }
  if (named || mentionsUs) loaded.problems.push(...problems);
  for (const document of documents) {
    if (isOurs(document.value)) {
      const parsed = strictly(document, text);
      if (parsed.ok) takeOurs(parsed.document, loaded);
      else loaded.problems.push(...parsed.problems);
    } else if (!takeCluster(document, loaded)) {
      loaded.strangers.push({ document, named });
      continue;
    }
    loaded.files.add(file);
    loaded.count += 1;
  }
};

const inOrder = (files: readonly FoundFile[], problems: readonly Problem[]): readonly Problem[] => {
  const order = new Map(files.map(({ path }, index) => [path, index]));
  return problems.toSorted(
    (a, b) =>
      (order.get(a.at?.file ?? '') ?? 0) - (order.get(b.at?.file ?? '') ?? 0) ||
      (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
      (a.at?.column ?? 0) - (b.at?.column ?? 0),
  );
};

const byPolicyName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/** A member may have been read as a file of its own before its ruleset was. */
const once = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.map((problem) => [formatProblem(problem), problem])).values(),
];

/** Beside a ValidatingAdmissionPolicy any object may be meant as its param; else a file that is named must be ours. */
const refuseStrangers = (loaded: Loaded): void => {
  if (loaded.admission.policies.length > 0) return;
  for (const { document, named } of loaded.strangers) {
    if (!named) continue;
    loaded.count += 1;
    const outcome = validateDocument(document);
    if (!outcome.ok) loaded.problems.push(...outcome.problems);
  }
};

/** `mayBeEmpty`: no document at all is no problem, since the caller has found others. */
export const loadPolicyFiles = (paths: readonly string[], mayBeEmpty = false): PolicyFiles => {
  const files = findFiles(paths, isManifest).filter(({ path }) => !isCasesFile(path));
  const loaded: Loaded = {
    places: exactPlaces(),
    inputs: [],
    rulesets: [],
    tenants: [],
    catalogs: [],
    licenses: [],
    namespaces: [],
    kinds: [],
    definitions: [],
    problems: [],
    admission: { policies: [], bindings: [] },
    strangers: [],
    files: new Set(),
    count: 0,
  };
  for (const file of files) loadFile(file, loaded);
  if (loaded.files.size === 0 && !mayBeEmpty) throw new UserError([{ code: 'FILE_NONE', message: `no document in ${paths.join(', ')}` }]);
  refuseStrangers(loaded);
  const admission = admissionPolicies({
    ...loaded.admission,
    objects: loaded.strangers.map(({ document }) => document.value),
    kinds: loaded.kinds,
  });
  const memberFiles = new Set(loaded.rulesets.flatMap((ruleset) => ruleset.files.map(normalize)));
  const inputs = loaded.inputs.filter(({ document: { file } }) => !memberFiles.has(normalize(file)));
  const { set, refused } = compilePolicies([...inputs.map(({ input }) => input), ...admission.inputs]);
  const requirements = requirementFindings(loaded.rulesets);
  const members = loaded.rulesets.flatMap((ruleset) => ruleset.members);
  const problems = [
    ...loaded.problems,
    ...loaded.rulesets.flatMap((ruleset) => ruleset.problems),
    ...requirements.problems,
    ...admission.problems,
    ...refused.flatMap((refusal) => refusal.problems),
  ];
  const ours = inputs.map(({ input: { policy, digest }, document }): LoadedPolicy => {
    return { name: policy.metadata.name, digest, spec: policy.spec, document, bindings: undefined };
  });
  const sealed = members.map(({ compiled: { name, digest }, policy: { spec }, parsed: document }): LoadedPolicy => {
    return { name, digest, spec, document, bindings: undefined };
  });
  const theirs = admission.inputs.flatMap(({ policy, digest }): readonly LoadedPolicy[] => {
    const name = policy.metadata.name ?? '';
    const document = loaded.admission.policies.find(({ value }) => valueAt(value, ['metadata', 'name']) === name);
    const bindings = loaded.admission.bindings.filter(({ value }) => valueAt(value, ['spec', 'policyName']) === name);
    return document === undefined ? [] : [{ name, digest, spec: policy.spec, document, bindings }];
  });
  const params = new Set(loaded.admission.policies.length > 0 ? loaded.strangers.map(({ document }) => document.file) : []);
  return {
    files: [...new Set([...loaded.files, ...loaded.rulesets.flatMap((ruleset) => ruleset.files)])],
    leftAlone: files.flatMap(({ path }) => (loaded.files.has(path) || params.has(path) ? [] : [path])),
    documents: loaded.count,
    policies: [...ours, ...sealed, ...theirs],
    set: members.length === 0 ? set : createSet([...set.policies, ...members.map(({ compiled }) => compiled)].toSorted(byPolicyName)),
    tenants: loaded.tenants,
    catalogs: loaded.catalogs,
    licenses: loaded.licenses,
    namespaces: loaded.namespaces,
    kinds: loaded.kinds,
    definitions: loaded.definitions,
    problems: once(inOrder(files, problems.map(loaded.places.refine))),
    warnings: inOrder(files, [...admission.warnings, ...requirements.warnings]),
  };
};
