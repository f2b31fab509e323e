// SPDX-License-Identifier: Apache-2.0
// writ eval: one expression, on the engine of the webhook.
import { Command, Option } from 'commander';
import { emptyTenant, governedNamespace } from '../policies/cases/run.ts';
import { celTypes, compile, fromJson, isCelError, parseJson } from '../policies/cel/index.ts';
import type { Bindings, CelError, Value } from '../policies/cel/index.ts';
import { baseBindings } from '../policies/decide/bindings.ts';
import { DEFAULT_LIMITS } from '../policies/decide/limits.ts';
import { celText } from '../policies/decide/value-text.ts';
import { subjectOf } from '../policies/subject/index.ts';
import { caretUnder } from './caret.ts';
import { celJson } from './cel-json.ts';
import { readMapping, readObject, requestFor } from './object-request.ts';
import { EXIT_FINDINGS, UsageError, printJson } from './output.ts';
import type { Format, Terminal } from './output.ts';

type Options = {
  readonly object?: string;
  readonly oldObject?: string;
  readonly params?: string;
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

Exit codes: 0 there is a value, 1 the expression does not compile or ended in an error, 2 wrong use.

Examples:
  writ eval '1 + 1'
  writ eval 'object.spec.containers.map(c, c.image)' --object pod.yaml
  writ eval 'x.startsWith(y)' --var x='"abc"' --var y=a --output json`;

const NAME = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

const given = (text: string): readonly [string, Value] => {
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

const bindingsFor = (options: Options): Bindings => {
  const variables = Object.fromEntries(options.var.map(given));
  const params = options.params === undefined ? {} : { params: fromJson(readMapping(options.params)) };
  if (options.object === undefined) {
    if (options.oldObject !== undefined) throw new UsageError('--old-object needs --object');
    return { ...params, ...variables };
  }
  const request = requestFor(readObject(options.object), {
    namespace: options.namespace,
    user: 'someone',
    groups: [],
    ...(options.oldObject === undefined ? {} : { oldObject: readObject(options.oldObject) }),
  });
  const namespaceObject = request.namespace === '' ? null : governedNamespace(request.namespace, options.tenant);
  const base = baseBindings(subjectOf(request), { request, namespaceObject, tenant: emptyTenant(options.tenant) });
  return { ...base, ...params, ...variables };
};

const tell = (message: string, place: { readonly source: string; readonly offset: number }): string =>
  place.offset < 0 ? `error: ${message}\n` : `error: ${message}\n${caretUnder(place.source, place.offset, '  ')}`;

const evaluate = (source: string, options: Options, terminal: Terminal): void => {
  const bindings = bindingsFor(options);
  const outcome = compile(source, { variables: Object.keys(bindings) });
  if (!outcome.ok) {
    terminal.exit(EXIT_FINDINGS);
    if (options.output === 'json') return printJson(terminal, { expression: source, issues: outcome.issues });
    for (const { message, offset } of outcome.issues) terminal.err(tell(message, { source, offset }));
    return;
  }
  const budget = { remaining: DEFAULT_LIMITS.expression };
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
    .option('--var <name=json>', 'a variable; may be given many times', (text: string, before: readonly string[]) => [...before, text], [])
    .option('--namespace <name>', 'namespace of the object where it names none', 'default')
    .option('--tenant <name>', 'tenant of that namespace', 'test')
    .addOption(new Option('--output <format>', 'how it is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((expression: string, options: Options) => evaluate(expression, options, terminal));
