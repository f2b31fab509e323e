// SPDX-License-Identifier: Apache-2.0
// writ review: what the webhook would answer, without a cluster.
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import { SYSTEM_NAMESPACE } from '../crds/kinds.ts';
import { isCelError } from '../policies/cel/index.ts';
import { parseReview } from '../policies/decide/request.ts';
import type { AdmissionRequest } from '../policies/decide/request.ts';
import { encodeUngoverned } from '../webhook/admission/answer.ts';
import { scopeOf, tenantNameOf } from '../webhook/admission/governed.ts';
import { handleReview } from '../webhook/admission/index.ts';
import type { ReviewDeps } from '../webhook/admission/index.ts';
import { accessIn } from './authorizer-file.ts';
import { localFacts } from './local-facts.ts';
import { EXIT_FINDINGS, UserError, printWarnings } from './output.ts';
import type { Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { PolicyFiles } from './policy-files.ts';

type Options = { readonly policies: readonly string[]; readonly tenant: string; readonly authorizer?: string };

const HELP = `
Reads AdmissionReviews (admission.k8s.io/v1), one JSON a line, on standard input, and answers each with the line that the
webhook would send: same engine, same code. Seals are not asked for. Documents may also be ValidatingAdmissionPolicies with
their bindings and params, Tenants and Namespaces (v1); a namespace that none of them describes is taken for a governed one
of the tenant named by --tenant. In a namespace that no tenant owns the webhook says nothing.

Formats: in and out one JSON a line, an AdmissionReview with request for one with response, in the same order; a line that is
none is answered with {code, message, fix}.

Exit codes: 0 all answered, 1 a line was no review or a policy is not valid, 2 wrong use.

Examples:
  writ review --policies policies < reviews.jsonl
  jq -c . review.json | writ review --policies a.yaml namespaces/team.yaml --tenant acme`;

const depsFor = (files: PolicyFiles, { tenant, authorizer }: Options, terminal: Terminal): ReviewDeps => {
  const facts = localFacts(files, tenant);
  const access = accessIn(authorizer);
  return {
    enforced: () => ({
      closed: undefined,
      set: files.set,
      trustDigest: '',
      revisions: {},
      signers: new Map(),
      expired: [],
      flippedAtMs: 0,
    }),
    namespaces: { get: facts.namespace, arrival: (name) => Promise.resolve(facts.namespace(name)) },
    tenantOf: facts.tenant,
    systemNamespace: SYSTEM_NAMESPACE,
    namespaceWaitMs: 0,
    askAccess: () => async (question) => {
      const answer = access(question);
      return isCelError(answer) ? { failed: answer.message } : answer;
    },
    clock: terminal.clock,
  };
};

/**
 * A namespace that is described without the tenant label is none of Writ's business, so the API server would not ask; the
 * webhook itself, when it is asked, takes such a namespace for one whose label has not arrived.
 */
const isNotAsked = (request: AdmissionRequest, deps: ReviewDeps): boolean =>
  scopeOf(request, deps.systemNamespace).kind === 'inside' && tenantNameOf(deps.namespaces.get(request.namespace)) === undefined;

const answer = async (line: string, deps: ReviewDeps): Promise<{ readonly status: number; readonly body: string }> => {
  const parsed = parseReview(line);
  if (parsed.ok && isNotAsked(parsed.request, deps)) return { status: 200, body: encodeUngoverned(parsed.request.uid) };
  return handleReview(line, deps);
};

const review = async (options: Options, terminal: Terminal): Promise<void> => {
  const files = loadPolicyFiles(options.policies);
  if (files.problems.length > 0) throw new UserError(files.problems);
  printWarnings(terminal, files.warnings);
  const deps = depsFor(files, options, terminal);
  for await (const line of createInterface({ input: Readable.from(terminal.input), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    const { status, body } = await answer(line, deps);
    if (status !== 200) terminal.exit(EXIT_FINDINGS);
    terminal.out(`${body.trimEnd()}\n`);
  }
};

export const reviewCommand = (terminal: Terminal): Command =>
  new Command('review')
    .description('answer AdmissionReviews as the webhook would')
    .requiredOption('--policies <paths...>', 'policies, tenants and namespaces: documents or folders')
    .option('--tenant <name>', 'tenant of namespaces that are not described', 'test')
    .option('--authorizer <file>', 'what users may do, {allow: […]} as in a case; nothing, without it')
    .addHelpText('after', HELP)
    .action((options: Options) => review(options, terminal));
