// SPDX-License-Identifier: Apache-2.0
// writ explain: what a policy says, what it says to an object, or why a decision came out as it did.
import { Command, Option } from 'commander';
import type { Access } from '../policies/cel/index.ts';
import { createSet } from '../policies/compile/set-index.ts';
import { explain } from '../policies/decide/explain.ts';
import type { Explanation } from '../policies/decide/explain.ts';
import type { AdmissionRequest } from '../policies/decide/request.ts';
import { subjectOf } from '../policies/subject/index.ts';
import { accessIn } from './authorizer-file.ts';
import { findDecision, isDecisionId, printDecision, recordIn, requestOfDecision } from './explain-decision.ts';
import type { FoundDecision } from './explain-decision.ts';
import { describeExplanation, describePolicy, rulesOf } from './explain-text.ts';
import { localFacts } from './local-facts.ts';
import { readObject, requestFor } from './object-request.ts';
import { EXIT_FINDINGS, UsageError, UserError, printJson, printWarnings } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { LoadedPolicy, PolicyFiles } from './policy-files.ts';

type Options = {
  readonly with: readonly string[];
  readonly object?: string;
  readonly oldObject?: string;
  readonly log?: string;
  readonly authorizer?: string;
  readonly namespace: string;
  readonly tenant: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly output: Format;
};

const HELP = `
With a policy document: what it matches and asks for. With --object also what each of its conditions and validations says
when that object is created in a governed namespace: the values of its variables and of the parts of each expression, the
element on which an all or exists hangs, and a caret under the part that failed. A ValidatingAdmissionPolicy is explained
with the bindings and params that stand in its file or in those of --with; several policies in one file all are.

With a decision id, as it stands in a refusal: the webhook's record of it, from --log; a file that holds one record, a line
of that log, serves as well. With --object and the policies in --with the object is judged again, asked as the record says
(operation, user, namespace, tenant), and each policy that spoke then is told as above; --groups gives the groups, which a
record does not have. Where the policies are not the set of the decision, that is told.

Formats: text for people; json has the policy's spec and rules, or {decision, policies} with every step, its parts and the
offset of the part that failed; of a record {decision, policySet}, with an object explanation too.

Exit codes: 0 told (and the object is not denied), 1 denied, refused or not found, 2 wrong use.

Examples:
  writ explain policies/a.yaml
  writ explain policies/a.yaml --object deployment.yaml --namespace team
  writ explain vap.yaml --with binding.yaml params.yaml --object pod.yaml
  kubectl get deployment web -o yaml | writ explain policies/a.yaml --object -
  writ explain d-0123456789abcdef0123 --log decisions.jsonl
  writ explain d-0123456789abcdef0123 --log decisions.jsonl --object pod.yaml --with policies`;

const policiesIn = (file: string, files: PolicyFiles): readonly LoadedPolicy[] => {
  const found = files.policies.filter(({ document }) => document.file === file);
  if (found.length === 0) throw new UsageError(`${file} holds no policy; explain takes a policy or a decision id`);
  return found;
};

type Judged = {
  readonly policies: readonly LoadedPolicy[];
  readonly request: AdmissionRequest;
  readonly tenant: string;
  readonly access: Access;
};

const explanationOf = ({ policies, request, tenant, access }: Judged, files: PolicyFiles): Explanation => {
  const facts = localFacts(files, tenant);
  const namespaceObject = request.namespace === '' ? null : facts.namespace(request.namespace);
  const asked = createSet(files.set.policies.filter((one) => policies.some(({ name }) => name === one.name)));
  return explain(asked, subjectOf(request), { request, namespaceObject, tenant: facts.tenant(tenant), access });
};

const printExplanation = (explanation: Explanation, policies: readonly LoadedPolicy[], context: Context): void => {
  for (const policy of policies) {
    describePolicy(policy, context.files, context.terminal);
    for (const explained of explanation.policies) if (explained.policy === policy.name) describeExplanation(explained, context.terminal);
  }
};

type Context = { readonly files: PolicyFiles; readonly terminal: Terminal };

const load = (paths: readonly string[], terminal: Terminal): PolicyFiles => {
  const files = loadPolicyFiles(paths);
  if (files.problems.length > 0) throw new UserError(files.problems);
  printWarnings(terminal, files.warnings);
  return files;
};

const explainPolicy = (file: string, options: Options, terminal: Terminal): void => {
  const files = load([file, ...options.with], terminal);
  const policies = policiesIn(file, files);
  if (options.object === undefined) {
    if (options.output === 'text') return policies.forEach((policy) => describePolicy(policy, files, terminal));
    const rows = policies.map(({ name, spec }) => ({
      policy: name,
      spec,
      rules: files.set.policies.filter((one) => one.name === name).flatMap(rulesOf),
    }));
    return printJson(terminal, rows.length === 1 ? rows[0] : rows);
  }
  const { oldObject } = options;
  const request = requestFor(readObject(options.object), {
    ...options,
    kinds: files.kinds,
    oldObject: oldObject === undefined ? undefined : readObject(oldObject),
  });
  const explanation = explanationOf({ policies, request, tenant: options.tenant, access: accessIn(options.authorizer) }, files);
  if (explanation.decision.verdict === 'Deny') terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json') return printJson(terminal, explanation);
  printExplanation(explanation, policies, { files, terminal });
};

/** The record alone, or with the object that it is about: judged again by the policies given, as the record says it was asked. */
const explainDecision = (found: FoundDecision, options: Options, terminal: Terminal): void => {
  const { decision, set } = found;
  if (options.object === undefined) {
    if (options.output === 'json') return printJson(terminal, { decision, ...(set === undefined ? {} : { policySet: set }) });
    return printDecision(found, terminal);
  }
  if (options.with.length === 0) throw new UsageError('an object needs --with PATHS, the policies to judge it again');
  const files = load(options.with, terminal);
  const { request, tenant, names } = requestOfDecision(decision, {
    object: readObject(options.object),
    oldObject: options.oldObject === undefined ? null : readObject(options.oldObject),
    groups: options.groups,
    kinds: files.kinds,
  });
  const spoke = files.policies.filter(({ name }) => names.has(name));
  const policies = spoke.length === 0 ? files.policies : spoke;
  const access = accessIn(options.authorizer);
  const explanation = explanationOf({ policies, request, tenant: tenant === '' ? options.tenant : tenant, access }, files);
  if (explanation.decision.verdict === 'Deny') terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json') return printJson(terminal, { decision, ...(set === undefined ? {} : { policySet: set }), explanation });
  printDecision(found, terminal);
  if (decision['setDigest'] !== files.set.digest)
    terminal.err(`warning: these policies are not the set by which it was decided; theirs is ${files.set.digest}\n`);
  terminal.out('\nJudged again:\n\n');
  printExplanation(explanation, policies, { files, terminal });
};

export const explainCommand = (terminal: Terminal): Command =>
  new Command('explain')
    .description('tell what a policy says, or why a decision came out as it did')
    .argument('<policy-or-decision>', 'a policy document, the id of a decision, or a file with its record')
    .option('--with <paths...>', 'policies, bindings, params, tenants and namespaces: more documents or folders', [])
    .option('--object <file>', 'an object, as YAML or JSON, to judge; - is standard input')
    .option('--old-object <file>', 'the object before an update')
    .option('--log <file>', "the webhook's decision log, for a decision id; - is standard input")
    .option('--namespace <name>', 'namespace of the object where it names none', 'default')
    .option('--tenant <name>', 'tenant of that namespace', 'test')
    .option('--user <name>', 'who creates the object', 'someone')
    .option('--authorizer <file>', 'what users may do, {allow: […]} as in a case; nothing, without it')
    .option('--groups <names...>', 'groups of the user', ['system:authenticated'])
    .addOption(new Option('--output <format>', 'how it is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action(async (target: string, options: Options) => {
      if (isDecisionId(target)) {
        if (options.log === undefined) throw new UsageError('a decision id needs --log FILE, the decision log of the webhook');
        return explainDecision(await findDecision(target, options.log), options, terminal);
      }
      const record = recordIn(target);
      return record === undefined ? explainPolicy(target, options, terminal) : explainDecision(record, options, terminal);
    });
