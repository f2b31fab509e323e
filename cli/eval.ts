// SPDX-License-Identifier: Apache-2.0
// writ eval: one expression, on the engine of the webhook.
import { Command, Option } from 'commander';
import { celTypes, compile, fromJson, isCelError, parseJson } from '../policies/cel/index.ts';
import type { Bindings, CelError, Value } from '../policies/cel/index.ts';
import { emptySet } from '../policies/compile/index.ts';
import type { CompiledPolicy } from '../policies/compile/index.ts';
import { baseBindings, withVariables } from '../policies/decide/bindings.ts';
import { DEFAULT_LIMITS } from '../policies/decide/limits.ts';
import { celText } from '../policies/decide/value-text.ts';
import { subjectOf } from '../policies/subject/index.ts';
import { caretUnder } from './caret.ts';
import { celJson } from './cel-json.ts';
import { readMapping, readObject, requestFor } from './object-request.ts';
import { localFacts } from './local-facts.ts';
import { EXIT_FINDINGS, UsageError, UserError, printJson, printWarnings } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { PolicyFiles } from './policy-files.ts';

type Options = {
  readonly object?: string;
  readonly oldObject?: string;
  readonly params?: string;
  readonly with: readonly string[];
  readonly policy?: string;
  readonly var: readonly string[];
  readonly namespace: string;
  readonly tenant: string;
  readonly output: Format;
};

const HELP = `
With --object the variables of a policy are there: object, request, namespaceObject, workload, agent, tenant, as if that
object were created in a governed namespace (updated, with --old-object), and params with --params. --var NAME=JSON gives any
other variable; a value that is not JSON is taken for text. Variables are of the type dyn. Told are the value, the static
type of the expression and its cost, counted against the budget of 1,000,000 that an expression of a policy has; an error
is told with a caret under its place.

Formats: text has the value as CEL writes it, the type and the cost; json has {expression, value, type, cost}, or instead of
value and type an error, or issues where it does not compile, each with message and offset. Integers beyond 2^53 are text.

Exit codes: 0 there is a value, 1 the expression does not compile or ended in an error, 2 wrong use.

Examples:
  writ eval '1 + 1'
  writ eval 'object.spec.containers.map(c, c.image)' --object pod.yaml
  writ eval 'variables.images.size() > params.max' --object pod.yaml --with policy.yaml binding.yaml
  writ eval 'x.startsWith(y)' --var x='"abc"' --var y=a --output json`;

const NAME = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

const givenVariable = (text: string): readonly [string, Value] => {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0));
  if (!NAME.test(name)) throw new UsageError(`--var ${text}: write NAME=JSON`);
  const json = text.slice(equals + 1);
  try {
    return [name, parseJson(json)];
  } catch {
    return [name, json];
  }
};

/** The policy whose variables and params an expression may use: the one that is named, or the only one. */
const policyIn = ({ set }: PolicyFiles, name: string | undefined): CompiledPolicy | undefined => {
  if (name === undefined) return set.policies.length === 1 ? set.policies[0] : undefined;
  const found = set.policies.find((policy) => policy.name === name);
  if (found === undefined)
    throw new UsageError(`--policy ${name}: there is ${set.policies.map((one) => one.name).join(', ') || 'no policy'}`);
  return found;
};

/** What a policy is judged with: its own settings, or the first object that one of its bindings gives. */
const paramsOf = (policy: CompiledPolicy | undefined, namespace: string): Value | undefined => {
  const chosen = (policy?.bindings ?? []).map(({ params }) => params?.(namespace));
  const bound = chosen.flatMap((one) => (one?.ok === true ? one.params : [])).find((one) => one !== undefined);
  return bound ?? policy?.params;
};

const load = (paths: readonly string[], terminal: Terminal): PolicyFiles | undefined => {
  if (paths.length === 0) return undefined;
  const files = loadPolicyFiles(paths);
  if (files.problems.length > 0) throw new UserError(files.problems);
  printWarnings(terminal, files.warnings);
  return files;
};

const bindingsFor = (options: Options, terminal: Terminal): Bindings => {
  const given = Object.fromEntries(options.var.map(givenVariable));
  const params = options.params === undefined ? {} : { params: fromJson(readMapping(options.params)) };
  if (options.object === undefined) {
    if (options.oldObject !== undefined) throw new UsageError('--old-object needs --object');
    if (options.with.length > 0) throw new UsageError('--with needs --object');
    return { ...params, ...given };
  }
  const files = load(options.with, terminal);
  const request = requestFor(readObject(options.object), {
    namespace: options.namespace,
    user: 'someone',
    groups: [],
    kinds: files?.kinds ?? [],
    ...(options.oldObject === undefined ? {} : { oldObject: readObject(options.oldObject) }),
  });
  const facts = localFacts(files ?? { namespaces: [], tenants: [], set: emptySet }, options.tenant);
  const namespaceObject = request.namespace === '' ? null : facts.namespace(request.namespace);
  const base = baseBindings(subjectOf(request), { request, namespaceObject, tenant: facts.tenant(options.tenant) });
  const policy = files === undefined ? undefined : policyIn(files, options.policy);
  const settings = paramsOf(policy, request.namespace);
  const bindings = { ...base, ...(settings === undefined ? {} : { params: settings }), ...params, ...given };
  return policy === undefined
    ? bindings
    : withVariables(policy.variables, { bindings, steps: { limit: DEFAULT_LIMITS.expression, used: 0, effort: 4_000_000 } });
};

const tell = (message: string, place: { readonly source: string; readonly offset: number }): string =>
  place.offset < 0 ? `error: ${message}\n` : `error: ${message}\n${caretUnder(place.source, place.offset, '  ')}`;

const evaluate = (source: string, options: Options, terminal: Terminal): void => {
  const budget = { remaining: DEFAULT_LIMITS.expression };
  const bindings = bindingsFor(options, terminal);
  const outcome = compile(source, { variables: Object.keys(bindings) });
  if (!outcome.ok) {
    terminal.exit(EXIT_FINDINGS);
    if (options.output === 'json') return printJson(terminal, { expression: source, issues: outcome.issues });
    for (const { message, offset } of outcome.issues) terminal.err(tell(message, { source, offset }));
    return;
  }
  const result: Value | CelError = outcome.program.evaluate(bindings, budget);
  const type = celTypes.typeText(outcome.program.type);
  const cost = DEFAULT_LIMITS.expression - budget.remaining;
  if (isCelError(result)) {
    terminal.exit(EXIT_FINDINGS);
    const { message, offset } = result;
    if (options.output === 'json') return printJson(terminal, { expression: source, error: { message, offset }, cost });
    terminal.err(tell(message, { source, offset }));
    return terminal.err(`cost: ${cost}\n`);
  }
  if (options.output === 'json') return printJson(terminal, { expression: source, value: celJson(result), type, cost });
  terminal.out(`${celText(result)}\ntype: ${type}\ncost: ${cost}\n`);
};

export const evalCommand = (terminal: Terminal): Command =>
  new Command('eval')
    .description('evaluate a CEL expression')
    .argument('<expression>', 'the expression')
    .option('--object <file>', 'an object, as YAML or JSON: the variable object, and all that a policy has beside it')
    .option('--old-object <file>', 'the object before an update: the variable oldObject')
    .option('--params <file>', 'an object: the variable params')
    .option('--with <paths...>', 'policies, bindings, params, tenants and namespaces: documents or folders', [])
    .option('--policy <name>', 'the policy of these whose variables and params the expression may use')
    .option('--var <name=json>', 'a variable; may be given many times', (text: string, before: readonly string[]) => [...before, text], [])
    .option('--namespace <name>', 'namespace of the object where it names none', 'default')
    .option('--tenant <name>', 'tenant of that namespace', 'test')
    .addOption(new Option('--output <format>', 'how it is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((expression: string, options: Options) => evaluate(expression, options, terminal));
